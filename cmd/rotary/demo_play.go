package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	rotary "github.com/rotary-secrets/rotary"
	"github.com/rotary-secrets/rotary/internal/stage"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

// play is one performance of the demo.
type play struct {
	*app
	s   *stage.Stage
	tl  *timeline
	out *recorder
	dir string

	started time.Time
	states  map[string]string // consumer → what it was last seen doing
	report  plan.Report
	old     map[string]string // what died in the first act, by key
	calm    int               // writes to AWS, GitHub and Vercel during the last pass
	rotated time.Time         // when the laps began
	laps    []lap
}

func (p *play) run() error {
	p.started = time.Now()
	if err := p.prologue(); err != nil {
		return err
	}
	for _, act := range []func() error{p.one, p.two, p.three, p.epilogue} {
		if err := act(); err != nil {
			return err
		}
	}
	return p.checks()
}

// prologue brings the freshly deployed environment to rest, without telling every step.
func (p *play) prologue() error {
	fmt.Fprintf(p.out, "rotary demo: environment %s of the example, on the embedded stand-in for AWS, "+
		"GitHub and Vercel.\n", p.s.Env.Name)
	fmt.Fprintf(p.out, "%d sources, %d buckets, %d consumers; the Lambda binaries are the real ones, "+
		"the time is simulated.\n", len(p.s.Env.Sources), len(p.s.Env.Buckets), len(p.s.Env.Consumers))
	p.tl.quiet = true
	if err := p.until("the first deploy converges", time.Hour, func() bool { return p.report.Converged }); err != nil {
		return err
	}
	p.s.Vercel.Push("dashboard", "5e1c309dae7f45e0f39b1bf3ac3cd9db12e7d689") // the site's first production deployment
	p.s.Advance(15 * time.Minute)
	p.tl.quiet = false
	return nil
}

// The symmetric secret of the example: what is sent, and what is accepted too.
const (
	handshakeKey  = "MY_APP__AUTH_SERVICE__HANDSHAKE_KEY"
	handshakeAlso = "MY_APP__AUTH_SERVICE__HANDSHAKE_KEY_ALSO"
)

// one rotates a symmetric secret, an access key and, at the same time, a token that a person puts.
func (p *play) one() error {
	p.tl.printAct("Act one: a source rotates, everybody follows, the old credential dies")
	p.old = map[string]string{
		"handshake":    p.value("handshake", handshakeKey),
		"VERCEL_TOKEN": p.s.Values["platform"]["VERCEL_TOKEN"],
	}
	token := stage.Canary("VERCEL_TOKEN")
	p.s.Vercel.AddToken(token, "")
	p.tl.printLine("you", "put a new VERCEL_TOKEN into platform (both tokens work at Vercel for now)")
	if err := p.s.Put(p.ctx, "platform", map[string]string{"VERCEL_TOKEN": token}); err != nil {
		return err
	}
	p.tl.printLine("you", "rotate handshake and storage: aws secretsmanager rotate-secret")
	p.startLaps()
	for _, source := range []string{"handshake", "storage"} {
		if err := p.rotate(source); err != nil {
			return err
		}
	}
	followed := func() bool { return p.retired("handshake") && p.retired("storage") && p.safeToRevoke("platform") }
	if err := p.until("everybody follows", 5*time.Hour, followed); err != nil {
		return err
	}
	p.tl.printLine("rotary", "the old handshake key is retired: nobody sends it, nobody accepts it")
	p.tl.printLine("you", "status says \"safe to revoke\": revoke the old VERCEL_TOKEN at Vercel, "+
		"then rotary retire --revoked")
	p.s.Vercel.RevokeToken(p.old["VERCEL_TOKEN"])
	p.s.Targets.Revoke(stage.Target(p.s.Env, "VERCEL_TOKEN"), p.old["VERCEL_TOKEN"])
	return p.command("retire", demoEnvironment, "platform", "--revoked", "--yes")
}

// two rotates a secret whose consumer's image cannot work with the new value.
func (p *play) two() error {
	p.tl.printAct("Act two: a rollout fails, nobody breaks, the image is fixed, it converges")
	c, _ := p.s.Env.Consumer("worker-b")
	app := stage.App(p.s.Env, c)
	before := p.value("worker-b", "WORKER__ARTIFACTS__SIGNING_KEY")
	app.Rejects = func(name, value string) bool { return name == "WORKER__ARTIFACTS__SIGNING_KEY" && value != before }
	p.s.Image(stage.Image("worker-b"), app)
	p.tl.printLine("(bug)", "the image of worker-b cannot read the new format of its signing key")
	p.tl.printLine("you", "rotate worker-b")
	if err := p.rotate("worker-b"); err != nil {
		return err
	}
	rolledBack := func() bool { return p.waits("worker-b", plan.RolloutFailed) && p.running("worker-b") != "" }
	if err := p.until("the circuit breaker rolls back", 3*time.Hour, rolledBack); err != nil {
		return err
	}
	p.tl.printLine("rotary", "worker-b runs on with the pinned old version; nothing is retired while it does")
	p.s.Advance(time.Hour)
	p.tl.printLine("rotary", "an hour later: the failed rollout was not tried again unchanged")
	p.s.Image("worker-b:2", stage.App(p.s.Env, c))
	p.tl.printLine("you", "release worker-b:2 with the bug fixed, as your deploy pipeline does")
	if err := p.s.Release(p.ctx, "worker-b", "worker-b:2"); err != nil {
		return err
	}
	return p.until("worker-b follows", 3*time.Hour, func() bool { return p.retired("worker-b") })
}

