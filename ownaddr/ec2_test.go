package ownaddr

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// all is what newEC2 knows, as summary has it.
var all = []string{
	"found",
	"10.0.0.5 private local-ipv4", "198.51.100.7 public public-ipv4",
	"2001:db8:8:4::2 public ipv6s", "2001:db8:8:4::3 public ipv6s",
}

// byV1 is the same by version 1.
func byV1(lines []string) []string {
	marked := slices.Clone(lines)
	for i := 1; i < len(marked); i++ {
		marked[i] += " (IMDSv1)"
	}
	return marked
}

// TestEC2 has one service after another at the address where DMI says that it
// is, in virtual time: what is found, what is said about it, and after how long.
func TestEC2(t *testing.T) {
	const hops = "--http-put-response-hop-limit 2"
	tests := map[string]struct {
		service *ec2Service // nil: one with nothing special
		take    []string    // values that the instance does not have
		allowV1 bool
		env     map[string]string

		want      []string
		err, hint string
		took      time.Duration
		v1        int // requests of version 1
	}{
		"version 2, tokens required":               {service: &ec2Service{tokensRequired: true}, want: all},
		"version 2, tokens optional":               {want: all},
		"version 2, although version 1 is allowed": {allowV1: true, want: all},
		"private only": {
			take: []string{"public-ipv4", "network/interfaces/macs/" + ec2Mac + "/ipv6s"},
			want: []string{"found", "10.0.0.5 private local-ipv4"},
		},
		"no address at all": {
			take: []string{"local-ipv4", "public-ipv4", "mac"},
			want: []string{"found nothing"},
		},
		"slow": {service: &ec2Service{delay: 300 * time.Millisecond}, want: all, took: 1500 * time.Millisecond},
		"too slow to finish": {
			service: &ec2Service{delay: 600 * time.Millisecond},
			want:    all[:3],
			err:     "169.254.169.254:80 accepted the connection and said nothing for 200ms", took: 2 * time.Second,
			hint: "does not answer as a metadata service would",
		},
		"token forgotten once": {service: &ec2Service{forgetful: 1}, want: all},
		"tokens never good": {
			service: &ec2Service{forgetful: 1000},
			want:    []string{"failed"},
			err:     "local-ipv4: answered 401 Unauthorized", hint: "something stands between",
		},
		"switched off": {
			service: &ec2Service{off: true},
			want:    []string{"failed"},
			err:     "token request: answered 403 Forbidden",
			hint:    "aws ec2 modify-instance-metadata-options --instance-id i-0af01c0123456789a --http-endpoint enabled",
		},
		"switched off, version 1 allowed": {
			service: &ec2Service{off: true}, allowV1: true,
			want: []string{"failed"},
			err:  "version 1: local-ipv4: answered 403 Forbidden", hint: "--http-endpoint enabled",
		},
		"version 1 only": {
			service: &ec2Service{onlyV1: true},
			want:    []string{"failed"},
			err:     "token request: answered 405 Method Not Allowed",
		},
		"version 1 only, allowed": {
			service: &ec2Service{onlyV1: true}, allowV1: true,
			want: byV1(all), hint: "asked by version 1, as you allow", v1: 4,
		},
		"version 1 only, allowed here and forbidden by the environment": {
			service: &ec2Service{onlyV1: true}, allowV1: true, env: map[string]string{imdsV1Disabled: "True"},
			want: []string{"failed"},
			err:  "token request: answered 405 Method Not Allowed",
		},
		"hop limit": {
			service: &ec2Service{hopLimit: true},
			want:    []string{"failed"}, took: time.Second,
			err: "said nothing for 1s, yet other questions are answered at once", hint: hops,
		},
		"hop limit, tokens required": {
			service: &ec2Service{hopLimit: true, tokensRequired: true},
			want:    []string{"failed"}, took: time.Second,
			err: "(hop limit)", hint: "--instance-id i-0af01c0123456789a " + hops,
		},
		"hop limit, version 1 allowed": {
			service: &ec2Service{hopLimit: true}, allowV1: true,
			want: byV1(all), hint: hops, took: time.Second, v1: 4,
		},
		"hop limit, version 1 allowed and refused": {
			service: &ec2Service{hopLimit: true, tokensRequired: true}, allowV1: true,
			want: []string{"failed"}, took: time.Second,
			err: "version 1: local-ipv4: answered 401 Unauthorized", hint: hops, v1: 1,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newMachine(nitro)
				m.env = tt.env
				service := tt.service
				if service == nil {
					service = new(ec2Service)
				}
				service.values = newEC2().values
				for _, name := range tt.take {
					service.set(name, "")
				}
				m.serve(t, metadata, service)

				f := m.finder()
				f.AllowIMDSv1 = tt.allowV1
				r := f.Find(t.Context())
				a := attempt(t, r, EC2)
				expect(t, a, tt.err, tt.want...)
				mentions(t, "hint", a.Hint, tt.hint)
				if a.Took != tt.took || r.Took != tt.took {
					t.Errorf("took %v, the look %v, want %v", a.Took, r.Took, tt.took)
				}
				if want := `DMI: sys_vendor is "Amazon EC2"`; a.Why != want || a.Endpoint != imdsBase {
					t.Errorf("asked %q because %q, want %q because %q", a.Endpoint, a.Why, imdsBase, want)
				}
				if service.v1 != tt.v1 {
					t.Errorf("%d requests of version 1, want %d", service.v1, tt.v1)
				}
				if len(service.strange) > 0 {
					t.Errorf("requests of an unknown agent or with X-Forwarded-For: %v", service.strange)
				}
			})
		})
	}
}

