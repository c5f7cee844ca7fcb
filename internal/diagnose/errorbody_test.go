package diagnose

import (
	"strings"
	"testing"
)

func TestErrorInBody(t *testing.T) {
	for text, want := range map[string]bool{
		`{"status":"error"}`:       true,
		`{"status":"DOWN"}`:        true,
		`{"status":503}`:           true,
		`{"status":200,"db":"up"}`: false,
		`{"status":"up","checks":[{"name":"db","status":"fail"}]}`: true,
		`{"ok":false}`: true,
		`{"ok":true,"search":false,"cache":false}`:                 false,
		`{"ok":true,"database":false}`:                             true,
		`{"status":"ok","error":"cannot reach the queue"}`:         true,
		`{"status":"ok","error":""}`:                               false,
		`{"status":"ok","message":"no errors"}`:                    false,
		`{"status":"ok","mail":{"status":"down","optional":true}}`: false,
		`{"redis":"Connection refused"}`:                           true,
		`["ok"]`:                                                   false,
		`{"status":`:                                               false,
		"OK":                                                       false,
		"ok, errors: 0":                                            false,
		"no failures":                                              false,
		"database: down":                                           true,
		"FAIL":                                                     true,
		"not ok":                                                   true,
		"Traceback (most recent call last):\n  File":               true,
		"<status>DOWN</status>":                                    true,
		"<status>UP</status>":                                      false,
		"<html><h1>Internal Server Error</h1></html>":              true,
		"<html><title>Error tracking for teams</title>":            true, // a title that begins so is taken for one
		"<html><title>Track your errors</title></html>":            false,
		strings.Repeat("a long text without markup ", 60) + "error":                               false,
		"OK - error reporting enabled, fail2ban running, failover ready, downloads: 12, 0 errors": false,
		"all systems operational, nothing is down":                                                false,
		"jobs failed: 12":              false,
		"db: ok, cache: not connected": true,
		"0 errors\nredis: unreachable": true,
		"web ✓\nredis ❌":               true,
		"uptime: 3 days\nerrors: 0\nfailed requests: 0\nworkers down: none\nfatal: 0\nmaintenance: off\ndegraded=false\n": false,
		"database: down (retries: 0)":                                       true,
		"failed logins: -, broken pipes: 0, replica lag: 0.0 s":             false,
		"errors: 0 dead letters: 0":                                         false,
		"db down, errors: 0":                                                true,
		"See the manual for what to do when the server is down.":            false,
		"Error when connecting to the database":                             true,
		"Exception handling in Java":                                        false,
		"Exception in thread main":                                          true,
		"Webserver: in Ordnung\nDatenbank: Fehler (Verbindung abgelehnt)\n": true,
		"Datenbank nicht erreichbar":                                        true,
		"Alles in Ordnung. Fehler: 0, keine Störung":                        false,
		"Fehlerquote: 0 %":                                                  false,
		"healthy=false":                                                     true,
		"web: ok, ready: no":                                                true,
		"Fehler: 12":                                                        false,
		"keine Fehler":                                                      false,
		"Erreur de connexion à la base de données\n":                        true,
		"Aucune erreur":                                                     false,
		"base de datos: caída":                                              true,
		"sin errores, todo bien":                                            false,
		"banco de dados: indisponível":                                      true,
		"Ошибка: база данных недоступна":                                    true,
		"ошибок нет":                                                        false,
		"数据库连接失败":                                                           true,
		"状态: 正常, 错误: 0, 没有错误":                                               false,
		"データベース: エラー":                                                       true,
		"エラーなし":                                                             false,
		`{"errors":[{"message":"connect ECONNREFUSED","path":["health"]}],"data":null}`: true,
		`{"errors":[{"message":"gone"}]}`:                                               true,
		`{"errors":[{"message":"one field"}],"data":{"health":"ok"}}`:                   false,
		`{"status":"ok","errors":["an old one"]}`:                                       false,
		`{"errors":[],"data":{"health":"ok"}}`:                                          false,
		`{"errors":{"count":0,"last":null}}`:                                            false,
		`{"errors":{"database":["cannot be reached"]}}`:                                 true,
		`{"jsonrpc":"2.0","error":{"code":-32000,"message":"not synced"},"id":1}`:       true,
		`{"error":"none"}`:    false,
		`{"status":"Fehler"}`: true,
		`{"datenbank":"verbunden","database":"verbunden"}`:                                                  false,
		`<?xml version="1.0" encoding="ISO-8859-1"?><health><check name="database">FAILED</check></health>`: true,
		`<health><component id="redis" status="down"/></health>`:                                            true,
		`<health><component id="redis" status="up"/><errors>0</errors><error>none</error></health>`:         false,
		`<e:Envelope><e:Body><e:Fault><faultstring>no</faultstring></e:Fault></e:Body></e:Envelope>`:        true,
	} {
		if says, got := errorInBody(answer(200, text)); got != want {
			t.Errorf("%.60q: %v (%s), want %v", text, got, says, want)
		}
	}
}

