package accesskey_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/internal/rotatetest"
	"github.com/rotary-secrets/rotary/internal/standin/iam"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// listWrites returns the calls so far that could change something.
func (w *world) listWrites() (all []string) {
	for _, c := range w.Tap.Calls() {
		if c.Write {
			all = append(all, c.Operation)
		}
	}
	return all
}

func TestTheNextVersionHasANewKeyAndWhateverElseTheSourceHolds(t *testing.T) {
	w := newWorld(t)
	current := w.createKey()
	before := keyIDIn(current)
	next, err := w.newRotator().Create(t.Context(), w.startFrom(current))
	w.must(err)
	if keyIDIn(next) == before || keyIDIn(current) != before || len(next) != 3 || secret.Reveal(next["S3_AWS_REGION"]) != "eu-west-1" {
		t.Error("the next version does not have a new key, or not the region, or the current one has changed")
	}
	w.must(w.newRotator().Test(t.Context(), next))
	w.must(w.newRotator().Set(t.Context(), rotate.Change{Pending: next, Current: current}))
	if w.keyStatus(current) != iam.Active || w.keyStatus(next) != iam.Active {
		t.Error("they do not both work")
	}
}

// The table above Create, line by line. A second key is in the way; it was made 10 minutes before the rotation began,
// or as its line says.
func TestWhatIsInTheWay(t *testing.T) {
	const before, during = 10 * time.Minute, -10 * time.Second
	held := func(o rotate.Other) func(rotate.Values) []rotate.Other {
		return func(v rotate.Values) []rotate.Other { o.Values = v; return []rotate.Other{o} }
	}
	dead, live, retained := held(rotate.Other{}), held(rotate.Other{Live: true}), held(rotate.Other{Live: true, Retained: true})
	for name, c := range map[string]struct {
		age       time.Duration // of the second key, when the rotation began
		held      func(rotate.Values) []rotate.Other
		inactive  bool
		used      bool
		emergency bool
		want      string // of the refusal; "" where the key goes
	}{
		"live":                       {age: before, held: live, want: "belongs to a version that is not retired yet"},
		"live, emergency":            {age: before, held: live, emergency: true},
		"live, used, emergency":      {age: before, held: live, emergency: true, used: true},
		"live, Inactive, emergency":  {age: before, held: live, emergency: true, inactive: true},
		"retained, emergency":        {age: before, held: retained, emergency: true, want: "belongs to a version that somebody retains"},
		"retained":                   {age: before, held: retained, want: "not retired yet"},
		"retired, Inactive":          {age: before, held: dead, inactive: true},
		"retired, Inactive, used":    {age: before, held: dead, inactive: true, used: true},
		"retired, Active":            {age: before, held: dead, want: "somebody has made it Active again"},
		"retired, Active, emergency": {age: before, held: dead, emergency: true, want: "somebody has made it Active again"},
		"retired, Active, new":       {age: during, held: dead, want: "somebody has made it Active again"},
		"retired twice and live": {age: before, held: func(v rotate.Values) []rotate.Other {
			return []rotate.Other{{Values: v}, {Values: v, Live: true}, {Values: v}}
		}, inactive: true, want: "not retired yet"},
		"retained twice": {age: before, held: func(v rotate.Values) []rotate.Other {
			return []rotate.Other{{Values: v, Live: true, Retained: true}, {Values: v, Live: true}}
		}, emergency: true, want: "somebody retains"},
		"nobody's, made before":            {age: before, want: "(Active, created on 2026-01-05) is in no version, so it is not rotary's"},
		"nobody's, made before, Inactive":  {age: before, inactive: true, want: "(Inactive, created on 2026-01-05) is in no version"},
		"nobody's, made before, emergency": {age: before, emergency: true, want: "is in no version"},
		"nobody's, made before, used":      {age: before, used: true, want: "is in no version"},
		"nobody's, made a second before":   {age: time.Second, want: "is in no version"},
		"nobody's, made in that second":    {age: 0},
		"nobody's, made since":             {age: during},
		"nobody's, made since, used":       {age: during, used: true, want: "is in no version"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			current := w.createKey()
			w.Advance(time.Hour)
			second := w.createKey()
			since := w.Clock.Now().Add(c.age + 400*time.Millisecond) // IAM's times are to the second
			w.Advance(max(c.age, 0) + time.Minute)
			if c.used {
				w.IAM.Use(keyIDIn(second), "s3", "eu-west-1")
			}
			if c.inactive {
				w.setStatus(second, types.StatusTypeInactive)
			}
			status := w.keyStatus(second)
			s := w.startFrom(current)
			s.Since, s.Emergency = since, c.emergency
			if c.held != nil {
				s = w.startFrom(current, c.held(second)...)
				s.Since, s.Emergency = since, c.emergency
			}
			w.Tap.Reset()
			next, err := w.newRotator().Create(t.Context(), s)
			if w.keyStatus(current) != iam.Active {
				t.Error("the current key does not work any more")
			}
			if c.want == "" {
				w.must(err)
				if w.keyStatus(second) != "" || w.keyStatus(next) != iam.Active {
					t.Error("the key in the way is there, or the next one is not")
				}
				return
			}
			for _, want := range []string{c.want, "user " + userName + " has 2 access keys", "key " + keyIDIn(second)} {
				if !strings.Contains(refusalOf(err), want) {
					t.Errorf("error is %v, want a refusal with %q", err, want)
				}
			}
			if behind := strings.Contains(c.want, "Active again"); len(w.waited) > 0 != behind {
				t.Errorf("waited %v", w.waited)
			}
			if w.keyStatus(second) != status || len(w.listWrites()) > 0 {
				t.Errorf("the key was %s and is %q; calls %v", status, w.keyStatus(second), w.listWrites())
			}
		})
	}
}