// three rotates twice in a row.
func (p *play) three() error {
	p.tl.printAct("Act three: two rotations collide, the second is refused")
	p.tl.printLine("you", "rotate handshake")
	if err := p.rotate("handshake"); err != nil {
		return err
	}
	p.tl.printLine("you", "rotate handshake again, at once")
	err := p.rotate("handshake")
	if err == nil {
		return errors.New("demo: Secrets Manager started a second rotation while the first was pending")
	}
	p.tl.printLine("aws", refusalText(err))
	p.s.Advance(30 * time.Second)
	p.look()
	p.tl.printLine("you", "rotate handshake again, now that its new version is current")
	if err := p.rotate("handshake"); err != nil {
		return err
	}
	p.s.Advance(10 * time.Second)
	p.tl.printLine("rotary", "refused: a lagging consumer may still need the version before; "+
		"nothing changed, and the first rotation goes on")
	followed := func() bool { return p.retired("handshake") && p.report.Converged }
	return p.until("everybody follows", 5*time.Hour, followed)
}

// epilogue lets one more pass run, in which nothing may be written, and prints the status.
func (p *play) epilogue() error {
	p.tl.printAct("Status")
	passes, calls := p.tl.passes, len(p.s.Tap.Calls())
	if !p.s.Until(10*time.Minute, func() bool { return p.tl.passes > passes }) {
		return errors.New("demo: no sweep came within ten minutes")
	}
	for _, call := range p.s.Tap.Calls()[calls:] {
		if call.Write && slices.Contains([]string{"secretsmanager", "ecs", "github", "vercel"}, call.Service) {
			p.calm++
		}
	}
	return p.command("status", demoEnvironment)
}

func (p *play) rotate(source string) error {
	s, _ := p.s.Env.Source(source)
	_, err := p.s.Secrets().RotateSecret(p.ctx, &secretsmanager.RotateSecretInput{SecretId: &s.Secret})
	if err != nil {
		return fmt.Errorf("rotate %s: %w", source, err)
	}
	return nil
}

// until advances the world until done, and looks, through the deployed Lambda, after every pass that found something
// else than the one before.
func (p *play) until(what string, limit time.Duration, done func() bool) error {
	passes, found := p.tl.passes, "nothing yet"
	reached := p.s.Until(limit, func() bool {
		p.noteLaps()
		if p.ctx.Err() != nil || p.tl.passes == passes || p.tl.found == found {
			return p.ctx.Err() != nil
		}
		passes, found = p.tl.passes, p.tl.found
		seen := p.look()
		p.noteLaps()
		return seen && done()
	})
	if err := p.ctx.Err(); err != nil {
		return err
	}
	if !reached {
		return fmt.Errorf("demo: %s: not within %v", what, limit)
	}
	return nil
}

// look prints the state of each consumer that has changed since the last look, and reports whether the look succeeded.
func (p *play) look() bool {
	report, err := p.s.Look(p.ctx)
	if err != nil {
		p.tl.printLine("propagate", err.Error())
		return false
	}
	p.report = report
	seen := map[string]string{}
	for _, c := range report.Consumers {
		seen[c.Name] = c.State + " on " + history.Short(c.Running)
		if c.State == "failed" {
			seen[c.Name] = "rolled back, still on " + history.Short(c.Running) + ": " + c.Detail
		}
		was, known := p.states[c.Name]
		ended := c.State == "current" || c.State == "failed"
		if known && was != seen[c.Name] && c.Running != "" && ended {
			p.tl.printLine(c.Name, "seen "+seen[c.Name])
		}
	}
	p.states = seen
	return true
}

// retired reports whether a source's rotation is over: nothing pending, nothing owed.
func (p *play) retired(source string) bool {
	for _, s := range p.report.Sources {
		if s.Name == source {
			return s.Pending == "" && len(s.Owed) == 0
		}
	}
	return false
}

func (p *play) safeToRevoke(source string) bool {
	owed := p.report.Source(source).Owed
	return len(owed) > 0 && len(owed[0].Blocked) > 0 && owed[0].Blocked[0].Reason == plan.ByHand
}

// running is the bucket version that a consumer is proven to run.
func (p *play) running(consumer string) string { return p.report.Consumer(consumer).Running }

func (p *play) waits(subject string, reason plan.Reason) bool {
	for _, w := range p.report.Waits {
		if w.Subject == subject && w.Reason == reason {
			return true
		}
	}
	return false
}

// command runs a rotary command as a person would, against the stand-in.
func (p *play) command(args ...string) error {
	path := filepath.Join(p.dir, "rotary.yaml")
	if err := os.WriteFile(path, rotary.Manifest, 0o600); err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": p.s.At.AWS, "AWS_ACCESS_KEY_ID": p.s.Env.Account, "AWS_SECRET_ACCESS_KEY": "standin",
		"AWS_SESSION_TOKEN": "", "AWS_PROFILE": "", "AWS_CONFIG_FILE": os.DevNull,
		"AWS_SHARED_CREDENTIALS_FILE": os.DevNull, "AWS_EC2_METADATA_DISABLED": "true",
		"ROTARY_GITHUB_URL": p.s.At.GitHub, "ROTARY_VERCEL_URL": p.s.At.Vercel,
	} {
		if err := os.Setenv(name, value); err != nil {
			return fmt.Errorf("demo: %w", err)
		}
	}
	fmt.Fprintf(p.out, "\n  $ rotary %s\n", joinTexts(args))
	args = append([]string{"--manifest", path}, args...)
	if code := runCommand(p.ctx, args, terminal{p.in, indented{p.out}, indented{p.out}}); code != exitDone {
		return fmt.Errorf("demo: rotary %s ended with exit code %d", joinTexts(args), code)
	}
	return nil
}
