package simulation

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/internal/stage"
)

// What IAM is asked for in the scenarios of access keys, and what the user has in the end.
func TestAccessKeysAreReallyRotated(t *testing.T) {
	for name, want := range map[string]struct{ calls, keys []string }{
		"access key": {
			[]string{"CreateAccessKey", "UpdateAccessKey", "DeleteAccessKey", "CreateAccessKey", "UpdateAccessKey"},
			[]string{"Inactive", "Active"},
		},
		"access key, both slots taken": {[]string{"CreateAccessKey", "UpdateAccessKey"}, []string{"Inactive", "Active"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := scenario(t, name)
			w, err := s.Open(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			var calls, keys []string
			for _, step := range s.Schedule {
				for _, c := range w.Step(step) {
					if c.Service == "iam" && c.Write {
						calls = append(calls, c.Operation)
					}
				}
			}
			source, _ := w.Env.Source("storage")
			for _, k := range w.IAM.Keys(stage.User(w.Env, source)) {
				keys = append(keys, k.Status)
			}
			if diff := cmp.Diff(want.calls, calls); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(want.keys, keys); diff != "" {
				t.Errorf("keys (-want +got):\n%s", diff)
			}
		})
	}
}
