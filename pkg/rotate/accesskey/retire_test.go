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
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/rotate/accesskey"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// What IAM knows of the last use, and what becomes of the owed key.
func TestAKeyThatIsStillUsedStaysActive(t *testing.T) {
	for name, c := range map[string]struct {
		ago      time.Duration // of the last use; 0: never
		proven   time.Duration // how long ago every consumer was seen without it
		lag      time.Duration
		accepted time.Duration // how long ago; 0: never
		forced   bool
		stays    bool
	}{
		"never used":                           {proven: time.Hour},
		"used before every consumer left it":   {ago: 240 * time.Hour, proven: time.Hour},
		"used when the last one left it":       {ago: time.Hour, proven: time.Hour},
		"used after that":                      {ago: time.Hour - time.Second, proven: time.Hour, stays: true},
		"used long after that, and long ago":   {ago: 48 * time.Hour, proven: 96 * time.Hour, stays: true},
		"used just now":                        {ago: time.Second, proven: time.Hour, stays: true},
		"used just now, but it must die":       {ago: time.Second, proven: time.Hour, forced: true},
		"used just now, and not known yet":     {ago: time.Second, proven: time.Hour, lag: time.Hour}, // that no use is known proves nothing
		"used a while ago, and known since":    {ago: 6 * time.Minute, proven: 7 * time.Minute, lag: 5 * time.Minute, stays: true},
		"used before, and known since":         {ago: 11 * time.Minute, proven: 7 * time.Minute, lag: 10 * time.Minute},
		"used, and a person accepts that":      {ago: time.Minute, proven: time.Hour, accepted: time.Second},
		"used a little after it was accepted":  {ago: time.Second, proven: time.Hour, accepted: history.AcceptanceHolds},
		"used after it was accepted":           {ago: time.Second, proven: time.Hour, accepted: history.AcceptanceHolds + 2*time.Second, stays: true},
		"used, and nobody has said since when": {ago: 48 * time.Hour, stays: true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.IAM.SetLag(iam.Lag{Uses: c.lag})
			owed, current := w.createKey(), w.createKey()
			w.Advance(24 * time.Hour)
			if c.ago > 0 {
				w.IAM.Use(keyIDIn(owed), "s3", "us-west-2")
				w.Advance(c.ago)
			}
			for range 2 {
				now := w.Clock.Now()
				end := rotate.End{Owed: owed, Current: current, Forced: c.forced, Witness: rotate.Witness{Now: now, Forced: c.forced}}
				if c.proven > 0 {
					end.Witness.Proof = now.Add(-c.proven)
				}
				if c.accepted > 0 {
					end.Witness.Accepted = now.Add(-c.accepted)
				}
				next, err := w.newRotator().Retire(t.Context(), end)
				used, is := errors.AsType[*rotate.InUse](err)
				if next != nil || (err != nil) != c.stays || is != c.stays || is && !used.Ends.IsZero() {
					t.Fatalf("error is %v", err)
				}
				for _, want := range []string{"used at " + now.Add(-c.ago).UTC().Format("2006-01-02 15:04 MST"), "for s3 in us-west-2"} {
					if c.stays && !strings.Contains(err.Error(), want) {
						t.Errorf("error is %q, want %q in it", err, want)
					}
				}
			}
			want := iam.Inactive
			if c.stays {
				want = iam.Active
			}
			if w.keyStatus(owed) != want || w.keyStatus(current) != iam.Active {
				t.Errorf("the owed key is %q, want %s; the current one is %q", w.keyStatus(owed), want, w.keyStatus(current))
			}
		})
	}
}

func TestOnlyTheOwedKeyIsRetired(t *testing.T) {
	elsewhere := "access key %s belongs to arn:aws:iam::111111111111:user/somebody, not to user artifacts-dev, and AWS accepts it: make it Inactive there"
	for name, c := range map[string]struct {
		owed func(w *world, current rotate.Values) rotate.Values
		want string // of the error
	}{
		"it is Inactive already": {func(w *world, _ rotate.Values) rotate.Values {
			v := w.createKey()
			w.setStatus(v, types.StatusTypeInactive)
			return v
		}, ""},
		"it is gone":            {func(w *world, _ rotate.Values) rotate.Values { v := w.createKey(); w.deleteKey(keyIDIn(v)); return v }, ""},
		"it never was":          {func(*world, rotate.Values) rotate.Values { return versionWith("AKIANEVERNEVERNEVER0", "x") }, ""},
		"it is the current one": {func(_ *world, current rotate.Values) rotate.Values { return current }, ""},
		"there is none":         {func(*world, rotate.Values) rotate.Values { return rotate.Values{} }, ""},
		"it has no id":          {func(*world, rotate.Values) rotate.Values { return rotate.Values{secretKey: secret.New("x")} }, ""},
		"it has no secret": {func(*world, rotate.Values) rotate.Values {
			return rotate.Values{idKey: secret.New("AKIANEVERNEVERNEVER0")}
		}, ""},
		"it is somebody else's": {func(w *world, _ rotate.Values) rotate.Values { return w.createKeyOf("somebody") }, elsewhere},
		"it is somebody's, with a bad half": {func(w *world, _ rotate.Values) rotate.Values {
			return versionWith(keyIDIn(w.createKeyOf("somebody")), "x")
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			current := w.createKey()
			owed := c.owed(w, current)
			w.Tap.Reset()
			next, err := w.newRotator().Retire(t.Context(), rotate.End{Owed: owed, Current: current})
			if want := strings.ReplaceAll(c.want, "%s", keyIDIn(owed)); next != nil || (err == nil) != (want == "") || err != nil && err.Error() != want {
				t.Errorf("error is %v, want %q", err, want)
			}
			if len(w.listWrites()) > 0 || w.keyStatus(current) != iam.Active {
				t.Errorf("calls %v; the current key is %q", w.listWrites(), w.keyStatus(current))
			}
		})
	}
}

