package event_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/rotary-secrets/rotary/pkg/event"
)

// FuzzRead starts from every sample: whatever comes, Read answers with a wake about this environment or with a
// *Refused, and takes nothing else from the message than names to remove.
func FuzzRead(f *testing.F) {
	env := dev(f)
	for _, name := range []string{
		"advance", "again", "apply", "cloudformation-stack-status-change", "dry-run", "ecs-deployment-state-change", "github-secret-scanning-alert",
		"health-credentials-exposed", "rotation-abandoned", "rotation-failed", "rotation-step", "secret-label-updated", "sqs-batch", "sweep",
	} {
		f.Add([]byte(sample(f, name+".json")))
	}
	why := []string{"sweep", "again", "apply", "a stack was deployed"}
	for _, s := range env.Sources {
		why = append(why, "source "+s.Name+" changed")
	}
	for _, b := range env.Buckets {
		why = append(why, "rotary's own write of "+b.Name)
	}
	for _, c := range env.Consumers {
		why = append(why, "a deployment of "+c.Name)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		wake, err := event.Read(env, body)
		if err != nil {
			if _, is := errors.AsType[*event.Refused](err); !is || wake.Why != "" || wake.AcceptRemovals != nil {
				t.Errorf("error is a %T, beside the wake %+v", err, wake)
			}
			return
		}
		if !slices.Contains(why, wake.Why) {
			t.Errorf("why is %q, which no name of the manifest gives", wake.Why)
		}
		if len(wake.AcceptRemovals) > 0 && !strings.Contains(strings.ToLower(string(body)), "acceptremovals") {
			t.Errorf("it accepts removals that nobody asked for")
		}
		if again, err := event.Read(env, body); err != nil || again.Why != wake.Why || again.Ignore != wake.Ignore {
			t.Errorf("read again it is %+v, %v", again, err)
		}
	})
}
