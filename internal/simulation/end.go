package simulation

import (
	"maps"
	"slices"
	"time"

	"github.com/rotary-secrets/rotary/internal/stage"
	"github.com/rotary-secrets/rotary/internal/standin/github"
	"github.com/rotary-secrets/rotary/internal/standin/vercel"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/operate"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

const (
	sweep    = 5 * time.Minute // between two passes that nobody asked for
	longest  = 100             // passes until everything has settled
	patience = 30              // passes after which people mend what is broken
	inTwo    = 2               // passes in which every bucket is written
)

// runUntilSettled runs until nothing is left to do or to wait for: Secrets Manager tries an unfinished rotation again,
// the schedule sweeps, pipelines deploy, and people revoke what rotary reports as safe to revoke.
func runUntilSettled(w *World, _ []string) error {
	same, sources := 0, "" // passes over the same versions of the sources, and which these are
	for n := range longest {
		if n == patience {
			w.mendEverything()
		}
		w.retryRotations()
		if now := w.listCurrents(); now != sources {
			same, sources = 0, now
		}
		if err := w.runPass(w.ctx); err != nil {
			w.keepText("pass: %v", err)
		} else if same++; w.last.Converged && !w.lookForOrphans() {
			return nil
		}
		switch {
		case sources != w.listCurrents():
			same = 0 // somebody put one while the pass was under way
		case same > inTwo && writesBucket(w.last):
			w.noteViolation("L1 pass %d over the same sources still writes a bucket", same)
		}
		w.revokeByHand()
		if n%renderEvery == renderEvery-1 {
			w.renderWaiting()
		}
		w.checkAll()
		w.checkRemembered()
		w.Advance(w.timeToNextLook())
	}
	w.noteViolation("L2 after %d passes it still has %v to do, and waits for %v", longest, w.last.Steps, listReasons(w.last))
	return nil
}

// timeToNextLook returns the time until the next look: when the first of the waits ends, or a sweep where that is not
// known.
func (w *World) timeToNextLook() time.Duration {
	d := sweep
	for i, wait := range w.last.Waits {
		if until := wait.Until.Sub(w.last.At); until > 0 && (i == 0 || until < d) {
			d = max(until, time.Minute)
		}
	}
	return min(d, 6*sweep)
}

// listCurrents returns the current version of every source, as one text.
func (w *World) listCurrents() string {
	text := ""
	for _, s := range w.Env.Sources {
		v, _ := findLabelled(w.peekAt(s.Secret), history.AWSCurrent)
		text += v.ID + " "
	}
	return text
}

func writesBucket(r plan.Report) bool {
	return slices.ContainsFunc(r.Steps, func(s plan.Step) bool { return s.Do == "write" })
}

func listReasons(r plan.Report) []string {
	var all []string
	for _, wait := range r.Waits {
		all = append(all, wait.Subject+": "+string(wait.Reason))
	}
	return all
}

// retryRotations tries a rotation that failed again with the same version, as Secrets Manager does.
func (w *World) retryRotations() {
	for _, s := range w.Env.Sources {
		versions := w.peekAt(s.Secret)
		pending, some := findLabelled(versions, history.AWSPending)
		if !some || slices.Contains(pending.Labels, history.AWSCurrent) {
			continue
		}
		if err := w.runSteps(s.Name, pending.ID, steps...); err != nil {
			w.keepText("rotation of %s: %v", s.Name, err)
		}
	}
}

// revokeByHand asks rotary what is safe to revoke, revokes it at the vendor, and confirms it, as a person does.
func (w *World) revokeByHand() {
	defer w.openForOthers()()
	for _, s := range w.last.Sources {
		if !slices.ContainsFunc(s.Owed, byHand) {
			continue
		}
		report := w.takeLook()
		for _, owed := range report.Source(s.Name).Owed {
			if _, err := operate.FindRetirable(report, s.Name, owed.Version); err == nil {
				w.revokeAtTarget(s.Name, owed.Version)
			}
		}
	}
}

func byHand(o plan.OwedReport) bool { return len(o.Blocked) > 0 && o.Blocked[0].Reason == plan.ByHand }

// takeLook carries out a dry run of a pass.
func (w *World) takeLook() plan.Report {
	pass := w.newPass("person")
	pass.DryRun = true
	report, err := pass.Run(w.ctx)
	if err != nil {
		w.keepText("look: %v", err)
	}
	return report
}

// revokeAtTarget makes the targets refuse what only this version of a source has, and takes it off the list.
func (w *World) revokeAtTarget(source, version string) {
	s, _ := w.Env.Source(source)
	now := w.readSource(s)
	for _, v := range w.peekAt(s.Secret) {
		if v.ID != version {
			continue
		}
		for key, old := range readContent(s, v.Value) {
			if !old.Equal(now[key]) {
				w.Targets.Revoke(stage.Target(w.Env, key), secret.Reveal(old))
				w.dismissed(key, secret.Reveal(old))
			}
		}
	}
	if err := w.newOperator("person").Retire(w.ctx, s, version); err != nil {
		w.keepText("retire by hand: %v", err)
	}
	w.checkAll()
}

// Finish runs until everything is settled, without a fault, and checks what must be true at the end of every run.
//
//	S6  every sink really holds what it is said to hold                                delivered
//	S9  every bucket holds what its sources and the manifest say, and nothing else    faithful
//	S11 a further pass changes nothing                                                 idle
//	S13 no value came out in any form                                                  silent
//	S14 an entry that is not rotary's is as it was                                     unharmed
//	L1  two passes write every bucket                                                  settle
//	L2  it settles                                                                     settle
//	L2  no label is left of what is over: DEADLINE, ROLLBACK, MAKING                   quiet
//	L3  nothing is owed any more, and no other credential is accepted                  alone
//	L4  and nobody is alarmed                                                          quiet
func (w *World) Finish() {
	w.mendEverything()
	if w.isSpiedLately() { // the trail tells of it by then
		w.Step(Step{Do: "wait 1h"})
	}
	w.Step(Step{Do: "settle"})
	w.checkIdle()
	w.checkFaithful()
	w.checkDelivered()
	w.checkAlone()
	w.checkQuiet()
	w.checkUnharmed()
	w.checkSilent()
}

func (w *World) checkIdle() {
	calls := w.Step(Step{Do: "pass"})
	for _, c := range calls {
		if c.Write {
			w.noteViolation("S11 a pass over a converged environment does %s %s %s", c.Service, c.Operation, c.Resource)
		}
	}
	if !w.last.Converged {
		w.noteViolation("S11 it does not stay converged: %v", listReasons(w.last))
	}
}

func (w *World) checkFaithful() {
	for _, b := range w.Env.Buckets {
		current, _ := findLabelled(w.peekAt(b.Secret), history.AWSCurrent)
		got, want := readBucket(b.Name, current.Value), w.computeWanted(b)
		if !maps.EqualFunc(got, want, secret.Value.Equal) {
			w.noteViolation("S9 bucket %s holds %v, and should hold %v, of current values", b.Name, slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
		}
	}
}

// computeWanted returns what a bucket should hold, computed from the manifest's entries alone.
func (w *World) computeWanted(b manifest.Bucket) map[string]secret.Value {
	want := map[string]secret.Value{}
	for _, e := range w.Env.Entries(b) {
		s, has := w.Env.Source(e.Source)
		if !has {
			want[e.Name] = secret.New(e.Text)
		} else if value, has := w.readSource(s)[e.Key]; has {
			want[e.Name] = value
		}
	}
	return want
}

// checkUnharmed checks that only people have changed what is not rotary's.
func (w *World) checkUnharmed() {
	if w.fleet != nil {
		return
	}
	for _, c := range w.GitHub.Changes(0) {
		if c.Name == foreignName && c.By != github.ByHand {
			w.noteViolation("S14 %s was %s on GitHub by %s", c.Name, c.Did, c.By)
		}
	}
	for _, c := range w.Vercel.Changes(0) {
		if c.Key == foreignName && c.By != vercel.ByHand {
			w.noteViolation("S14 %s was %s on Vercel by %s", c.Key, c.Did, c.By)
		}
	}
}

// checkAlone checks that nothing is owed, and that databases accept the current login and no other, and AWS the
// current key.
func (w *World) checkAlone() {
	for _, s := range w.last.Sources {
		for _, owed := range s.Owed {
			w.noteViolation("L3 version %s of %s is still owed", history.Short(owed.Version), s.Name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(w.databases)) {
		w.databases[name].checkAlone()
	}
	w.keysAlone()
}
