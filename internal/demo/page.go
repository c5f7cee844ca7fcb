package demo

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

//go:embed page.html
var pageSource string

var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"word": func(status string) string { return strings.ReplaceAll(status, " ", "-") }, // as a class
}).Parse(pageSource))

// pageHandler shows the table in a browser, live, with buttons to break things. A
// page of another site can't press them: requests from other origins are refused,
// and so is a name for this address, which that site's DNS might have given it.
func (d *demo) pageHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", d.showPage)
	mux.HandleFunc("GET /live", d.livePage)
	mux.HandleFunc("POST /break", func(w http.ResponseWriter, r *http.Request) {
		if _, err := d.breakSite(r.FormValue("instance"), r.FormValue("fault")); err != nil {
			http.Error(w, err.Error(), breakStatus(err))
			return
		}
		http.Redirect(w, r, "/", http.StatusSeeOther)
	})
	sameOrigin := http.NewCrossOriginProtection().Handler(mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !plainHost(r.Host) {
			http.Error(w, "ask for this page by an address or as localhost", http.StatusForbidden)
			return
		}
		sameOrigin.ServeHTTP(w, r)
	})
}

// plainHost reports whether a Host is an IP address or localhost, which no DNS
// server can point elsewhere.
func plainHost(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	_, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil || strings.EqualFold(host, "localhost")
}

type pageData struct {
	Front  string
	Rows   []pageRow
	Faults []Fault
	Fooled bool // some row has the two verdicts apart
	Opened bool // users are sent to what is out of service
}

type pageRow struct {
	Row
	Fooled bool
	Effect string // what is wrong, empty when nothing
}

func (d *demo) pageData() pageData {
	rows, _ := d.board.state()
	data := pageData{Front: "http://" + d.balancer.Addrs()[0].String() + "/", Faults: Faults()}
	for _, r := range rows {
		row := pageRow{Row: r, Fooled: r.fooled()}
		if r.Fault != None {
			row.Effect = r.Fault.Effect()
		}
		data.Fooled = data.Fooled || row.Fooled
		data.Opened = data.Opened || r.opened()
		data.Rows = append(data.Rows, row)
	}
	return data
}

func (d *demo) showPage(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Cache-Control", "no-store")
	header.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; form-action 'self'; frame-ancestors 'none'")
	if err := page.Execute(w, d.pageData()); err != nil {
		d.options.Log.Debug("page", "error", err) // the browser has gone
	}
}

// livePage sends the table as a server-sent event, now and after each change.
func (d *demo) livePage(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	stream := http.NewResponseController(w)
	wake, end := d.board.watch()
	defer end()
	for {
		var table bytes.Buffer
		if err := page.ExecuteTemplate(&table, "table", d.pageData()); err != nil {
			d.options.Log.Error("the page can't be made", "error", err)
			return
		}
		for line := range strings.Lines(table.String()) {
			fmt.Fprintf(w, "data: %s\n", strings.TrimRight(line, "\n"))
		}
		fmt.Fprint(w, "\n")
		if stream.Flush() != nil {
			return
		}
		select {
		case <-wake:
		case <-r.Context().Done():
			return
		}
	}
}
