package event_test

import (
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rotary-secrets/rotary/pkg/event"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// FuzzRead starts from every sample: whatever comes, Read answers with a wake about this environment or with a
// *Refused that quotes nothing, and takes nothing else from the message than names to remove.
func FuzzRead(f *testing.F) {
	env := dev(f)
	for _, name := range []string{
		"advance", "again", "apply", "cloudformation-stack-status-change", "dry-run", "ecs-deployment-state-change",
		"github-secret-scanning-alert",
		"health-credentials-exposed", "rotation-abandoned", "rotation-failed", "rotation-step", "secret-label-updated",
		"sqs-batch", "sweep",
	} {
		text := sample(f, name+".json")
		f.Add([]byte(text))
		f.Add([]byte(strings.ReplaceAll(text, "111111111111", "222222222222")))
		f.Add([]byte(strings.ReplaceAll(text, "dev", "production")))
		f.Add([]byte(strings.NewReplacer("handshake", canary, "sweep", canary, "us-east-1", canary, "UPDATE_COMPLETE",
			canary).Replace(text)))
	}
	for _, text := range []string{
		`{"rotary":"sweep","environment":"production","Environment":"dev"}`,
		`{"rotary":"sweep","environment":"dev","` + canary + `":1}`, `{"rotary":null,"detail-type":null}`,
		`{"rotary":"apply","environment":"dev","acceptRemovals":["` + canary + `"]}`, `"` + canary + `"`, canary,
		strings.Repeat("[", 20000), strings.Repeat(" ", event.MaxSize) + "{}",
		`{"detail-type":"Secret Label Updated","source":"aws.secretsmanager","account":"111111111111","region":"us-east-1","detail":null}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		wake, err := event.Read(env, body)
		if err != nil {
			if _, is := errors.AsType[*event.Refused](err); !is || wake.Why != "" || wake.AcceptRemovals != nil ||
				wake.Ignore {
				t.Errorf("error is a %T, beside the wake %+v", err, wake)
			}
			quotesNothing(t, string(body), err)
			return
		}
		if len(body) > event.MaxSize {
			t.Error("it reads more than any event has")
		}
		about(t, env, wake, body)
		if again, err := event.Read(env, body); err != nil || again.Why != wake.Why || again.Ignore != wake.Ignore {
			t.Errorf("read again it is %+v, %v", again, err)
		}
	})
}

var words = regexp.MustCompile(`[^\s"]{10,}`)

// own are the long words of Read's own messages.
const own = "environment EventBridge us-east-1/111111111111"

func quotesNothing(t *testing.T, body string, err error) {
	t.Helper()
	for _, word := range append(words.FindAllString(body, -1), canary) {
		if strings.Contains(err.Error(), word) && !strings.Contains(own, word) {
			t.Error("the error quotes the message")
		}
	}
}

// about finds in the message what makes it one about env, by another way than Read.
func about(t *testing.T, env *manifest.Environment, wake event.Wake, body []byte) {
	t.Helper()
	said := texts(body)
	has := func(what string, is func(text string) bool) {
		if !slices.ContainsFunc(said, is) {
			t.Errorf("it is taken for %q and names no %s of environment %s", wake.Why, what, env.Name)
		}
	}
	is := func(want string) func(string) bool { return func(text string) bool { return text == want } }
	if slices.Contains([]string{"sweep", "again", "apply"}, wake.Why) {
		has("request", is(wake.Why))
		has("environment", is(env.Name))
	} else {
		has("account", is(env.Account))
		has("region", is(env.Region))
	}
	if wake.Why != "apply" && len(wake.AcceptRemovals) > 0 ||
		slices.ContainsFunc(wake.AcceptRemovals, func(n string) bool { return !slices.Contains(said, n) }) {
		t.Error("it accepts removals that nobody asked for")
	}
	named(t, env, wake, has)
}

// named checks that the reason comes from a name of the manifest.
func named(t *testing.T, env *manifest.Environment, wake event.Wake, has func(string, func(string) bool)) {
	t.Helper()
	for _, s := range env.Sources {
		if wake.Why == "source "+s.Name+" changed" {
			has("secret", func(text string) bool { return strings.Contains(text, s.Secret) })
			return
		}
	}
	for _, b := range env.Buckets {
		if wake.Why == "rotary's own write of "+b.Name {
			has("secret", func(text string) bool { return text == b.Secret })
			return
		}
	}
	for _, c := range env.Consumers {
		if wake.Why == "a deployment of "+c.Name {
			has("service", func(text string) bool {
				return strings.HasSuffix(text, ":"+env.Region+":"+env.Account+":service/"+c.ECS.Cluster+"/"+
					c.ECS.Service)
			})
			return
		}
	}
	switch wake.Why {
	case "a stack was deployed":
		has("stack", func(text string) bool { return strings.Contains(text, ":stack/rotary-"+env.Name+"-pipeline/") })
	case "sweep", "again", "apply":
	default:
		t.Errorf("why is %q, which no name of the manifest gives", wake.Why)
	}
}

// texts returns all strings of a JSON text, also those that stand twice.
func texts(body []byte) (out []string) {
	d := json.NewDecoder(strings.NewReader(string(body)))
	for {
		token, err := d.Token()
		if err != nil {
			return out
		}
		if text, is := token.(string); is {
			out = append(out, text)
		}
	}
}
