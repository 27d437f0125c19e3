package simulation

import (
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/rotary-secrets/rotary/internal/stage"
	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// findAction returns what a schedule's step can do, by its first word; nil is unknown. What an action cannot do,
// because the world is not like that now, it leaves: a schedule stays playable when others of its steps are taken
// away.
func findAction(name string) func(w *World, args []string) error {
	if do, is := listOperations()[name]; is {
		return do
	}
	if do, is := listRehearsed()[name]; is {
		return do
	}
	if do, is := listOperated()[name]; is {
		return do
	}
	for _, list := range []map[string]func(w *World, args []string) error{listPipelines(), listBusiness(), listSights(), listSessions(), listBakes(), listReach(), listStrangers(), listSpies(), listStrays()} {
		if do, is := list[name]; is {
			return do
		}
	}
	return map[string]func(w *World, args []string) error{
		"pass": onePass, "sweeps": runSweeps, "settle": runUntilSettled, "wait": letTimePass, "interleave": interleaveCalls,

		"rotate": rotateNow, "begin": beginRotation, "hurryback": rollBackImpatiently, "tidy": tidyOrphans, "resume": rotationStep(steps...),
		"create": rotationStep("createSecret"), "set": rotationStep("setSecret"),
		"goon": goOn, "test": rotationStep("testSecret"), "finish": rotationStep("finishSecret"),

		"put": putByPerson, "back": putBack, "move": moveBack,

		"release": releaseImage, "break": breakImage, "fix": fixImage, "redeploy": redeployOlder, "restart": restartTasks, "delete": deleteService, "render": renderService,
		"queue": queueRun, "start": startRun, "complete": completeRun,
		"edit": editByHand, "foreign": addForeign, "rollback": rollBack, "promote": promoteNewest, "failbuild": failBuild, "push": pushCommit,
		"manifest": otherManifest, "accept": acceptRemovals, "outage": beginOutage, "mend": endOutages,
		"unhold": takeHeldOff, "read": readAsJob,
	}[name]
}

func onePass(w *World, _ []string) error {
	return w.runPass(w.ctx)
}

// letTimePass lets time go by. A workflow run takes less than an hour.
func letTimePass(w *World, args []string) error {
	d, err := time.ParseDuration(args[0])
	if err != nil {
		return err
	}
	if d > time.Hour {
		w.Advance(time.Hour)
		w.completeAll()
		d -= time.Hour
	}
	w.Advance(d)
	return nil
}

// runSweeps runs the sweeps of an hour.
func runSweeps(w *World, _ []string) error {
	for range 6 {
		if err := w.runPass(w.ctx); err != nil {
			w.keepText("pass: %v", err)
		}
		w.Advance(2 * sweep)
	}
	return nil
}

// goOn goes on with the rotation that was started last, whatever AWSPENDING is on, as Secrets Manager does.
func goOn(w *World, args []string) error {
	s, err := w.findSource(args)
	if err != nil || w.started[s.Name] == "" {
		return errNotNow
	}
	return w.runSteps(s.Name, w.started[s.Name], steps...)
}

// rotationStep does these steps with what is pending, as Secrets Manager does when it tries again.
func rotationStep(which ...string) func(w *World, args []string) error {
	return func(w *World, args []string) error {
		s, err := w.findSource(args)
		if err != nil {
			return err
		}
		pending, some := findLabelled(w.peekAt(s.Secret), history.AWSPending)
		if !some {
			return errors.New("no rotation is under way")
		}
		return w.runSteps(s.Name, pending.ID, which...)
	}
}

// makeValues returns what a person puts: a new value for every key, which the targets accept. The second key of a
// symmetric secret is the one through which a new value enters.
func (w *World) makeValues(s manifest.Source) map[string]secret.Value {
	values := w.readSource(s)
	maps.DeleteFunc(values, func(key string, _ secret.Value) bool { return !slices.Contains(s.KeyNames(), key) })
	for _, key := range s.KeyNames() {
		switch {
		case w.shared[key] != "", w.databases[s.Name].holdsKey(key), s.Rotate.Kind() == manifest.AWSAccessKey && slices.Contains(s.Writes(), key):
		case s.Symmetric() != "" && key != s.Symmetric():
		case w.toSinks(key):
			w.reissueToken(key, values)
		default:
			value := stage.Fit(s.Check[key], w.makeCanary())
			w.Targets.Accept(stage.Target(w.Env, key), value)
			values[key] = secret.New(value)
		}
	}
	maps.Copy(values, w.keyPair(s, false))
	if db := w.databases[s.Name]; db != nil {
		maps.Copy(values, db.makeLogin())
	}
	w.shareLogins(s, values)
	if s.Rotate.Kind() == manifest.AWSAccessKey {
		w.accessKey(s, values)
	}
	return values
}

// readSource returns the current values of a source, by key.
func (w *World) readSource(s manifest.Source) map[string]secret.Value {
	current, _ := findLabelled(w.peekAt(s.Secret), history.AWSCurrent)
	return readContent(s, current.Value)
}

// readContent returns the values of a version of a source; none where it cannot be read.
func readContent(s manifest.Source, text secret.Value) map[string]secret.Value {
	values, _, err := bucket.ReadSource(s, text)
	if err != nil {
		return map[string]secret.Value{}
	}
	return maps.Clone(values)
}

// readBucket returns the values of a version of a bucket; none where it cannot be read.
func readBucket(name string, text secret.Value) map[string]secret.Value {
	values, err := bucket.ParseSource(name, []byte(secret.Reveal(text)))
	if err != nil {
		return map[string]secret.Value{}
	}
	return maps.Clone(values)
}

// isAccepted reports whether every target accepts what a version of a source holds.
func (w *World) isAccepted(s manifest.Source, text secret.Value) bool {
	values := readContent(s, text)
	if db := w.databases[s.Name]; db != nil && !db.acceptsLogin(values) {
		return false
	}
	return len(values) > 0 && !slices.ContainsFunc(s.KeyNames(), func(key string) bool {
		anybody := s.Rotate.Kind() == manifest.Random && w.databases[s.Name] == nil // nobody refuses such a value
		return !anybody && !w.Targets.WouldAccept(stage.Target(w.Env, key), secret.Reveal(values[key]))
	})
}
