package diagnose

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/inservice/inservice/internal/exchange"
)

// neighbours are other paths, and who answers them.
type neighbours struct {
	sibling view // in the same part of the site, below the failing path or of its kind
	root    view
	app     view // one that the app behind the front server answers; not ok if there is none
}

// neighbours asks other paths. Below the failing one is, nearly always, the same
// location of the front server's configuration, and so the same app; others may go
// to another one.
func (d *desk) neighbours(v view) neighbours {
	n := neighbours{sibling: d.beside(v, pathChange("below", below(v.request().Path))), root: d.root(v)}
	list := []view{n.sibling, d.random(v), n.root}
	if p, ok := akin(v.request().Path); ok {
		// A location may be one of names that end alike: .php goes to one app.
		w := d.beside(v, pathChange("akin", p))
		list = append(list, w)
		if w.speaks() && w.status() >= 502 && n.sibling.status() < 502 {
			n.sibling = w
		}
	}
	for _, w := range list {
		if w.speaks() && w.name != v.name && w.status() <= 500 && !w.frontPage() && !ownFile(w.answer()) {
			n.app = w
			break
		}
	}
	return n
}

// akin is a path that cannot exist, of the same folder and ending as another one;
// not ok if that has no ending.
func akin(path string) (string, bool) {
	p, _, _ := cutQuery(path)
	i := strings.LastIndexByte(p, '/')
	dot := strings.LastIndexByte(p, '.')
	if i < 0 || dot <= i+1 || dot == len(p)-1 {
		return "", false
	}
	return p[:i] + randomPath + p[dot:], true
}

// ownFile reports whether an answer is a file that the front server has read itself:
// its ETag is made of the file's time and length as nginx, Apache and Caddy make it,
// and both stand in the answer beside it.
func ownFile(a exchange.Answer) bool {
	modified, err := http.ParseTime(a.Get("Last-Modified"))
	tag := a.Get("ETag")
	if err != nil || len(tag) < 4 || tag[0] != '"' || a.Get("X-Powered-By") != "" {
		return false
	}
	tag = strings.Trim(tag, `"`)
	at, length := modified.Unix(), strconv.FormatInt(a.BodySize, 10)
	if given := a.Get("Content-Length"); given != "" {
		length = given
	}
	size, err := strconv.ParseInt(length, 10, 64)
	if err != nil {
		return false
	}
	hexSize := strconv.FormatInt(size, 16)
	first, second, _ := strings.Cut(tag, "-")
	micro, err := strconv.ParseInt(second, 16, 64)
	return tag == strconv.FormatInt(at, 16)+"-"+hexSize || // nginx
		first == hexSize && err == nil && micro/1e6 == at || // Apache
		tag == strconv.FormatInt(at, 36)+strconv.FormatInt(size, 36) // Caddy
}

// below is a path that cannot exist, below another one.
func below(path string) string {
	p, _, _ := cutQuery(path)
	if p == "" || p[len(p)-1] != '/' {
		p += "/"
	}
	return p + randomPath[1:]
}

// apart says what it means that the front server fails here while an app behind it
// answers elsewhere: where the same part of the site fails alike, that part's app is
// down; where the path is alone, the app's answer is the matter, if the front
// server says so with this status (blames).
func (n neighbours) apart(v view, blames bool) outcome {
	a, app := v.answer(), n.app
	elsewhere := fmt.Sprintf("%s is answered by the app behind (%s)", quoted(app.request().Path), told(app.answer()))
	if n.sibling.speaks() && n.sibling.status() >= 502 {
		f := seen("upstream_down", 0.85, fmt.Sprintf("%s gives %s as well, and %s: what stands behind this part of the site refuses the connection.", quoted(n.sibling.request().Path), told(n.sibling.answer()), elsewhere), v, n.sibling, app)
		bad := seen("upstream_bad_response", 0.3, "Or the app behind answers in this part of the site what the front server cannot use.", v)
		if path, _, _ := cutQuery(v.request().Path); strings.LastIndexByte(path, '/') == 0 {
			// The part is this path and what is below it: a view may break for all of it.
			f.Confidence, bad.Confidence = 0.7, 0.45
		}
		return only(f, bad)
	}
	bad := seen("upstream_bad_response", 0.92, fmt.Sprintf("Only this path gives %d: %s. It is the answer that the front server cannot use.", a.Status, elsewhere), v, app)
	down := seen("upstream_down", 0.2, "This path alone may go to another server, which is down.", v)
	if !blames {
		down = seen("upstream_down", 0.75, fmt.Sprintf("Only this path gives %d: %s. The front server has another status for an answer that it cannot use, so that this path goes to a server of its own, which is down.", a.Status, elsewhere), v, app)
		return only(down, seen("upstream_bad_response", 0.35, "Or the app behind gives an answer that the front server cannot use.", v))
	}
	if a.Phases.Total >= waited {
		bad.Confidence = 0.6
		return only(bad, seen("upstream_timeout", 0.5, fmt.Sprintf("It comes only after %.1f s: on this path the app may hang until something ends it.", a.Phases.Total.Seconds()), v), down)
	}
	return only(bad, down)
}