// TestEC2Unreachable has no service where DMI promises one.
func TestEC2Unreachable(t *testing.T) {
	tests := map[string]struct {
		network   func(t *testing.T, m *machine)
		err, hint string
		took      time.Duration
	}{
		"closed port": {
			network: func(*testing.T, *machine) {},
			err:     "no connection to 169.254.169.254:80: connection refused", hint: "nothing listens there",
		},
		"packets vanish": {
			network: func(t *testing.T, m *machine) { m.unroutable(t, metadata) },
			err:     "no connection to 169.254.169.254:80 within 1s", hint: "packets to it are dropped", took: time.Second,
		},
		"accepts and says nothing": {
			network: func(t *testing.T, m *machine) { m.swallow(t, metadata) },
			err:     "accepted the connection and said nothing for 1s", hint: "does not answer as a metadata service", took: 2 * time.Second,
		},
		"redirects": {
			network: func(t *testing.T, m *machine) { m.serve(t, metadata, redirects("http://192.0.2.66/")) },
			err:     `answered 302 Found, to "http://192.0.2.66/": redirects are not followed`, hint: "something else answers there",
		},
		"has trouble": {
			network: func(t *testing.T, m *machine) { m.serve(t, metadata, says(500, "oops")) },
			err:     "answered 500 Internal Server Error", hint: "trouble of its own",
		},
		"is asked too often": {
			network: func(t *testing.T, m *machine) { m.serve(t, metadata, says(429, "")) },
			err:     "answered 429 Too Many Requests", hint: "others on this machine ask too often",
		},
		"finds the request malformed": {
			network: func(t *testing.T, m *machine) { m.serve(t, metadata, says(400, "")) },
			err:     "answered 400 Bad Request", hint: "changes its headers",
		},
		"is no HTTP server": {
			network: func(t *testing.T, m *machine) {
				m.shout(t, metadata, "SSH-2.0-OpenSSH_9.2 "+strings.Repeat("x", 1000)+"\r\n")
			},
			err: "can't be read: malformed HTTP",
		},
		"hangs up": {
			network: func(t *testing.T, m *machine) { m.shout(t, metadata, "") },
			err:     "ended the connection without an answer: EOF",
		},
		"breaks off": {
			network: func(t *testing.T, m *machine) {
				m.shout(t, metadata, "HTTP/1.1 200 OK\r\nContent-Length: 56\r\n\r\nAQ")
			},
			err: "can't be read: unexpected EOF",
		},
		"answers without end": {
			network: func(t *testing.T, m *machine) {
				m.shout(t, metadata, "HTTP/1.1 200 OK\r\n\r\n"+strings.Repeat("A", 1<<20))
			},
			err: "can't be read: it is longer than 64 KiB",
		},
		"answers a header without end": {
			network: func(t *testing.T, m *machine) {
				m.shout(t, metadata, "HTTP/1.1 200 OK\r\nA: "+strings.Repeat("A", 1<<20))
			},
			err: "can't be read: it is longer than 64 KiB",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newMachine(nitro)
				tt.network(t, m)
				r := m.finder().Find(t.Context())
				a := attempt(t, r, EC2)
				expect(t, a, tt.err, "failed")
				mentions(t, "hint", a.Hint, tt.hint)
				if r.Took != tt.took {
					t.Errorf("took %v, want %v", r.Took, tt.took)
				}
				if len(a.Err.Error()) > 400 {
					t.Errorf("the error has %d bytes: it repeats what a stranger sent", len(a.Err.Error()))
				}
				for _, address := range m.dialled() {
					if address != metadata {
						t.Errorf("dialled %s: nobody but the service is to be asked", address)
					}
				}
				expect(t, attempt(t, r, Interfaces), "", "found", "10.0.0.5 private eth0")
			})
		})
	}
}

