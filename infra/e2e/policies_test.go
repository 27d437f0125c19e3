package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/rotary-secrets/rotary/infra/iam"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// court is a story before the judge: everything that IAM was asked for in it, and how that is decided by the policies
// of the templates.
type court struct {
	*played
	judge     *iam.Judge
	asked     []access
	decisions []iam.Decision
}

// tried judges a story, and fails the test where something in it is not allowed.
func (p *played) tried(t *testing.T) *court {
	t.Helper()
	c := &court{played: p, judge: iam.Start(t), asked: p.needed(t)}
	c.judge.Keep(p.documents())
	denied, decisions := p.denied(c.judge, c.asked)
	for _, d := range denied {
		t.Error(d)
	}
	c.decisions = decisions
	count := map[string]int{}
	for _, a := range c.asked {
		count[a.who]++
	}
	t.Logf("judged: %v", count)
	for _, r := range []string{p.Env.PropagateFunction(), p.Env.LookFunction(), p.platform(), "rotary-" + p.Env.Name + "-rotate", "rotary-" + p.Env.Name + "-scheduler"} {
		if count[r] == 0 {
			t.Errorf("%s asked for nothing", r)
		}
	}
	return c
}

// without judges again what a document decided, with another document in its place, and lists what is denied then.
func (c *court) without(document string, replacement any) []string {
	var affected []access
	for i, d := range c.decisions {
		if slices.ContainsFunc(d.By, func(s iam.Statement) bool { return s.Document == document }) || c.ask(c.asked[i]).ResourcePolicy == document {
			affected = append(affected, c.asked[i])
		}
	}
	original := c.documents()[document]
	c.judge.Keep(map[string]any{document: replacement})
	denied, _ := c.denied(c.judge, affected)
	c.judge.Keep(map[string]any{document: original})
	return denied
}

// statement is one of a document, as far as it is looked at here.
type statement struct {
	Sid, Effect string
}

func statements(t *testing.T, document any) (all []statement) {
	t.Helper()
	for _, s := range document.(map[string]any)["Statement"].([]any) {
		m := s.(map[string]any)
		all = append(all, statement{fmt.Sprint(m["Sid"]), fmt.Sprint(m["Effect"])})
	}
	return all
}

// dropped is a document without one of its statements.
func dropped(document any, position int) any {
	out := maps.Clone(document.(map[string]any))
	out["Statement"] = slices.Delete(slices.Clone(out["Statement"].([]any)), position, position+1)
	return out
}

// unplayed are the statements that the story does not need, and why they stand there nevertheless.
func unplayed() map[string]string {
	const images = "the images of the story are in no registry of AWS"
	all := map[string]string{}
	for _, service := range []string{"api", "worker-a", "worker-b"} {
		all[service+"-execution EnterTheRegistry"], all[service+"-execution PullImages"] = images, images
	}
	return all
}

// everyStatementIsNeeded takes every statement that allows something out of the roles of the story, one after the
// other: somebody is denied then, or it is known why not.
func (c *court) everyStatementIsNeeded(t *testing.T) {
	needed, extra := 0, map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(c.roles)) {
		if !slices.ContainsFunc(c.asked, func(a access) bool { return a.who == name }) {
			continue // people that the story has not
		}
		if c.database == nil && strings.HasSuffix(name, "-rotate-network") {
			continue // its source does not rotate
		}
		short := strings.TrimPrefix(name, "rotary-"+c.Env.Name+"-")
		for i, document := range c.roles[name].may {
			for position, s := range statements(t, document) {
				denied := c.without(inline(name, i), dropped(document, position))
				why, known := unplayed()[short+" "+s.Sid]
				switch {
				case s.Effect == "Deny":
				case len(denied) > 0 && !strings.Contains(denied[0], name):
					t.Errorf("without %s of %s somebody else is denied: %s", s.Sid, name, denied[0])
				case len(denied) == 0 && !known:
					t.Errorf("without %s of %s nothing is denied: the story does not need it", s.Sid, name)
				case len(denied) > 0 && known:
					t.Errorf("without %s of %s: %s; it is said not to be needed, because %s", s.Sid, name, denied[0], why)
				case len(denied) > 0:
					needed++
				}
				extra[short+" "+s.Sid] = true
			}
		}
	}
	for key := range unplayed() {
		if !extra[key] && c.Env.Name == "dev" {
			t.Errorf("there is no %s", key)
		}
	}
	t.Logf("%d statements are needed", needed)
}

