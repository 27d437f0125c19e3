package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"

	"github.com/aws/aws-sdk-go-v2/service/scheduler"

	"github.com/rotary-secrets/rotary/internal/leak"
	"github.com/rotary-secrets/rotary/internal/stage"
	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// canaries are the values of every version of every source, and how the tokens start that GitHub makes.
func (p *played) canaries() *leak.Search {
	search := new(leak.Search)
	search.Allow(stage.Public)
	add := func(name, value string) {
		if err := search.Add(name, value); err != nil {
			p.t.Fatal(err)
		}
	}
	for _, s := range p.Env.Sources {
		for _, v := range p.Region(p.account, p.region).SecretsManager.Peek(s.Secret) {
			values, _, err := bucket.ReadSource(s, v.Value)
			if err != nil {
				continue // a version that a rotation left empty
			}
			for key, value := range values {
				if !stage.Plain(s, key) {
					add(key+" of "+s.Name, password(secret.Reveal(value)))
				}
			}
		}
	}
	for token, start := range map[string]string{"an installation token": "ghs_", "an App's JWT": "eyJhbGci"} {
		add(token, start)
	}
	return search
}

// password returns the secret part of a value: of a database's URL the password.
func password(value string) string {
	u, err := url.Parse(value)
	if err != nil || u.User == nil {
		return value
	}
	password, _ := u.User.Password()
	return password
}

// nothingLeaked searches everything that came out for every value.
func (p *played) nothingLeaked(ctx context.Context) error {
	region := p.Region(p.account, p.region)
	places := map[string]any{
		"the journal": p.Tap.Calls(), "the reports": p.reports, "the requests": p.recorder.asked, "the queue": region.Bus.Queue(p.Env.Queue()), "the undelivered": region.Bus.Undelivered(),
	}
	texts := map[string][]byte{"the Lambdas' output": region.Lambda.Output(), "what the command printed": p.printed}
	for i, d := range p.delivered {
		texts[fmt.Sprintf("delivery %d", i)] = d.event
	}
	name := p.Env.AgainSchedule()
	if out, err := scheduler.NewFromConfig(p.Config(p.account, p.region)).GetSchedule(ctx, &scheduler.GetScheduleInput{Name: &name}); err == nil {
		places["the schedule"] = []any{out.Name, out.Description, out.Target}
	}
	for name, value := range places {
		text, err := json.Marshal(value)
		if err != nil {
			return err
		}
		texts[name] = text
	}
	canaries := p.canaries()
	held, err := json.Marshal(p.Values)
	if err != nil || len(canaries.In(held)) == 0 {
		return errors.Join(errors.New("there is no value to search for"), err)
	}
	for name, text := range texts {
		for _, found := range canaries.In(text) {
			return fmt.Errorf("leak in %s: %s", name, found)
		}
	}
	return nil
}
