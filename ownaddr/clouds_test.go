package ownaddr

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

func TestGoogle(t *testing.T) {
	found := []string{
		"found", "10.128.0.70 private ip", "2001:db8:4::70 public ipv6s",
		"203.0.113.9 public externalIp", "203.0.113.80 public forwardedIps",
	}
	tests := map[string]struct {
		service   http.Handler
		want      []string
		err, hint string
		took      time.Duration
	}{
		"all": {service: &googleService{body: googleNIC}, want: found},
		"private only": {
			service: &googleService{body: `[{"accessConfigs":[{"externalIp":"","type":"ONE_TO_ONE_NAT"}],"ip":"10.128.0.2"}]`},
			want:    []string{"found", "10.128.0.2 private ip"},
		},
		"no interfaces":       {service: &googleService{body: `[]`}, want: []string{"found nothing"}},
		"no such key":         {service: &googleService{status: 404}, want: []string{"found nothing"}},
		"not the real server": {service: &googleService{body: googleNIC, bare: true}, want: []string{"failed"}, err: "answered 200 without Metadata-Flavor: Google", hint: "something else answers there"},
		"EC2 instead":         {service: newEC2(), want: []string{"failed"}, err: "answered 404 without Metadata-Flavor: Google", hint: "something else"},
		"redirect":            {service: redirects("http://192.0.2.66/"), want: []string{"failed"}, err: "answered 302 without Metadata-Flavor", hint: "something else"},
		"forbidden":           {service: &googleService{status: 403}, want: []string{"failed"}, err: "answered 403 Forbidden"},
		"too often":           {service: &googleService{status: 429}, want: []string{"failed"}, err: "answered 429", hint: "ask too often"},
		"no JSON":             {service: &googleService{body: "<html>"}, want: []string{"failed"}, err: `answered "<html>", which is no list of interfaces`},
		"another form":        {service: &googleService{body: `{"ip":"10.128.0.2"}`}, want: []string{"failed"}, err: "which is no list of interfaces"},
		"a lie among truths": {
			service: &googleService{body: `[{"ip":"10.128.0.2","ipv6s":["::1","2001:db8:4::70"],"accessConfigs":[{"externalIp":"0.0.0.0"}]}]`},
			want:    []string{"found", "10.128.0.2 private ip", "2001:db8:4::70 public ipv6s"},
			err:     "ipv6s: refused: ::1 is a loopback address", hint: "something else answers",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newMachine(gce)
				m.serve(t, metadata, tt.service)
				r := m.finder().Find(t.Context())
				a := attempt(t, r, Google)
				expect(t, a, tt.err, tt.want...)
				mentions(t, "hint", a.Hint, tt.hint)
				mentions(t, "reason", a.Why, `DMI: product_name is "Google Compute Engine"`)
				if r.Took != tt.took {
					t.Errorf("took %v, want %v", r.Took, tt.took)
				}
			})
		})
	}
}

func TestAzure(t *testing.T) {
	tests := map[string]struct {
		service   http.Handler
		want      []string
		err, hint string
	}{
		"all": {
			service: &azureService{network: azureNIC, balancer: azureFront},
			want: []string{"found", "10.1.0.4 private privateIpAddress", "2001:db8:a::4 private privateIpAddress",
				"203.0.113.51 public frontendIpAddress"},
		},
		"behind no balancer": {
			service: &azureService{network: azureNIC},
			want:    []string{"found", "10.1.0.4 private privateIpAddress", "2001:db8:a::4 private privateIpAddress"},
		},
		"a public address of the Basic kind": {
			service: &azureService{network: `{"interface":[{"ipv4":{"ipAddress":[{"privateIpAddress":"10.1.0.4","publicIpAddress":"203.0.113.4"}]}}]}`},
			want:    []string{"found", "10.1.0.4 private privateIpAddress", "203.0.113.4 public publicIpAddress"},
		},
		"no interfaces": {service: &azureService{network: `{"interface":[]}`}, want: []string{"found nothing"}},
		"gone":          {service: &azureService{status: 410}, want: []string{"failed"}, err: "answered 410 Gone"},
		"too often":     {service: &azureService{status: 429}, want: []string{"failed"}, err: "answered 429", hint: "ask too often"},
		"redirect":      {service: redirects("http://192.0.2.66/"), want: []string{"failed"}, err: "redirects are not followed", hint: "captive portal"},
		"EC2 instead":   {service: newEC2(), want: []string{"failed"}, err: "answered 401 Unauthorized"},
		"no JSON":       {service: says(200, "<html>"), want: []string{"failed"}, err: `answered "<html>", which is no instance metadata`},
		"the second answer is no JSON": {
			service: &azureService{network: azureNIC, balancer: "<html>"},
			want:    []string{"found", "10.1.0.4 private privateIpAddress", "2001:db8:a::4 private privateIpAddress"},
			err:     "which is no instance metadata",
		},
		"a lie among truths": {
			service: &azureService{network: `{"interface":[{"ipv4":{"ipAddress":[{"privateIpAddress":"10.1.0.4","publicIpAddress":"X.X.X.X"}]}}]}`},
			want:    []string{"found", "10.1.0.4 private privateIpAddress"},
			err:     `publicIpAddress: refused: "X.X.X.X" is no IP address`, hint: "something else answers",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newMachine(azure)
				if ec2, ok := tt.service.(*ec2Service); ok {
					ec2.tokensRequired = true
				}
				m.serve(t, metadata, tt.service)
				a := attempt(t, m.finder().Find(t.Context()), Azure)
				expect(t, a, tt.err, tt.want...)
				mentions(t, "hint", a.Hint, tt.hint)
				mentions(t, "reason", a.Why, "DMI: chassis_asset_tag is Azure's")
			})
		})
	}
}

