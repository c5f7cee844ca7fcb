package diagnose

import (
	"encoding/xml"
	"io"
	"strings"
)

// complaintXML looks in an XML body for what says that something is wrong: an
// attribute or an element that is named as a JSON key would be, or the text of an
// element whose attribute names a part. It reads as far as it can.
func complaintXML(body string) (string, bool) {
	d := xml.NewDecoder(strings.NewReader(body))
	d.Strict = false
	d.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil }
	var keys, labels []string // of the open elements, outermost first
	for {
		token, err := d.Token()
		if err != nil {
			return "", false
		}
		switch t := token.(type) {
		case xml.StartElement:
			label := ""
			for _, a := range t.Attr {
				switch strings.ToLower(a.Name.Local) {
				case "name", "id", "key":
					label = a.Value
				}
			}
			keys, labels = append(keys, t.Name.Local), append(labels, label)
			for _, a := range t.Attr {
				if verdictOf(a.Name.Local, a.Value) < 0 {
					return join(elementName(keys, labels), a.Name.Local) + ": " + a.Value, true
				}
			}
		case xml.EndElement:
			if n := len(keys); n > 0 {
				keys, labels = keys[:n-1], labels[:n-1]
			}
		case xml.CharData:
			n, text := len(keys), strings.TrimSpace(string(t))
			if n == 0 || text == "" {
				continue
			}
			if verdictOf(keys[n-1], text) < 0 || labels[n-1] != "" && verdictOf(labels[n-1], text) < 0 || strings.EqualFold(keys[n-1], "faultstring") {
				return elementName(keys, labels) + ": " + text, true
			}
		}
	}
}

// elementName is what the innermost open element is called: by its attribute if it has one.
func elementName(keys, labels []string) string {
	n := len(keys) - 1
	if labels[n] != "" {
		return labels[n]
	}
	return keys[n]
}