// servicesReadTheirBucketOnly asks for every execution role and every secret of the environment.
func (c *court) servicesReadTheirBucketOnly(t *testing.T) {
	for _, consumer := range c.Env.Consumers {
		if consumer.ECS == nil {
			continue
		}
		b, _ := c.Env.Bucket(consumer.Bucket)
		execution, task := c.roles["rotary-"+c.Env.Name+"-"+consumer.Name+"-execution"], c.roles["rotary-"+c.Env.Name+"-"+consumer.Name+"-task"]
		if execution == nil || task == nil || len(task.may) > 0 {
			t.Errorf("%s has no execution role, or a task role that may do something", consumer.Name)
			continue
		}
		for name, arn := range c.secrets {
			for _, r := range []*role{execution, task} {
				all := append(c.keyNeed(asker{c.cloud, r}, arn, "kms:Decrypt"), asker{c.cloud, r}.one("secretsmanager:GetSecretValue", arn))
				denied, _ := c.denied(c.judge, all)
				if own := name == b.Secret && r == execution; own != (len(denied) == 0) || !own && len(denied) != len(all) {
					t.Errorf("%s on %s: denied %v", r.name, name, denied)
				}
			}
		}
	}
}

// aLookThatWritesIsRefused asks for everything that propagate did in the story with the role of the look function: it may
// do what reads, the trail excepted, and nothing else.
func (c *court) aLookThatWritesIsRefused(t *testing.T) {
	propagate, look := c.Env.Named(manifest.PropagateRole), c.roles[c.Env.Named(manifest.LookRole)]
	writes := map[string]bool{}
	reads := map[string]bool{}
	for _, a := range c.asked {
		if a.who != propagate || strings.HasPrefix(a.action, "logs:") || strings.HasPrefix(a.action, "cloudtrail:") {
			continue
		}
		a.who = look.name
		denied, _ := c.denied(c.judge, []access{a})
		write := c.judge.Writes(a.action)
		if write != (len(denied) > 0) {
			t.Errorf("denied are %q, for %s", denied, a)
		}
		map[bool]map[string]bool{true: writes, false: reads}[write][a.action] = true
	}
	if len(writes) < 9 || len(reads) < 9 {
		t.Errorf("propagate has done too little: writes %v, reads %v", slices.Sorted(maps.Keys(writes)), slices.Sorted(maps.Keys(reads)))
	}
}

