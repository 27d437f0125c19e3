package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/smithy-go"

	"github.com/rotary-secrets/rotary/internal/leak"
	"github.com/rotary-secrets/rotary/internal/stage"
	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// checks looks at the end state and says what holds. Nothing is taken from what was said before.
func (p *play) checks() error {
	canaries, n := p.canaries()
	leaks := p.leaks(canaries)
	inTime := p.printLaps()
	p.tl.printAct("Checks")
	list := []struct {
		what  string
		holds bool
	}{
		{fmt.Sprintf("all %d consumers were seen on the current version", len(p.report.Consumers)), p.allCurrent()},
		{"the first handshake key is refused by its target, the present one accepted", p.refusedNow()},
		{"the first VERCEL_TOKEN is refused by Vercel", p.tokenDead()},
		{"act one's rotations were as fast as is promised", inTime},
		{"nobody was refused at any time", len(p.s.Refusals()) == 0},
		{"nothing is owed, and a second pass plans nothing", p.report.Converged},
		{fmt.Sprintf("the last pass wrote %d times to AWS, GitHub and Vercel", p.calm), p.calm == 0},
		{fmt.Sprintf("%d canaries searched in all output, logs and calls: %d found%s", n, len(leaks), joinNames(leaks)),
			len(leaks) == 0 && n > 0},
	}
	failed := 0
	for _, c := range list {
		mark := "ok  "
		if !c.holds {
			mark, failed = "FAIL", failed+1
		}
		fmt.Fprintf(p.out, "  %s  %s\n", mark, c.what)
	}
	days := p.s.Clock.Now().Sub(time.Date(2026, 1, 1, 9, 0, 0, 0, time.UTC)).Round(time.Minute)
	fmt.Fprintf(p.out, "\n%v of simulated time in %v\n", days, time.Since(p.started).Round(100*time.Millisecond))
	if failed > 0 {
		return fmt.Errorf("demo: %d of %d checks failed", failed, len(list))
	}
	return nil
}

func (p *play) allCurrent() bool {
	if !p.look() || len(p.report.Consumers) == 0 {
		return false
	}
	for _, c := range p.report.Consumers {
		if !c.Current {
			return false
		}
	}
	return true
}

// refusedNow presents the first and the present handshake key to those who verify it.
func (p *play) refusedNow() bool {
	target := stage.Target(p.s.Env, handshakeKey)
	now := p.value("handshake", handshakeKey)
	return now != p.old["handshake"] && p.s.Targets.Accepts(target, now) &&
		!p.s.Targets.Accepts(target, p.old["handshake"])
}

// tokenDead calls Vercel with the token that was revoked, and with the present one.
func (p *play) tokenDead() bool {
	return p.vercelStatus(p.old["VERCEL_TOKEN"]) >= 400 &&
		p.vercelStatus(p.s.Values["platform"]["VERCEL_TOKEN"]) == http.StatusOK
}

func (p *play) vercelStatus(token string) int {
	req, err := http.NewRequestWithContext(p.ctx, http.MethodGet, p.s.At.Vercel+"/v9/projects/dashboard", nil)
	if err != nil {
		return 0
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := (&http.Client{Timeout: time.Minute}).Do(req)
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

// value reads what a source holds now.
func (p *play) value(source, key string) string { return p.content(source)[key] }

func (p *play) content(source string) map[string]string {
	s, _ := p.s.Env.Source(source)
	current := history.AWSCurrent
	in := &secretsmanager.GetSecretValueInput{SecretId: &s.Secret, VersionStage: &current}
	out, err := p.s.Secrets().GetSecretValue(p.ctx, in)
	if err != nil || out.SecretString == nil {
		return nil
	}
	parsed, _, err := bucket.ReadSource(s, secret.New(*out.SecretString))
	if err != nil {
		return nil
	}
	values := map[string]string{}
	for k, v := range parsed {
		values[k] = secret.Reveal(v)
	}
	return values
}

// canaries are all secret values that were ever put or made in the play.
func (p *play) canaries() (*leak.Search, int) {
	canaries, n := new(leak.Search), 0
	canaries.Allow(stage.Public)
	add := func(name, value string) {
		if len(value) >= 16 && canaries.Add(name, value) == nil { // less is an App's id
			n++
		}
	}
	for _, source := range p.s.Env.Sources {
		for key, value := range p.s.Values[source.Name] {
			add(key, value)
		}
		for key, value := range p.content(source.Name) {
			add(key, value)
		}
	}
	for key, value := range p.old {
		add(key, value)
	}
	return canaries, n
}

// leaks returns the canaries that were found in anything printed, logged or journaled.
func (p *play) leaks(canaries *leak.Search) (found []leak.Finding) {
	logs := p.s.Region(p.s.Env.Account, p.s.Env.Region).Lambda.Output()
	for _, text := range [][]byte{p.out.recordedBytes(), logs, fmt.Appendf(nil, "%+v", p.s.Tap.Calls())} {
		found = append(found, canaries.In(text)...)
	}
	return found
}

// joinNames names what was found, and where: never the value.
func joinNames(leaks []leak.Finding) (text string) {
	for _, found := range leaks {
		text += "; " + found.String()
	}
	return text
}

func refusalText(err error) string {
	if api, answered := errors.AsType[smithy.APIError](err); answered {
		return "refused: " + api.ErrorMessage()
	}
	return "refused"
}

func joinTexts(args []string) string { return strings.Join(args, " ") }

// indented sets what a command prints off from the timeline.
type indented struct{ out io.Writer }

func (w indented) Write(b []byte) (int, error) {
	for line := range strings.Lines(string(b)) {
		if _, err := io.WriteString(w.out, "  "+line); err != nil {
			return 0, err
		}
	}
	return len(b), nil
}