func TestWhatDiesInAnEmergencyIsInactiveFirst(t *testing.T) {
	w := newWorld(t)
	current, owed := w.createKey(), w.createKey()
	s := w.startFrom(current, rotate.Other{Values: owed, Live: true})
	s.Emergency = true
	w.Tap.Reset()
	_, err := w.newRotator().Create(t.Context(), s)
	w.must(err)
	if diff := cmp.Diff([]string{"UpdateAccessKey", "DeleteAccessKey", "CreateAccessKey"}, w.listWrites()); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

// Story 9: a rotator deletes the older of two keys, or makes an active one Inactive to get a slot, and something stops
// that nobody thought of. Here the second key of the user is somebody's, who has used it a minute ago.
func TestStory09AKeyThatRotaryDidNotMakeIsNeverKilled(t *testing.T) {
	for _, first := range []bool{true, false} { // the foreign key is in either slot
		for _, emergency := range []bool{false, true} {
			w := newWorld(t)
			foreign, current := w.createKey(), w.createKey()
			if !first {
				foreign, current = current, foreign
			}
			w.Advance(24 * time.Hour)
			w.IAM.Use(keyIDIn(foreign), "s3", "us-west-2")
			w.Advance(time.Minute)
			s := w.startFrom(current, rotate.Other{Values: versionWith("AKIAGONEGONEGONEGONE", "gone")})
			s.Emergency = emergency
			w.Tap.Reset()
			for range 3 { // however often it is tried
				_, err := w.newRotator().Create(t.Context(), s)
				if !strings.Contains(refusalOf(err), "key "+keyIDIn(foreign)) || strings.Contains(refusalOf(err), keyIDIn(current)) {
					t.Errorf("error is %v, want a refusal that names the key in the way", err)
				}
			}
			if w.keyStatus(foreign) != iam.Active || w.keyStatus(current) != iam.Active || len(w.listWrites()) > 0 {
				t.Error("a live key was touched")
			}
			w.deleteKey(keyIDIn(foreign)) // its owner needs it no more
			w.Tap.Reset()
			next, err := w.newRotator().Create(t.Context(), s)
			w.must(err)
			_, err = w.newRotator().Retire(t.Context(), rotate.End{Owed: current, Current: next})
			w.must(err)
			if diff := cmp.Diff([]string{"CreateAccessKey", "UpdateAccessKey"}, w.listWrites()); diff != "" {
				t.Errorf("it makes a key before it ends one (-want +got):\n%s", diff)
			}
		}
	}
}

func TestARotationStartsFromAKeyOfTheUserThatWorks(t *testing.T) {
	for name, c := range map[string]struct {
		current func(*world) rotate.Values
		want    string
		waits   bool
	}{
		"no key":                      {func(*world) rotate.Values { return rotate.Values{} }, "the current version has no " + idKey, false},
		"a key that is gone":          {func(w *world) rotate.Values { v := w.createKey(); w.deleteKey(keyIDIn(v)); return v }, "is none of user " + userName, true},
		"another user's key":          {func(w *world) rotate.Values { return w.createKeyOf("somebody") }, "is none of user " + userName, true},
		"a key that is Inactive":      {func(w *world) rotate.Values { v := w.createKey(); w.setStatus(v, types.StatusTypeInactive); return v }, "is Inactive: make it Active", false},
		"a key that is not one":       {func(*world) rotate.Values { return versionWith("not a key", "x") }, "is none of user " + userName, true},
		"one of two, and none of his": {func(w *world) rotate.Values { w.createKey(); w.createKey(); return w.createKeyOf("somebody") }, "is none of user " + userName, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			current := c.current(w)
			w.Tap.Reset()
			_, err := w.newRotator().Create(t.Context(), w.startFrom(current))
			if !strings.Contains(refusalOf(err), c.want) || len(w.listWrites()) > 0 || len(w.waited) > 0 != c.waits {
				t.Errorf("error is %v, want a refusal with %q; %v; waited %v", err, c.want, w.listWrites(), w.waited)
			}
		})
	}
}

