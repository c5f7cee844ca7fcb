package clinic

import (
	"fmt"
	"os"
	"strings"

	"github.com/inservice/inservice/internal/realserver"
)

// startTomcat starts one Tomcat; a Config is a web.xml without its outermost
// element. The web application is mounted at /app, if Config does not begin with
// "ROOT". What a case needs beside it is in every application.
func startTomcat(w *world, tenants []*tenant) {
	files := w.files(map[string]string{"conf/logging.properties": "handlers =\n"})
	if defaults, err := os.ReadFile("/usr/share/tomcat10/etc/web.xml"); err == nil { // else there is no Tomcat, and Start says so
		files["conf/web.xml"] = string(defaults)
	}
	var services strings.Builder
	for _, t := range tenants {
		config, root := strings.CutPrefix(t.config, "ROOT")
		connector, config := cutConnector(config)
		fmt.Fprintf(&services, `<Service name="%[1]s"><Connector address="%[2]s" port="%[3]s" maxThreads="8" minSpareThreads="1" %[4]s
<Engine name="%[1]s" defaultHost="localhost"><Host name="localhost" appBase="apps%[1]s" unpackWARs="false" autoDeploy="false"/></Engine></Service>
`, t.id, t.ip, t.port, connector)
		base := "apps" + t.id + "/app/"
		if root {
			base = "apps" + t.id + "/ROOT/"
		}
		files[base+"index.html"] = "<!doctype html><title>Shop</title><p>The shop\n"
		files[base+"alive"] = "fine\n"
		files[base+"boom.jsp"] = "<% if (true) throw new RuntimeException(\"no database\"); %>\n"
		files[base+"area/index.html"] = "area\n"
		files[base+"WEB-INF/web.xml"] = `<web-app xmlns="https://jakarta.ee/xml/ns/jakartaee" version="5.0">` + config + `</web-app>`
	}
	files["conf/server.xml"] = `<Server port="-1">` + services.String() + `</Server>`
	realserver.Start(w.t, realserver.Recipe{
		Name: "Tomcat", Debian: "tomcat10", Program: "/usr/share/tomcat10/bin/catalina.sh", Users: []string{"tomcat"},
		Args: []string{"run"},
		Env: []string{"CATALINA_HOME=/usr/share/tomcat10", "CATALINA_BASE={dir}", "CATALINA_TMPDIR={dir}",
			"JAVA_OPTS=-Xmx96m -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Djava.security.egd=file:/dev/urandom"},
		Files: files, Listens: listens(tenants),
	})
}

// cutConnector takes the connector's own part out of a Config: what stands
// before "|".
func cutConnector(config string) (connector, rest string) {
	if before, after, ok := strings.Cut(config, "|"); ok {
		return before, after
	}
	return "/>", config
}

var tomcatCases = []Case{
	{
		Name: "tomcat-context-slash", Server: "tomcat", Path: "/app", Want: "fail trailing_slash",
		Config: " ", Cure: "path=/app/ => 200",
		Trials: []string{"=> 302 head~/app/", "path=/app/ => 200", "host={site} => 302", "xfp=https => 302", "path=/nothing => 404"},
	}, {
		Name: "tomcat-confidential", Server: "tomcat", Path: "/alive", Want: "fail https_redirect_xfp_ignored",
		Config: `ROOTredirectPort="8443" />|<security-constraint><web-resource-collection><web-resource-name>all</web-resource-name><url-pattern>/*</url-pattern></web-resource-collection><user-data-constraint><transport-guarantee>CONFIDENTIAL</transport-guarantee></user-data-constraint></security-constraint>`,
		Mended: "ROOT",
		Trials: []string{"=> 302 location=https://10.20.30.40:8443/alive", "xfp=https => 302", "host={site} xfp=https => 302"},
	}, {
		Name: "tomcat-password", Server: "tomcat", Path: "/alive", Want: "fail auth_required",
		Config: `ROOT<security-constraint><web-resource-collection><web-resource-name>all</web-resource-name><url-pattern>/*</url-pattern></web-resource-collection><auth-constraint><role-name>staff</role-name></auth-constraint></security-constraint><login-config><auth-method>BASIC</auth-method></login-config><security-role><role-name>staff</role-name></security-role>`,
		Mended: "ROOT",
		Trials: []string{"=> 401 head~WWW-Authenticate", "host={site} => 401", "path=/nothing => 401"},
	}, {
		Name: "tomcat-jsp-fails", Server: "tomcat", Path: "/boom.jsp", Want: "fail app_error", Prime: []string{"patience=30 => 500"},
		Config: "ROOT", Mended: `ROOT<servlet-mapping><servlet-name>default</servlet-name><url-pattern>*.jsp</url-pattern></servlet-mapping>`,
		Trials: []string{"=> 500", "path=/alive => 200", "path=/ => 200", "path=/nothing => 404", "host={site} => 500"},
	}, {
		Name: "tomcat-area-slash", Server: "tomcat", Path: "/app/area", As: "elb", Want: "fail trailing_slash",
		Config: " ", Cure: "path=/app/area/ => 200",
		Trials: []string{"=> 302 head~/app/area/", "path=/app/area/ => 200", "path=/app/ => 200", "path=/nothing => 404"},
	}, {
		Name: "tomcat-healthy", Server: "tomcat", Path: "/alive", Want: "pass",
		Config: "ROOT", Trials: []string{"=> 200", "path=/ => 200", "path=/nothing => 404"},
	},
}
