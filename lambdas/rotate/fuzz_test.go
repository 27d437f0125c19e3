package main

import (
	"encoding/json"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rotary-secrets/rotary/events"
	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/lambdas/internal/boot"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// FuzzHandle: whatever the Lambda is invoked with, it refuses it without a call, or asks Secrets Manager about one
// source of this environment. It never panics and says nothing of the payload.
func FuzzHandle(f *testing.F) {
	samples, err := fs.Glob(events.FS, "*.json")
	if err != nil || len(samples) == 0 {
		f.Fatal("no samples")
	}
	for _, name := range samples {
		data, err := events.FS.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
		f.Add([]byte(strings.ReplaceAll(string(data), "/dev/", "/production/")))
		f.Add([]byte(strings.NewReplacer("a1b2c3d4-5678-90ab-cdef-EXAMPLE11111", canary+" "+canary, "createSecret", "setSecret").Replace(string(data))))
	}
	for _, text := range []string{
		"", "null", "[]", "{}", canary, `"` + canary + `"`, `{"Step":7}`, `{"Step":"` + canary + `","SecretId":"` + handshake + `"}`, `{"advance":null}`, `{"advance":[]}`,
		`{"Step":"createSecret","SecretId":"` + handshake + `","ClientRequestToken":"` + canary + ` ` + canary + `"}`, `{"Step":"finishSecret","SecretId":"` + canary + `"}`,
		`{"Step":"setSecret","SecretId":"arn:aws:secretsmanager:us-east-1:222222222222:secret:source/dev/handshake-AbCdEf","ClientRequestToken":"` + token + `"}`,
		`{"Step":"testSecret","SecretId":"` + handshake + `","ClientRequestToken":"` + token + `","RotationToken":"` + canary + `","` + canary + `":1}`,
		`{"advance":{"source":"handshake","version":"` + canary + ` ` + canary + `","current":"` + canary + `="}}`, `{"advance":{"source":"handshake","` + canary + `":1}}`,
		`{"rollback":{"source":"handshake","version":"` + canary + `","from":"` + canary + ` ` + canary + `"}}`, `{"rollback":null}`, `{"rollback":{"source":7}}`,
		`{"advance":{"source":"` + canary + `"}}`, `{"advance":{"source":"handshake"},"Step":"createSecret","SecretId":"` + handshake + `"}`,
	} {
		f.Add([]byte(text))
	}
	w := newWorld(f)
	w.Tap.OnCall(func(sim.Call) sim.Fault { return sim.Fault{Outcome: sim.Denied} })
	f.Fuzz(func(t *testing.T, payload []byte) {
		w.t = t
		w.Tap.Reset()
		w.log.Reset()
		w.out.Reset()
		w.refusesElsewhere(payload)
		out, err := w.ask(string(payload))
		if out != nil || err == nil {
			t.Fatalf("it answers %v, and could do nothing", out)
		}
		w.quotesNothing(payload, err)
		calls := w.Tap.Calls()
		switch err.(type) { //nolint:errorlint // the outermost type is what alarms match
		case *Unreadable, *Misdirected:
			if len(calls) > 0 {
				t.Fatalf("a request that was refused called %s", calls[0].Operation)
			}
		case *Failed:
			for _, c := range calls {
				if !w.known(payload, c.Resource) {
					t.Fatalf("it called %s of %s, which the request does not name", c.Operation, c.Resource)
				}
			}
		default:
			t.Fatalf("it fails with a %T", err)
		}
	})
}

// refusesElsewhere sends a payload through aliases that nothing comes through: the version's, and one of another name.
func (w *world) refusesElsewhere(payload []byte) {
	w.t.Helper()
	for _, alias := range []string{"1", "other"} {
		if out, err := boot.Guard(w.h.handleRequest)(through(w.t.Context(), alias), payload); out != nil || err == nil {
			w.t.Fatalf("it answers %v through %s", out, alias)
		}
	}
	if calls := w.Tap.Calls(); len(calls) > 0 {
		w.t.Fatalf("a request through no entrance of its own called %s", calls[0].Operation)
	}
}

// known reports whether a secret is that of a source of this environment whose name the payload has.
func (w *world) known(payload []byte, secret string) bool {
	d := json.NewDecoder(strings.NewReader(string(payload)))
	for {
		token, err := d.Token()
		if err != nil {
			return false
		}
		if text, is := token.(string); is {
			for _, s := range w.h.environment.Sources {
				if s.Secret == secret && (text == s.Name || strings.Contains(text, secret)) {
					return true
				}
			}
		}
	}
}

var words = regexp.MustCompile(`[^\s"\\]{12,}`)

// quotesNothing looks for pieces of the payload in the error and the log. The version's id may be there, and what is
// the manifest's.
func (w *world) quotesNothing(payload []byte, err error) {
	w.t.Helper()
	said := err.Error() + w.log.String()
	if r, err := readRequest(payload); err == nil && r.versionOf() != "" {
		said = strings.ReplaceAll(said, r.versionOf(), "")
	}
	for _, word := range append(words.FindAllString(string(payload), -1), canary) {
		if !w.mayBeSaid(word) && strings.Contains(said, word) {
			w.t.Fatal("the error or the log quotes the payload")
		}
	}
}

// mayBeSaid reports whether a word is of the manifest, or the name of a step.
func (w *world) mayBeSaid(word string) bool {
	return slices.Contains([]string{"createSecret", "setSecret", "testSecret", "finishSecret"}, word) ||
		slices.ContainsFunc(w.h.environment.Sources, func(s manifest.Source) bool { return strings.Contains(s.Secret, word) })
}
