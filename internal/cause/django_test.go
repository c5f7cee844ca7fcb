package cause

import (
	"strings"
	"testing"

	"github.com/inservice/inservice/internal/realserver"
)

// runsInDjango runs files as modules of a project of Debian's Django, which is
// older than the newest: a name that it lacks would take the site down.
const runsInDjango = `
import sys, types
from django.conf import settings

settings.configure(INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes"], CACHES={"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}})
import django

django.setup()
for name in ["mysite", "mysite.views"]:
    sys.modules[name] = types.ModuleType(name)
for view in ["health", "page"]: # which everybody has under a name of his own
    setattr(sys.modules["mysite.views"], view, lambda request: None)
failed = False
for file in sys.argv[1:]:
    project = {"urlpatterns": [], "MIDDLEWARE": [], "ALLOWED_HOSTS": [], "DATABASES": {"default": {}}}
    try:
        exec(compile(open(file).read(), file, "exec"), project)
    except Exception as e:
        failed = True
        print(file, type(e).__name__, e)
sys.exit(failed)
`

// TestDjango: what is pasted into a project of Django runs there.
func TestDjango(t *testing.T) {
	program := realserver.Program(t, "/usr/bin/python3", "python3-django")
	p := place{t.TempDir()}
	args := []string{p.write(t, "run.py", runsInDjango)}
	for _, c := range All() {
		for _, f := range c.Fixes {
			if f.Software == "django" && f.Syntax == "python" {
				args = append(args, p.write(t, strings.ReplaceAll(string(c.ID)+"-"+f.File, "/", "-"), Fill(f.Lines, values())+"\n"))
			}
		}
	}
	p.run(t, program, args...)
}