// TestEC2Lies has a service that is polite and untruthful.
func TestEC2Lies(t *testing.T) {
	for name, lie := range map[string]string{
		"HTML":         "<html><body>Welcome to the hotel's network</body></html>",
		"no machine":   "0.0.0.0",
		"this network": "0.1.2.3",
		"unspecified":  "::",
		"loopback":     "127.0.0.1",
		"disguised":    "::ffff:127.0.0.1",
		"loopback 6":   "::1",
		"multicast":    "224.0.0.251",
		"multicast 6":  "ff02::1",
		"broadcast":    "255.255.255.255",
		"link-local":   "169.254.169.254",
		"a network":    "10.0.0.0/8",
		"two at once":  "10.0.0.5,10.0.0.6",
		"a name":       "localhost",
		"zone":         "fe80::1%eth0",
		"long":         strings.Repeat("9", 60_000),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newMachine(nitro)
				service := newEC2()
				service.set("local-ipv4", lie)
				service.set("network/interfaces/macs/"+ec2Mac+"/ipv6s", lie+"\n2001:db8:8:4::3")
				m.serve(t, metadata, service)
				a := attempt(t, m.finder().Find(t.Context()), EC2)
				expect(t, a, "local-ipv4: refused: ", "found", "198.51.100.7 public public-ipv4", "2001:db8:8:4::3 public ipv6s")
				mentions(t, "hint", a.Hint, "something else answers there")
				if text := a.Err.Error(); len(text) > 1000 || strings.Contains(text, strings.Repeat("9", 100)) {
					t.Errorf("the error repeats the lie: %d bytes", len(text))
				}
			})
		})
	}
}

// TestEC2LiesInPlaces has lies that would become part of the next request.
func TestEC2LiesInPlaces(t *testing.T) {
	t.Run("hardware address", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			m := newMachine(nitro)
			service := newEC2()
			service.set("mac", "../../../iam/security-credentials")
			m.serve(t, metadata, service)
			a := attempt(t, m.finder().Find(t.Context()), EC2)
			expect(t, a, "mac: refused: ", all[:3]...)
			want := []string{"/latest/meta-data/local-ipv4", "/latest/meta-data/public-ipv4", "/latest/meta-data/mac"}
			if !slices.Equal(service.paths, want) {
				t.Errorf("asked for %v, want %v", service.paths, want)
			}
		})
	})
	for name, token := range map[string]string{
		"HTML":      "<html>\n<body>",
		"injection": "AQAE\r\nX-Evil: 1",
		"binary":    "AQ\x00\xff",
		"blank":     " \n",
		"long":      strings.Repeat("x", 100_000),
	} {
		t.Run("token/"+name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newMachine(nitro)
				service := newEC2()
				service.token = token
				m.serve(t, metadata, service)
				a := attempt(t, m.finder().Find(t.Context()), EC2)
				expect(t, a, "token request: ", "failed")
				if len(service.paths) > 0 {
					t.Errorf("asked for %v with that token", service.paths)
				}
				if strings.Contains(a.Err.Error(), token) {
					t.Error("the error shows the token")
				}
			})
		})
	}
}