func TestAUserWhoDoesNotExistIsARefusal(t *testing.T) {
	w := newWorld(t)
	current := w.createKey()
	w.World = newWorld(t).World // in which nobody has that key
	cfg := w.Config("222222222222", rotatetest.Region)
	_, err := w.newRotatorOver(cfg).Create(t.Context(), w.startFrom(current))
	if !strings.Contains(refusalOf(err), "there is no IAM user "+userName+" in account") {
		t.Errorf("error is %v", err)
	}
}

// What IAM lists is behind: a key is not shown yet, or still shown. That costs time and nothing else.
func TestAListThatIsBehindIsReadAgain(t *testing.T) {
	w := newWorld(t)
	w.IAM.SetLag(iam.Lag{Lists: 10 * time.Second})
	current := w.createKey()
	next, err := w.newRotator().Create(t.Context(), w.startFrom(current)) // which is not listed yet
	w.must(err)
	again, err := w.newRotator().Create(t.Context(), w.startFrom(current)) // what a try that died has made is not listed yet
	w.must(err)
	if len(w.waited) == 0 || w.keyStatus(next) != "" || w.keyStatus(again) != iam.Active {
		t.Errorf("waited %v; the first is %q, the second %q", w.waited, w.keyStatus(next), w.keyStatus(again))
	}
	w.Advance(time.Hour)
	for _, end := range []func(rotate.Values){func(v rotate.Values) { w.setStatus(v, types.StatusTypeInactive) }, func(v rotate.Values) { w.deleteKey(keyIDIn(v)) }} {
		end(current)
		last, err := w.newRotator().Create(t.Context(), w.startFrom(again, rotate.Other{Values: current})) // it is still listed as Active
		w.must(err)
		if w.keyStatus(last) != iam.Active || w.keyStatus(again) != iam.Active {
			t.Errorf("the current key is %q, the next %q", w.keyStatus(again), w.keyStatus(last))
		}
		w.Advance(time.Hour)
		current, again = again, last
	}
}

func TestASlotThatIsNeverFreeIsARefusal(t *testing.T) {
	w := newWorld(t)
	w.IAM.SetLag(iam.Lag{Lists: time.Hour})
	current := w.createKey()
	w.Advance(2 * time.Hour)
	w.createKey()
	_, err := w.newRotator().Create(t.Context(), w.startFrom(current))
	if !strings.Contains(refusalOf(err), "2 access keys, though IAM lists fewer") {
		t.Errorf("error is %v", err)
	}
	w.wantPatience(t)
}

