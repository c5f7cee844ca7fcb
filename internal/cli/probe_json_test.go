package cli

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// What --json prints follows docs/probe.schema.json in every way that there is to
// ask: one object, or an array of them, or the rows of --as all.
func TestProbeJSONFollowsItsSchema(t *testing.T) {
	site := startHandler(t, http.NotFoundHandler())
	config := filepath.Join(t.TempDir(), "haproxy.cfg")
	if err := os.WriteFile(config, fmt.Appendf(nil, "backend web\n\toption httpchk GET /health\n\tserver one %s check\n\tserver two 127.0.0.1:1 check\n", site), 0o644); err != nil {
		t.Fatal(err)
	}
	const one, row = "../../docs/probe.schema.json", "../../docs/probe.schema.json#/$defs/row"
	for _, test := range []struct {
		schema string
		args   []string
	}{
		{one, []string{"http://" + site + "/health", "--listening"}},
		{one, []string{"http://127.0.0.1:1/", "--quick", "--listening"}},
		{one, []string{"http://192.0.2.1/", "--quick", "--listening", "--timeout", "0.1"}},
		{one, []string{"unix:" + t.TempDir() + "/socket", "--quick", "--listening"}},
		{one, []string{"tcp://" + site, "--as", "nlb-tcp"}},
		{one, []string{"--from", config}},
		{row, []string{"http://" + site + "/health", "--as", "all"}},
	} {
		var out, complaints bytes.Buffer
		Run(append(append([]string{"probe"}, test.args...), "--json"), &out, &complaints)
		value, err := jsonschema.UnmarshalJSON(&out)
		if err != nil {
			t.Errorf("%q: %v (%s)", test.args, err, complaints.String())
			continue
		}
		schema, err := jsonschema.NewCompiler().Compile(test.schema)
		if err != nil {
			t.Fatal(err)
		}
		objects, many := value.([]any)
		if !many {
			objects = []any{value}
		}
		for _, o := range objects {
			if err := schema.Validate(o); err != nil {
				t.Errorf("%q: %v", test.args, err)
			}
		}
	}
}