func TestAKeyThatAWSStillAcceptsIsNotRetired(t *testing.T) {
	w := newWorld(t)
	w.IAM.SetLag(iam.Lag{Keys: time.Minute})
	current, owed := w.createKey(), w.createKey()
	w.Advance(time.Hour)
	w.deleteKey(keyIDIn(owed))
	retire := func() error {
		_, err := w.newRotator().Retire(t.Context(), rotate.End{Owed: owed, Current: current})
		return err
	}
	if err := retire(); err == nil || !strings.Contains(err.Error(), "one of them lags") {
		t.Errorf("error is %v", err)
	}
	w.Advance(time.Minute)
	w.must(retire())
}

func TestTheKeysOfAUserWhoIsGoneAreDead(t *testing.T) {
	w := newWorld(t)
	owed, current := w.createKey(), w.createKey()
	w.World = newWorld(t).World
	cfg := w.Config("222222222222", "us-east-1") // in which there is no such user
	_, err := w.newRotatorOver(cfg).Retire(t.Context(), rotate.End{Owed: owed, Current: current})
	w.must(err)
}

func TestAKeyIsTestedByWhoComesWithIt(t *testing.T) {
	for name, c := range map[string]struct {
		pending func(*world) rotate.Values
		want    string
		waits   bool
	}{
		"the user's":            {func(w *world) rotate.Values { return w.createKey() }, "", false},
		"the user's, just made": {func(w *world) rotate.Values { w.IAM.SetLag(iam.Lag{Keys: 9 * time.Second}); return w.createKey() }, "", true},
		"another user's":        {func(w *world) rotate.Values { return w.createKeyOf("somebody") }, "belongs to arn:aws:iam::111111111111:user/somebody, not to user artifacts-dev", false},
		"with another secret":   {func(w *world) rotate.Values { return versionWith(keyIDIn(w.createKey()), "x") }, "AWS answered SignatureDoesNotMatch", false},
		"none":                  {func(*world) rotate.Values { return rotate.Values{} }, "key " + idKey + " has no value", false},
		"without a secret":      {func(*world) rotate.Values { return rotate.Values{idKey: secret.New("x")} }, "key " + secretKey + " has no value", false},
		"Inactive": {func(w *world) rotate.Values {
			v := w.createKey()
			w.setStatus(v, types.StatusTypeInactive)
			return v
		}, "AWS does not accept access key", true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			pending := c.pending(w)
			err := w.newRotator().Test(t.Context(), pending)
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) || len(w.waited) > 0 != c.waits {
				t.Errorf("error is %v, want %q; waited %v", err, c.want, w.waited)
			}
			if err != nil && c.waits {
				w.wantPatience(t)
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
			w.createUser(c.user, c.path)
			if err := w.newRotator().Test(t.Context(), w.createKeyOf(c.user)); (err == nil) != c.is {
				t.Errorf("error is %v", err)
			}
		})
	}
	w := newBare(t)
	w.client = sdk.NewFromConfig(w.Config("222222222222", rotatetest.Region))
	w.createUser(userName, "/")
	if err := w.newRotator().Test(t.Context(), w.createKeyOf(userName)); err == nil || !strings.Contains(err.Error(), "account 111111111111") {
		t.Errorf("a key of another account: %v", err)
	}
}

func TestARoleIsNotAUserWhateverItsSessionIsCalled(t *testing.T) {
	role := source
	role.Rotate.AWSAccessKey.User = "session" // as the stand-in calls the sessions of callers who come with an account's number
	env := &manifest.Environment{Account: rotatetest.Account}
	err := accesskey.New(role, env, newBare(t).awsConfig(), nil).Test(t.Context(), versionWith(rotatetest.Account, "x"))
	if err == nil || !strings.Contains(err.Error(), "belongs to arn:aws:sts::111111111111:assumed-role/somebody/session, not to user session") {
		t.Errorf("error is %v", err)
	}
}

func TestWaitingEndsWithItsContext(t *testing.T) {
	w := newWorld(t)
	w.IAM.SetLag(iam.Lag{Keys: time.Hour})
	pending := w.createKey()
	ctx, cancel := context.WithCancel(t.Context())
	w.Tap.OnDone(func(sim.Call) { cancel() })
	err := w.newWaitingRotator().Test(ctx, pending)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
}

func TestIdentityIsTheKeysID(t *testing.T) {
	w := newWorld(t)
	var r rotate.Identified = w.newRotator()
	v := w.createKey()
	if r.Identity(v) != keyIDIn(v) || r.Identity(rotate.Values{}) != "" || !r.Same(v, versionWith(keyIDIn(v), "x")) {
		t.Error("it is something else")
	}
}
