package accesskey_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/rotary-secrets/rotary/internal/rotatetest"
	"github.com/rotary-secrets/rotary/internal/standin/iam"
	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/rotate/accesskey"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// What IAM knows of the last use, and what becomes of the owed key.
func TestAKeyThatIsStillUsedStaysActive(t *testing.T) {
	for name, c := range map[string]struct {
		ago    time.Duration // of the last use; 0: never
		lag    time.Duration
		forced bool
		stays  bool
	}{
		"never used":                        {},
		"used long ago":                     {ago: 240 * time.Hour},
		"used a quiet period ago":           {ago: plan.Quiet},
		"used within the quiet period":      {ago: plan.Quiet - time.Second, stays: true},
		"used just now":                     {ago: time.Second, stays: true},
		"used just now, but it must die":    {ago: time.Second, forced: true},
		"used just now, and not known yet":  {ago: time.Second, lag: time.Hour}, // that no use is known proves nothing
		"used a while ago, and known since": {ago: 11 * time.Minute, lag: 10 * time.Minute, stays: true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.IAM.SetLag(iam.Lag{Uses: c.lag})
			owed, current := w.key(), w.key()
			w.Advance(24 * time.Hour)
			if c.ago > 0 {
				w.IAM.Use(id(owed), "s3", "us-west-2")
				w.Advance(c.ago)
			}
			for range 2 {
				next, err := w.rotator().Retire(t.Context(), rotate.End{Owed: owed, Current: current, Forced: c.forced})
				if next != nil || (err != nil) != c.stays {
					t.Fatalf("error is %v", err)
				}
				for _, want := range []string{"access key " + id(owed), c.ago.String() + " ago", "by s3 in us-west-2", "somebody whom rotary does not know", "stays Active"} {
					if c.stays && !strings.Contains(err.Error(), want) {
						t.Errorf("error is %q, want %q in it", err, want)
					}
				}
			}
			want := iam.Inactive
			if c.stays {
				want = iam.Active
			}
			if w.status(owed) != want || w.status(current) != iam.Active {
				t.Errorf("the owed key is %q, want %s; the current one is %q", w.status(owed), want, w.status(current))
			}
		})
	}
}

func TestOnlyTheOwedKeyIsRetired(t *testing.T) {
	elsewhere := "access key %s is not of user artifacts-dev but of arn:aws:iam::111111111111:user/somebody, and AWS accepts it: make it Inactive there"
	for name, c := range map[string]struct {
		owed func(w *world, current rotate.Values) rotate.Values
		want string // of the error
	}{
		"it is Inactive already": {func(w *world, _ rotate.Values) rotate.Values {
			v := w.key()
			w.set(v, types.StatusTypeInactive)
			return v
		}, ""},
		"it is gone":            {func(w *world, _ rotate.Values) rotate.Values { v := w.key(); w.remove(id(v)); return v }, ""},
		"it never was":          {func(*world, rotate.Values) rotate.Values { return version("AKIANEVERNEVERNEVER0", "x") }, ""},
		"it is the current one": {func(_ *world, current rotate.Values) rotate.Values { return current }, ""},
		"there is none":         {func(*world, rotate.Values) rotate.Values { return rotate.Values{} }, ""},
		"it has no id":          {func(*world, rotate.Values) rotate.Values { return rotate.Values{secretKey: secret.New("x")} }, ""},
		"it has no secret": {func(*world, rotate.Values) rotate.Values {
			return rotate.Values{idKey: secret.New("AKIANEVERNEVERNEVER0")}
		}, ""},
		"it is somebody else's":             {func(w *world, _ rotate.Values) rotate.Values { return w.keyOf("somebody") }, elsewhere},
		"it is somebody's, with a bad half": {func(w *world, _ rotate.Values) rotate.Values { return version(id(w.keyOf("somebody")), "x") }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			current := w.key()
			owed := c.owed(w, current)
			w.Tap.Reset()
			next, err := w.rotator().Retire(t.Context(), rotate.End{Owed: owed, Current: current})
			if want := strings.ReplaceAll(c.want, "%s", id(owed)); next != nil || (err == nil) != (want == "") || err != nil && err.Error() != want {
				t.Errorf("error is %v, want %q", err, want)
			}
			if len(w.writes()) > 0 || w.status(current) != iam.Active {
				t.Errorf("calls %v; the current key is %q", w.writes(), w.status(current))
			}
		})
	}
}