func TestECS(t *testing.T) {
	const endpoint = "169.254.170.2:80"
	v4 := map[string]string{ecsVariable4: "http://169.254.170.2/v4/ea32192c8553", ecsVariable3: "http://169.254.170.2/v3/ea32192c8553"}
	v3 := map[string]string{ecsVariable3: "http://169.254.170.2/v3/ea32192c8553"}
	found := []string{"found", "10.0.2.100 private IPv4Addresses", "2001:db8:e::100 public IPv6Addresses"}

	tests := map[string]struct {
		env     map[string]string
		path    string // that answers
		body    string
		want    []string
		why     string
		err     string
		dialled bool
	}{
		"version 4": {env: v4, path: "/v4/ea32192c8553", body: ecsContainer, want: found, why: ecsVariable4 + " is set", dialled: true},
		"version 3": {env: v3, path: "/v3/ea32192c8553", body: ecsContainer, want: found, why: ecsVariable3 + " is set", dialled: true},
		"the host's network": {
			env: v4, path: "/v4/ea32192c8553", body: `{"Networks":[{"NetworkMode":"host","IPv4Addresses":[""]}]}`,
			want: []string{"found nothing"}, why: ecsVariable4, dialled: true,
		},
		"unknown container": {env: v4, path: "/", want: []string{"failed"}, why: ecsVariable4, err: "answered 404 Not Found", dialled: true},
		"no JSON":           {env: v4, path: "/v4/ea32192c8553", body: "ok", want: []string{"failed"}, why: ecsVariable4, err: `answered "ok", which is no task metadata`, dialled: true},
		"not in ECS":        {path: "/", want: []string{"not tried"}, why: ecsVariable4 + " is not set"},
		"no URL":            {env: map[string]string{ecsVariable4: "/v4/id"}, path: "/", want: []string{"failed"}, why: ecsVariable4, err: "is no URL of the form http://host:port"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newMachine(qemu)
				m.env = tt.env
				mux := http.NewServeMux()
				if tt.path != "/" {
					mux.Handle(tt.path, says(200, tt.body))
				}
				m.serve(t, endpoint, mux)
				a := attempt(t, m.finder().Find(t.Context()), ECS)
				expect(t, a, tt.err, tt.want...)
				mentions(t, "reason", a.Why, tt.why)
				if dials := m.dialled(); len(dials) > 0 != tt.dialled {
					t.Errorf("dialled %v, want any: %v", dials, tt.dialled)
				}
			})
		})
	}
}

// TestGoogleHost has the variable that names another server, on a real socket.
func TestGoogleHost(t *testing.T) {
	f := onLoopback(t, &googleService{body: googleNIC}, func(url string) map[string]string {
		return map[string]string{googleVariable: url[len("http://"):]}
	})
	a := attempt(t, f.Find(t.Context()), Google)
	if a.Why != googleVariable+" is set" || a.Outcome != Found || len(a.Addresses) != 4 {
		t.Errorf("%s because %q, error %v, addresses %v; want 4 found because the variable is set", a.Outcome, a.Why, a.Err, a.Addresses)
	}
}