// TestErrorInPage: what a server sends as HTML is read as what it is.
func TestErrorInPage(t *testing.T) {
	for text, want := range map[string]bool{
		"ERROR: cannot reach database":                    true,
		"web: OK\ndatabase: FAILED (could not connect)\n": true,
		"OK":                                     false,
		"OK - error reporting enabled, 0 errors": false,
		"<html><head><title>Health</title></head><body><h1>Health</h1><table><tr><td>web</td><td>OK</td></tr><tr><td>database</td><td>FAILED</td></tr></table></body></html>": true,
		"<table><tr><th>redis</th><td class='x'>Connection refused</td></tr></table>":                                                                                         true,
		"<ul><li>Queue: <b>unreachable</b></li></ul>":                                                   true,
		"<dl><dt>disk</dt><dd>ok</dd><dt>search</dt><dd>down: no node</dd></dl>":                        true,
		"<p>web ✓</p><p>postgres ✗</p>":                                                                 true,
		"<div>The database is unreachable.</div>":                                                       true,
		"<html><body>UNHEALTHY</body></html>":                                                           true,
		"<h1>Error 200 OK</h1><p>OK</p><h3>Guru Meditation:</h3><p>XID: 5</p>":                          false,
		"<title>200 Internal Server Error</title>":                                                      false,
		"<title>Internal Server Error</title>":                                                          true,
		"<html><title>Status</title><p>No errors. 0 checks failed. All systems operational.</p></html>": false,
		"<table><tr><th>Service</th><th>Errors</th></tr><tr><td>web</td><td>0</td></tr></table>":        false,
		"<table><tr><td>Jobs failed</td><td>0</td></tr><tr><td>Errors</td><td>12</td></tr></table>":     false,
		"<p>Report an error</p><a href=/e>Database errors</a><p>If something is broken, call us.</p>":   false,
		"<p>Error tracking for teams</p><p>Never miss a failed payment again</p>":                       false,
		"<style>.down{color:red}</style><script>var error = 'database: down'</script><p>Fine</p>":       false,
		"<html><title>Status blog</title><h1>How to fix a database error</h1><p>Our maintenance contracts; what to do when the server is down. Exception handling in Java. Welcome!</p></html>": false,
		"<p>If you are unable to connect, call us. Fehler melden</p><a href=/f>Fehler melden</a>":                                                                                               false,
		"<p>All is well. The database is unreachable.</p>":                           true,
		"<p>Die Datenbank ist nicht erreichbar.</p>":                                 true,
		"<html><title>Fehler 500</title></html>":                                     true,
		"<tr><td>Base de données</td><td>indisponible</td></tr>":                     true,
		"<tr><td>Fehler</td><td>0</td></tr><tr><td>数据库</td><td>正常</td></tr>":         false,
		"<tr><td>数据库</td><td>连接失败</td></tr>":                                         true,
		"<p>database: down</p>" + strings.Repeat("<p>a page that says much</p>", 40): false,
	} {
		if says, got := errorInBody(answer(200, text, "Content-Type: text/html; charset=utf-8")); got != want {
			t.Errorf("%.80q: %v (%s), want %v", text, got, says, want)
		}
	}
}