// wantPatience checks that it was tried as often, and waited for as long, as it may.
func (w *world) wantPatience(t *testing.T) {
	t.Helper()
	sum := time.Duration(0)
	for n, d := range w.waited {
		longest := min(time.Second<<n, 8*time.Second)
		if d > longest || d <= longest/2 {
			t.Errorf("wait %d is %v, want up to %v", n+1, d, longest)
		}
		sum += d
	}
	if len(w.waited) != 7 || sum > rotate.Timeout/3 {
		t.Errorf("waited %v, %v in all", w.waited, sum)
	}
}

// mortal ends a process at one of its requests, before or after that is done.
type mortal struct {
	at    int // 0: never
	after bool
	calls int
}

var errKilled = errors.New("killed")

func (m *mortal) callOrDie(_ string, do func() error) error {
	m.calls++
	switch {
	case m.at == 0 || m.calls < m.at:
		return do()
	case m.calls == m.at && m.after:
		_ = do()
	}
	return errKilled
}

func (w *world) configThrough(m *mortal) aws.Config {
	client, _ := w.InMemory()
	client.Transport = rotatetest.Transport(client.Transport, m.callOrDie)
	cfg := w.awsConfig()
	cfg.HTTPClient = client
	return cfg
}

// A process that dies between CreateAccessKey and the write of the version leaves an orphan. Whatever happens to those
// that come after it, one key is made in the end, and only orphans are deleted: as many as were made in vain.
func TestEveryOrphanIsDeletedAndNothingElse(t *testing.T) {
	for first := 1; first <= 8; first++ {
		for second := 0; second <= 8; second++ {
			for _, after := range []bool{false, true} {
				w := newWorld(t)
				retired, current, theirs := w.createKey(), w.createKey(), w.createKeyOf("somebody")
				w.setStatus(retired, types.StatusTypeInactive)
				s := w.startFrom(current, rotate.Other{Values: retired})
				s.Since = w.Clock.Now()
				w.Tap.Reset()
				for _, m := range []*mortal{{at: first, after: true}, {at: second, after: after}} {
					_, _ = w.newRotatorOver(w.configThrough(m)).Create(t.Context(), s) // and its version is never written
				}
				next, err := w.newRotator().Create(t.Context(), s)
				w.must(err)
				made, deleted := countOf(w.listWrites(), "CreateAccessKey"), countOf(w.listWrites(), "DeleteAccessKey")
				if w.keyStatus(next) != iam.Active || w.keyStatus(current) != iam.Active || len(w.IAM.Keys(mine)) != 2 {
					t.Fatalf("killed at %d and %d: the user has %v", first, second, w.IAM.Keys(mine))
				}
				if w.keyStatus(retired) != "" || deleted > made+1 { // one that was made late is deleted twice
					t.Fatalf("killed at %d and %d: %d keys were made and %d deleted", first, second, made, deleted)
				}
				others := w.IAM.Keys(iam.User{Account: rotatetest.Account, Name: "somebody"})
				if len(others) != 1 || others[0].ID != keyIDIn(theirs) || others[0].Status != iam.Active {
					t.Fatal("another user's key was touched")
				}
			}
		}
	}
}

func countOf(all []string, one string) (n int) {
	for _, a := range all {
		if a == one {
			n++
		}
	}
	return n
}

func TestWhatTheOtherVersionsHoldIsReadAfterTheList(t *testing.T) {
	w := newWorld(t)
	current := w.createKey()
	byHand := w.createKey()
	s := w.startFrom(current)
	s.Since = w.Clock.Now()
	listed := false
	s.Others = func(context.Context) ([]rotate.Other, error) {
		calls := w.Tap.Calls()
		listed = calls[len(calls)-1].Operation == "ListAccessKeys"
		return []rotate.Other{{Values: byHand, Live: true}}, nil
	}
	_, err := w.newRotator().Create(t.Context(), s)
	if refusalOf(err) == "" || !listed || w.keyStatus(byHand) != iam.Active {
		t.Errorf("error is %v; what a person has just put: %q", err, w.keyStatus(byHand))
	}
	broken := errors.New("no answer")
	s.Others = func(context.Context) ([]rotate.Other, error) { return nil, broken }
	if _, err := w.newRotator().Create(t.Context(), s); !errors.Is(err, broken) || w.keyStatus(byHand) != iam.Active {
		t.Errorf("error is %v", err)
	}
}
