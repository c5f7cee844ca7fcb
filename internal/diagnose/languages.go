package diagnose

import (
	"regexp"
	"slices"
	"strings"
)

// Words of other languages by which a health answer says that something is not well,
// and the parts that it says it of. English has its own, finer forms.
const (
	foreignBad = `fehler(haft)?|fehlgeschlagen|gest(ö|oe)rt|st(ö|oe)rung|ausfall|ausgefallen|nicht (erreichbar|verf(ü|ue)gbar|bereit|verbunden|ok)|unerreichbar|abgelehnt|` +
		`erreur|[ée]chec|[ée]chou[ée]e?|indisponible|injoignable|en panne|hors service|refus[ée]e?|` +
		`fallo|fallido|falla|ca[íi]d[oa]|no disponible|inaccesible|rechazad[oa]|` +
		`errore|guasto|non disponibile|irraggiungibile|fallit[oa]|rifiutat[oa]|` +
		`erro|falha|falhou|indispon[íi]vel|fora do ar|inacess[íi]vel|recusad[oa]|` +
		`fout|storing|niet (bereikbaar|beschikbaar)|mislukt|geweigerd|` +
		`b[łl][ąa]d|awaria|niedost[ęe]pn[aye]|fel|fejl|feil|otillg[äa]nglig|utilgj?[æe]ngelig|hata|` +
		`ошибка|сбой|недоступ(ен|на|но)|помилка`
	foreignParts = `datenbank|warteschlange|dienst|speicher|base de donn[ée]es|base de datos|servicio|banco de dados|servi[çc]o|servizio|databasen?|baza danych|usługa|база данных|сервис|veritabanı`
	// hanBad are such words of languages that put no space between words.
	hanBad   = `错误|錯誤|失败|失敗|异常|異常|故障|不可用|无法|無法|エラー|障害|できません|오류|실패|장애`
	deniedBy = `kein(e|en|er)?|ohne|null|aucune?|pas d['’]|sans|ning[uú]n[ao]?|sin|nessun[ao]?['’]?|senza|nenhuma?|sem|geen|zonder|brak|inga?|нет|без|0|no`
)

var (
	foreignDenied = regexp.MustCompile(`(?i)(^|[^\p{L}])(` + deniedBy + `)\s*(` + foreignBad + `)\p{L}*|(无|無|没有|沒有|0\s*(个|件)?)\s*(的)?(` + hanBad + `)|(` + hanBad + `)\s*(なし|はありません|없음)|(` + foreignBad + `|` + hanBad + `)(数|數)?\s*[:=：]\s*\d{1,2}($|[^\p{L}\p{N}])`)
	foreignBegins = regexp.MustCompile(`(?i)^[^\p{L}\p{N}]*(` + foreignBad + `)([^\p{L}-]|$)`)
	foreignCell   = regexp.MustCompile(`(?i)^[^:=：]{2,60}?(:|=|：|\s[–—-])[^\p{L}\p{N}]*((` + foreignBad + `)([^\p{L}-]|$)|\p{Han}{0,8}(` + hanBad + `))`)
	foreignEnds   = regexp.MustCompile(`(?i)(^|[^\p{L}])(` + foreignBad + `)[^\p{L}\p{N}]*$`)
	foreignWhole  = regexp.MustCompile(`(?i)^[^\p{L}\p{N}]*((` + foreignBad + `)|\p{Han}{0,8}(` + hanBad + `))[^\p{L}\p{N}]*$`)
	foreignPart   = regexp.MustCompile(`(?i)(^|[^\p{L}])(` + foreignParts + `)([^\p{L}]|$)`)
	hanWords      = regexp.MustCompile(hanBad)
)

// foreignTrouble reports whether a line of a text says in another language that
// something is not well: a clause of it begins or ends so, or it is a value.
func foreignTrouble(line string) bool {
	rest := foreignDenied.ReplaceAllString(settled.ReplaceAllString(line, ""), "")
	clauses := strings.FieldsFunc(rest, func(r rune) bool { return strings.ContainsRune(",;|，；、", r) })
	return hanWords.MatchString(rest) || slices.ContainsFunc(clauses, func(c string) bool {
		return foreignBegins.MatchString(c) || foreignCell.MatchString(c) || foreignEnds.MatchString(c)
	})
}

// foreignTroubleSeen is foreignTrouble for a line of a page, where headings and
// links use the same words: only a verdict's form counts, or that a part is named.
func foreignTroubleSeen(line string) bool {
	rest := foreignDenied.ReplaceAllString(settled.ReplaceAllString(line, ""), "")
	return foreignCell.MatchString(rest) || foreignWhole.MatchString(rest) ||
		(foreignPart.MatchString(rest) || parts.MatchString(rest)) && (foreignEnds.MatchString(rest) || foreignBegins.MatchString(rest))
}