// TestEC2Endpoints has the environment say where, or that not.
func TestEC2Endpoints(t *testing.T) {
	tests := map[string]struct {
		env  map[string]string
		dmi  map[string]string
		want []string // dialled first
		why  string
	}{
		"DMI":              {dmi: nitro, want: []string{metadata}, why: `DMI: sys_vendor is "Amazon EC2"`},
		"Xen":              {dmi: xen, want: []string{metadata}, why: `DMI: bios_version is "4.2.amazon"`},
		"by IPv6":          {dmi: nitro, env: map[string]string{imdsEndpointMode: "IPv6"}, want: []string{"[fd00:ec2::254]:80"}, why: "DMI"},
		"endpoint":         {dmi: qemu, env: map[string]string{imdsEndpoint: "http://192.0.2.9:1338/"}, want: []string{"192.0.2.9:1338"}, why: imdsEndpoint + " is set"},
		"disabled":         {dmi: nitro, env: map[string]string{imdsDisabled: "TRUE", imdsEndpoint: "http://192.0.2.9"}, why: imdsDisabled + " is true"},
		"not disabled":     {dmi: nitro, env: map[string]string{imdsDisabled: "false"}, want: []string{metadata}, why: "DMI"},
		"elsewhere":        {dmi: qemu, why: `nothing says so: DMI calls this machine "Standard PC (Q35 + ICH9, 2009)" by "QEMU"`},
		"nothing is known": {why: "nothing says so: this system shows no DMI data"},
		"no URL":           {env: map[string]string{imdsEndpoint: "169.254.169.254"}, why: imdsEndpoint + " is set"},
		"no http":          {env: map[string]string{imdsEndpoint: "https://u:s3cret@192.0.2.9/"}, why: imdsEndpoint + " is set"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newMachine(tt.dmi)
				m.env = tt.env
				a := attempt(t, m.finder().Find(t.Context()), EC2)
				mentions(t, "reason", a.Why, tt.why)
				if dials := m.dialled(); !slices.Equal(dials, tt.want) {
					t.Errorf("dialled %v, want %v", dials, tt.want)
				}
				if tt.env[imdsEndpoint] == "" && len(tt.want) == 0 && a.Outcome != NotTried {
					t.Errorf("outcome %q, want %q", a.Outcome, NotTried)
				}
				if shown := fmt.Sprint(a); strings.Contains(shown, "s3cret") {
					t.Errorf("shows a password: %s", shown)
				}
			})
		})
	}
}

// TestEC2OnRealSockets asks a service of loopback, with the kernel in between.
func TestEC2OnRealSockets(t *testing.T) {
	service := newEC2()
	f := onLoopback(t, service, func(url string) map[string]string { return map[string]string{imdsEndpoint: url} })
	expect(t, attempt(t, f.Find(t.Context()), EC2), "", all...)
	if len(service.puts) != 1 {
		t.Errorf("%d token requests, want 1", len(service.puts))
	}
}

// TestNobodyListens asks a port of loopback that was just closed.
func TestNobodyListens(t *testing.T) {
	f := onLoopback(t, nil, func(url string) map[string]string { return map[string]string{ecsVariable4: url} })
	a := attempt(t, f.Find(t.Context()), ECS)
	expect(t, a, "connection refused", "failed")
	mentions(t, "hint", a.Hint, "nothing listens there")
}