// plain is a value as JSON, with < and > as they are.
func plain(t *testing.T, value any) string {
	t.Helper()
	var out strings.Builder
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(value); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// changed is a document with some text of it replaced. The text has to be there.
func changed(t *testing.T, document any, old, replacement string) (out any) {
	t.Helper()
	text := plain(t, document)
	if !strings.Contains(text, old) {
		t.Fatalf("the policy has no %s: %s", old, text)
	}
	if err := json.Unmarshal([]byte(strings.ReplaceAll(text, old, replacement)), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// aWrongPolicyIsSeen breaks policies of every kind and expects who is denied what.
func (c *court) aWrongPolicyIsSeen(t *testing.T) {
	env := c.Env.Name
	name := func(r string) string { return "rotary-" + env + "-" + r }
	arn := func(r string) string { return `"` + c.roles[name(r)].arn + `"` }
	secret := func(n string) string {
		if s, is := c.Env.Source(n); is {
			return c.secrets[s.Secret]
		}
		b, _ := c.Env.Bucket(n)
		return c.secrets[b.Secret]
	}
	queue := c.Env.ARN("sqs", "")
	topic := slices.Sorted(maps.Keys(c.topics))[0]
	key := c.keys[secret("vendors")]
	for what, m := range map[string]struct{ document, old, new, want string }{
		"a source refuses the reconciler": {secret("vendors"), arn("propagate"), `"arn:aws:iam::000000000000:role/x"`, "ExplicitlyDenied " + name("propagate") + ": secretsmanager:GetSecretValue on " + secret("vendors")},
		"a source refuses its rotator":    {secret("handshake"), arn("rotate"), `"arn:aws:iam::000000000000:role/x"`, "ExplicitlyDenied " + name("rotate") + ": secretsmanager:PutSecretValue on " + secret("handshake")},
		"a source refuses the platform":   {secret("vendors"), arn("platform"), `"arn:aws:iam::000000000000:role/x"`, "ExplicitlyDenied " + name("platform") + ": secretsmanager:PutSecretValue on " + secret("vendors")},
		"a bucket refuses its service":    {secret("api-secrets"), arn("api-execution"), `"arn:aws:iam::000000000000:role/x"`, "ExplicitlyDenied " + name("api-execution") + ": secretsmanager:GetSecretValue on " + secret("api-secrets")},
		"the key refuses a rotator":       {key, arn("rotate"), `"arn:aws:iam::000000000000:role/x"`, "Denied " + name("rotate") + ": kms:GenerateDataKey on " + key},
		"the key refuses a service":       {key, arn("worker-a-execution"), `"arn:aws:iam::000000000000:role/x"`, "Denied " + name("worker-a-execution") + ": kms:Decrypt on " + key},
		"the key refuses the topic":       {key, `"` + topic + `"`, `"arn:aws:sns:us-east-1:000000000000:x"`, "Denied events.amazonaws.com: kms:GenerateDataKey on " + key},
		"the queue refuses rules":         {queue + c.Env.Queue(), "events.amazonaws.com", "s3.amazonaws.com", "Denied events.amazonaws.com: sqs:SendMessage on " + queue + c.Env.Queue()},
		"the queue takes other rules":     {queue + c.Env.Queue(), ":rule/", ":rule/other-", "Denied events.amazonaws.com: sqs:SendMessage on " + queue + c.Env.Queue()},
		"undelivered events are refused":  {queue + name("undelivered"), "events.amazonaws.com", "s3.amazonaws.com", "Denied events.amazonaws.com: sqs:SendMessage on " + queue + name("undelivered")},
		"the topic refuses rules":         {topic, "events.amazonaws.com", "s3.amazonaws.com", "Denied events.amazonaws.com: sns:Publish on " + topic},
		"the topic refuses alarms":        {topic, "cloudwatch.amazonaws.com", "s3.amazonaws.com", "Denied cloudwatch.amazonaws.com: sns:Publish on " + topic},
		"nobody runs the reconciler":      {c.roles[name("propagate")].arn, "lambda.amazonaws.com", "ec2.amazonaws.com", "Denied lambda.amazonaws.com: sts:AssumeRole on " + c.roles[name("propagate")].arn},
		"the sweep has no role":           {c.roles[name("scheduler")].arn, "schedule-group/default", "schedule-group/other", "Denied scheduler.amazonaws.com: sts:AssumeRole on " + c.roles[name("scheduler")].arn},
		"no task starts":                  {c.roles[name("api-execution")].arn, "ecs-tasks.amazonaws.com", "ecs.amazonaws.com", "Denied ecs-tasks.amazonaws.com: sts:AssumeRole on " + c.roles[name("api-execution")].arn},
		"no label LIVE":                   {inline(name("propagate"), 0), `"LIVE-*"`, `"SEEN"`, "Denied " + name("propagate") + ": secretsmanager:UpdateSecretVersionStage on"},
		"no label AWSCURRENT":             {inline(name("propagate"), 0), `"AWSCURRENT"`, `"SEEN"`, "Denied " + name("propagate") + ": secretsmanager:UpdateSecretVersionStage on "},
		"no label AWSPENDING":             {inline(name("rotate"), 0), `"AWSPENDING"`, `"SEEN"`, "Denied " + name("rotate") + ": secretsmanager:UpdateSecretVersionStage on"},
		"another user's access key":       {inline(name("rotate"), 0), ":user/", ":user/x-", "Denied " + name("rotate") + ": iam:CreateAccessKey on"},
		"another queue":                   {inline(name("scheduler"), 0), c.Env.Queue(), "other.fifo", "Denied " + name("scheduler") + ": sqs:SendMessage on " + queue + c.Env.Queue()},
		"another schedule":                {inline(name("propagate"), 0), c.Env.AgainSchedule(), "other", "Denied " + name("propagate") + ": scheduler:UpdateSchedule on"},
		"a role not to be passed":         {inline(name("propagate"), 0), arn("scheduler"), `"arn:aws:iam::000000000000:role/x"`, "Denied " + name("propagate") + ": iam:PassRole on " + c.roles[name("scheduler")].arn},
		"another mark on what is made":    {inline(name("propagate"), 0), "rotary:environment", "rotary:other", "Denied " + name("propagate") + ": ecs:RegisterTaskDefinition on"},
		"a key for another service":       {key, "secretsmanager." + c.region + ".amazonaws.com", "s3." + c.region + ".amazonaws.com", "Denied " + name("propagate") + ": kms:Decrypt on " + key},
	} {
		t.Run(what, func(t *testing.T) {
			denied := c.without(m.document, changed(t, c.documents()[m.document], m.old, m.new))
			if !slices.ContainsFunc(denied, func(d string) bool { return strings.Contains(d, m.want) }) {
				t.Errorf("denied are\n%s\nexpected %s", strings.Join(denied, "\n"), m.want)
			}
		})
	}
}
