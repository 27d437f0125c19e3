package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// values are what is imported into the sources of a desk.
const values = `{"A_KEY": "canary-import-a", "B_KEY": "canary-import-b", "C_KEY": "canary-import-c"}`

// importOn imports a file of values on a desk.
func importOn(t *testing.T, d *desk) error {
	t.Helper()
	path := filepath.Join(t.TempDir(), "values.json")
	if err := os.WriteFile(path, []byte(values), 0o600); err != nil {
		t.Fatal(err)
	}
	c := importValuesCmd{Env: "dev", Files: []string{path}, Replace: true}
	given, err := c.readFiles()
	if err != nil {
		t.Fatal(err)
	}
	i := importing{session: d.session, importValuesCmd: c, given: given}
	err = i.importOnce()
	if printed := d.out.String(); strings.Contains(printed, "canary") {
		t.Errorf("a value is printed:\n%s", printed)
	}
	return err
}

// listHeld returns which of the first three sources hold what is imported.
func listHeld(d *desk) (held []string) {
	for _, name := range []string{"a", "b", "c"} {
		if strings.Contains(secret.Reveal(d.value(name)), "canary-import-"+name) {
			held = append(held, name)
		}
	}
	return held
}

// TestAnImportThatIsInterruptedIsFinishedByTheNext: before every call that could change something, the person interrupts,
// or the call is lost; the next import ends with every value in its source.
func TestAnImportThatIsInterruptedIsFinishedByTheNext(t *testing.T) {
	whole := newDesk(t)
	writes := whole.broken(0, sim.Dropped)
	if err := importOn(t, whole); err != nil || len(listHeld(whole)) != 3 {
		t.Fatalf("%q hold it: %v\n%s", listHeld(whole), err, &whole.out)
	}
	if *writes < 6 {
		t.Fatalf("only %d calls change something", *writes)
	}
	for nth := 1; nth <= *writes; nth++ {
		for name, outcome := range map[string]sim.Outcome{"before": sim.Dropped, "after": sim.Lost} {
			d := newDesk(t)
			ctx, stop := context.WithCancel(t.Context())
			n := 0
			d.stage.Tap.OnCall(func(c sim.Call) sim.Fault {
				if c.Write {
					n++
				}
				if n >= nth && c.Write {
					stop()
					return sim.Fault{Outcome: outcome}
				}
				return sim.Fault{}
			})
			d.ctx = ctx
			if err := importOn(t, d); !errors.Is(err, context.Canceled) {
				t.Errorf("%s call %d: %v", name, nth, err)
			}
			if held := listHeld(d); !slices.Equal(held, []string{"a", "b", "c"}[:len(held)]) {
				t.Errorf("%s call %d: %q hold it, in no order", name, nth, held)
			}
			d.ctx = t.Context()
			d.whole()
			d.stage.Advance(time.Hour)
			if err := importOn(t, d); err != nil || len(listHeld(d)) != 3 {
				t.Errorf("%s call %d, and again: %q hold it: %v\n%s", name, nth, listHeld(d), err, &d.out)
			}
			stop()
		}
	}
}
