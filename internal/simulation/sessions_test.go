package simulation

import (
	"strings"
	"testing"
)

// Who is logged in with the old login keeps it alive until they leave, or a person accepts it.
func TestWhoIsLoggedInIsNotCutOff(t *testing.T) {
	const followed = "rotate db; pass; wait 5m; pass; wait 10m; pass; wait 13m; pass; wait 13m; pass"
	for name, c := range map[string]struct {
		schedule string
		dead     bool
	}{
		"nobody is logged in":      {followed, true},
		"somebody is":              {"login db; " + followed, false},
		"somebody is, for a day":   {"login db; " + followed + "; wait 23h; pass", false},
		"a day after the proof":    {"login db; " + followed + "; wait 25h; pass; pass", true},
		"they log in after it":     {followed[:strings.LastIndex(followed, "; wait 13m")] + "; wait 30s", true},
		"they leave":               {"login db; " + followed + "; logout db; wait 16m; pass", true},
		"a person accepts it":      {"login db; " + followed + "; wait 2s; allow db; pass", true},
		"somebody logs in anew":    {"login db; " + followed + "; wait 2s; allow db; pass; login db; sweeps", true},
		"an emergency's deadline":  {"login db; emergency db 30m; sweeps; sweeps", true},
		"accepted before any look": {"login db; rotate db; allow db; wait 30m; pass; wait 13m; pass; wait 13m; pass", false},
	} {
		t.Run(name, func(t *testing.T) {
			s := Scenario{Name: "drivers", Manifest: "main"}.withSchedule(MustParse(strings.ReplaceAll(c.schedule, "; ", "\n")))
			w, err := s.Open(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, step := range s.Schedule {
				w.Step(step)
			}
			if accepted := len(w.databases["db"].listAccepted()); (accepted == 1) != c.dead {
				t.Errorf("%d logins are accepted; the last report waits for %v", accepted, listReasons(w.last))
			}
			w.Finish()
			for _, v := range w.Violations {
				t.Error(v)
			}
		})
	}
}
