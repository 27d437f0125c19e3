package accesskey_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/rotary-secrets/rotary/internal/leak"
	"github.com/rotary-secrets/rotary/internal/standin/iam"
	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// runEverything does what a rotation and its retirement do, whatever fails on the way, and returns all error texts.
func (w *world) runEverything(r rotate.Rotator, current, owed rotate.Values) (said []string) {
	keep := func(err error) {
		if err != nil {
			said = append(said, err.Error(), fmt.Sprintf("%+v", err), fmt.Sprintf("%#v", err))
		}
	}
	next, err := r.Create(w.t.Context(), w.startFrom(current))
	keep(err)
	if next == nil {
		next = current
	}
	keep(r.Test(w.t.Context(), next))
	_, err = r.Retire(w.t.Context(), rotate.End{Owed: owed, Current: next})
	keep(err)
	return said
}

// searchFor returns a search for the secrets of every key that the world made, and for these values.
func (w *world) searchFor(t *testing.T, made ...string) *leak.Search {
	t.Helper()
	s := &leak.Search{}
	for i, value := range made {
		if err := s.Add(fmt.Sprintf("secret %d", i), value); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func TestNoErrorHoldsASecret(t *testing.T) {
	for outcome := range map[sim.Outcome]bool{sim.Throttled: true, sim.Denied: true, sim.Unavailable: true, sim.Dropped: true, sim.Lost: true} {
		for at := 1; at <= 8; at++ {
			w := newWorld(t)
			current, owed := w.createKey(), w.createKeyOf("somebody")
			first := len(w.Tap.Calls())
			w.Tap.OnCall(func(c sim.Call) sim.Fault {
				if c.N == first+at {
					return sim.Fault{Outcome: outcome}
				}
				return sim.Fault{}
			})
			for _, text := range w.runEverything(w.newRotator(), current, owed) {
				for _, found := range w.searchFor(t, secret.Reveal(current[secretKey]), secret.Reveal(owed[secretKey])).In([]byte(text)) {
					t.Errorf("outcome %d at call %d: %s", outcome, at, found)
				}
			}
		}
	}
}

// garbling is a service whose answers say a secret where nobody expects it.
type garbling struct {
	base   http.RoundTripper
	answer string
	status int
}

func (g garbling) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	answer, err := g.base.RoundTrip(r)
	if err != nil || bytes.Contains(body, []byte("ListAccessKeys")) { // or nothing else would be asked
		return answer, err
	}
	_ = answer.Body.Close()
	answer.StatusCode, answer.Body = g.status, io.NopCloser(strings.NewReader(g.answer))
	return answer, nil
}

func TestAnAnswerThatCannotBeReadIsNotQuoted(t *testing.T) {
	const value = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYzzzzzzzzzz"
	for name, answer := range map[string]string{
		"no XML":       value,
		"broken XML":   "<CreateAccessKeyResponse><CreateAccessKeyResult><AccessKey><SecretAccessKey>" + value + "</Secret",
		"a bad date":   "<R><CreateAccessKeyResult><AccessKey><CreateDate>" + value + "</CreateDate></AccessKey></CreateAccessKeyResult></R>",
		"an empty key": "<R><CreateAccessKeyResult><AccessKey><SecretAccessKey>" + value + "</SecretAccessKey></AccessKey></CreateAccessKeyResult></R>",
		"half a key":   "<R><CreateAccessKeyResult><AccessKey><AccessKeyId>AKIANEVERNEVERNEVER0</AccessKeyId></AccessKey></CreateAccessKeyResult></R>",
		"no key":       "<R><CreateAccessKeyResult></CreateAccessKeyResult></R>",
		"an error":     "<ErrorResponse><Error><Code>Broken</Code><Message>" + value + "</Message></Error></ErrorResponse>",
		"a bad code":   "<ErrorResponse><Error><Code>" + value + "</Code><Message>x</Message></Error></ErrorResponse>",
		"no use":       "<R><GetAccessKeyLastUsedResult></GetAccessKeyLastUsedResult></R>",
	} {
		for n, status := range []int{200, 400, 500, 200} {
			t.Run(fmt.Sprintf("%s, %d", name, status), func(t *testing.T) {
				w := newWorld(t)
				current, owed := w.createKey(), w.createKey()
				if n > 0 {
					w.deleteKey(keyIDIn(owed)) // so that STS is asked whose it is, and not IAM when it was used
				}
				client, _ := w.InMemory()
				client.Transport = garbling{client.Transport, answer, status}
				cfg := w.awsConfig()
				cfg.HTTPClient, cfg.RetryMaxAttempts = client, 1
				said := w.runEverything(w.newRotatorOver(cfg), current, owed)
				if len(said) < 3 {
					t.Fatalf("only %d texts: something has succeeded", len(said))
				}
				for _, text := range said {
					for _, found := range w.searchFor(t, value, secret.Reveal(current[secretKey])).In([]byte(text)) {
						t.Errorf("%s", found)
					}
				}
				if w.keyStatus(current) != iam.Active {
					t.Error("the current key was touched")
				}
			})
		}
	}
}

func TestAnErrorSaysWhatWasDoneAndAWSsCode(t *testing.T) {
	create := func(w *world, current, owed rotate.Values) error {
		_, err := w.newRotator().Create(t.Context(), w.startFrom(current, rotate.Other{Values: owed}))
		return err
	}
	retire := func(w *world, current, owed rotate.Values) error {
		_, err := w.newRotator().Retire(t.Context(), rotate.End{Owed: owed, Current: current})
		return err
	}
	for name, c := range map[string]struct {
		denied string
		do     func(w *world, current, owed rotate.Values) error
		want   string
	}{
		"create, list":     {"ListAccessKeys", create, "list the access keys of user artifacts-dev"},
		"create, last use": {"GetAccessKeyLastUsed", func(w *world, current, _ rotate.Values) error { return create(w, current, nil) }, "ask when access key %s was last used"},
		"create, delete": {"DeleteAccessKey", func(w *world, current, owed rotate.Values) error {
			w.setStatus(owed, "Inactive")
			return create(w, current, owed)
		}, "delete access key %s"},
		"create": {"CreateAccessKey", func(w *world, current, owed rotate.Values) error {
			w.deleteKey(keyIDIn(owed))
			return create(w, current, owed)
		}, "create an access key for user artifacts-dev"},
		"test":               {"GetCallerIdentity", func(w *world, _, owed rotate.Values) error { return w.newRotator().Test(t.Context(), owed) }, "ask AWS whose access key %s is"},
		"retire, list":       {"ListAccessKeys", retire, "list the access keys of user artifacts-dev"},
		"retire, last use":   {"GetAccessKeyLastUsed", retire, "ask when access key %s was last used"},
		"retire, deactivate": {"UpdateAccessKey", retire, "make access key %s Inactive"},
		"retire, whose": {"GetCallerIdentity", func(w *world, current, owed rotate.Values) error {
			w.deleteKey(keyIDIn(owed))
			return retire(w, current, owed)
		}, "ask AWS whose access key %s is"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			current, owed := w.createKey(), w.createKey()
			w.Tap.OnCall(func(call sim.Call) sim.Fault {
				if call.Operation == c.denied {
					return sim.Fault{Outcome: sim.Denied}
				}
				return sim.Fault{}
			})
			want := strings.ReplaceAll(c.want, "%s", keyIDIn(owed)) + ": AWS answered AccessDenied"
			if err := c.do(w, current, owed); err == nil || err.Error() != want || refusalOf(err) != "" {
				t.Errorf("error is %v, want %q", err, want)
			}
		})
	}
}