func TestAKeyThatAWSStillAcceptsIsNotRetired(t *testing.T) {
	w := newWorld(t)
	w.IAM.SetLag(iam.Lag{Keys: time.Minute})
	current, owed := w.key(), w.key()
	w.Advance(time.Hour)
	w.remove(id(owed))
	retire := func() error {
		_, err := w.rotator().Retire(t.Context(), rotate.End{Owed: owed, Current: current})
		return err
	}
	if err := retire(); err == nil || !strings.Contains(err.Error(), "one of them is behind") {
		t.Errorf("error is %v", err)
	}
	w.Advance(time.Minute)
	w.must(retire())
}

func TestTheKeysOfAUserWhoIsGoneAreDead(t *testing.T) {
	w := newWorld(t)
	owed, current := w.key(), w.key()
	w.World = newWorld(t).World
	cfg := w.Config("222222222222", "us-east-1") // in which there is no such user
	_, err := w.over(cfg).Retire(t.Context(), rotate.End{Owed: owed, Current: current})
	w.must(err)
}

func TestAKeyIsTestedByWhoComesWithIt(t *testing.T) {
	for name, c := range map[string]struct {
		pending func(*world) rotate.Values
		want    string
		waits   bool
	}{
		"the user's":            {func(w *world) rotate.Values { return w.key() }, "", false},
		"the user's, just made": {func(w *world) rotate.Values { w.IAM.SetLag(iam.Lag{Keys: 9 * time.Second}); return w.key() }, "", true},
		"another user's":        {func(w *world) rotate.Values { return w.keyOf("somebody") }, "belongs to arn:aws:iam::111111111111:user/somebody, not to user artifacts-dev", false},
		"with another secret":   {func(w *world) rotate.Values { return version(id(w.key()), "x") }, "AWS answered SignatureDoesNotMatch", false},
		"none":                  {func(*world) rotate.Values { return rotate.Values{} }, "key " + idKey + " has no value", false},
		"without a secret":      {func(*world) rotate.Values { return rotate.Values{idKey: secret.New("x")} }, "key " + secretKey + " has no value", false},
		"Inactive": {func(w *world) rotate.Values {
			v := w.key()
			w.set(v, types.StatusTypeInactive)
			return v
		}, "AWS does not accept access key", true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			pending := c.pending(w)
			err := w.rotator().Test(t.Context(), pending)
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) || len(w.waited) > 0 != c.waits {
				t.Errorf("error is %v, want %q; waited %v", err, c.want, w.waited)
			}
			if err != nil && c.waits {
				w.patience(t)
			}
		})
	}
}

func TestAUserIsKnownByItsARN(t *testing.T) {
	for name, c := range map[string]struct {
		user, path string
		is         bool
	}{
		"with a path":           {userName, "/teams/storage/", true},
		"another one's ending":  {"my-" + userName, "/", false},
		"a path like the user":  {"other", "/" + userName + "/", false},
		"the user of a sibling": {userName + "2", "/", false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newBare(t)
			w.user(c.user, c.path)
			if err := w.rotator().Test(t.Context(), w.keyOf(c.user)); (err == nil) != c.is {
				t.Errorf("error is %v", err)
			}
		})
	}
	w := newBare(t)
	w.client = sdk.NewFromConfig(w.Config("222222222222", rotatetest.Region))
	w.user(userName, "/")
	if err := w.rotator().Test(t.Context(), w.keyOf(userName)); err == nil || !strings.Contains(err.Error(), "account 111111111111") {
		t.Errorf("a key of another account: %v", err)
	}
}

func TestARoleIsNotAUserWhateverItsSessionIsCalled(t *testing.T) {
	role := source
	role.Rotate.User = "session" // as the stand-in calls the sessions of callers who come with an account's number
	env := &manifest.Environment{Account: rotatetest.Account}
	err := accesskey.New(role, env, newBare(t).cfg(), nil).Test(t.Context(), version(rotatetest.Account, "x"))
	if err == nil || !strings.Contains(err.Error(), "belongs to arn:aws:sts::111111111111:assumed-role/somebody/session, not to user session") {
		t.Errorf("error is %v", err)
	}
}

func TestWaitingEndsWithItsContext(t *testing.T) {
	w := newWorld(t)
	w.IAM.SetLag(iam.Lag{Keys: time.Hour})
	pending := w.key()
	ctx, cancel := context.WithCancel(t.Context())
	w.Tap.OnDone(func(sim.Call) { cancel() })
	err := w.waiting().Test(ctx, pending)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
}

func TestIdentityIsTheKeysID(t *testing.T) {
	w := newWorld(t)
	var r rotate.Identified = w.rotator()
	v := w.key()
	if r.Identity(v) != id(v) || r.Identity(rotate.Values{}) != "" || !r.Same(v, version(id(v), "x")) {
		t.Error("it is something else")
	}
}
