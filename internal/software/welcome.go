package software

import "strings"

// fresh is a page that a program shows where nothing is set up yet.
type fresh struct {
	name  string
	title string // the title of the page, or its beginning if it ends in …
	says  string // in the body too, if not empty
}

// welcomes are the pages of fresh installations, by their titles. Seen by us:
// those that Debian's packages bring, nginx's, Apache's, lighttpd's and Tomcat's.
var welcomes = []fresh{
	{"nginx", "Welcome to nginx!", "Welcome to nginx!</h1>"},
	{"nginx", "Test Page for the Nginx HTTP Server…", ""},
	{"nginx", "Welcome to nginx on …", ""},
	{"openresty", "Welcome to OpenResty!", ""},
	{"apache", "Apache2 Debian Default Page: It works", ""},
	{"apache", "Apache2 Ubuntu Default Page: It works", ""},
	{"apache", "Apache HTTP Server Test Page…", ""},
	{"apache", "Test Page for the Apache HTTP Server…", ""},
	{"apache", "HTTP Server Test Page powered by…", ""},
	{"apache", "It works! Apache httpd", ""},
	{"lighttpd", "Welcome page", "lighttpd"},
	{"lighttpd", "lighttpd - fly light.", ""},
	{"caddy", "Caddy works!", ""},
	{"litespeed", "Welcome to LiteSpeed…", ""},
	{"iis", "IIS Windows Server", ""},
	{"iis", "IIS Windows", ""},
	{"iis", "IIS7", ""},
	{"iis", "IIS 8.5", ""},
	{"tomcat", "Apache Tomcat", "It works !"},
	{"tomcat", "Apache Tomcat/…", "successfully installed Tomcat"},
	{"wildfly", "Welcome to WildFly…", ""},
	{"jetty", "Welcome to Jetty…", ""},
	{"xampp", "Welcome to XAMPP", ""},
	{"plesk", "Web Server's Default Page", ""},
	{"plesk", "Domain Default page", ""},
	{"plesk", "Default Parallels Plesk…", ""},
	{"cpanel", "Default Web Site Page", ""},
	{"symfony", "Welcome to Symfony!", ""},
	{"nextjs", "Create Next App", ""},
	{"vite", "Vite + …", "/@vite/client"},
	{"phoenix", "Phoenix Framework…", "Peace of mind"},
	{"varnish", "Welcome to Varnish…", ""},
}

// welcome adds the page of a fresh installation that the answer is.
func (s *seen) welcome(add func(Guess)) {
	if s.Status != 200 {
		return
	}
	for _, w := range welcomes {
		begin, open := strings.CutSuffix(w.title, "…")
		if s.title != begin && !(open && strings.HasPrefix(s.title, begin)) || !strings.Contains(s.body, w.says) {
			continue
		}
		add(Guess{Name: w.name, Confidence: 0.9, Page: PageWelcome, Evidence: "the page of a fresh installation, titled " + show(s.title)})
		return
	}
	// Apache's page where no distribution has replaced it.
	if s.whole && strings.Join(strings.Fields(s.body), "") == "<html><body><h1>Itworks!</h1></body></html>" {
		add(Guess{Name: "apache", Confidence: 0.9, Page: PageWelcome, Evidence: `the page of a fresh installation, which says "It works!"`})
	}
}
