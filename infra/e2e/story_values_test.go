package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/rotary-secrets/rotary/internal/postgrestest"
	"github.com/rotary-secrets/rotary/internal/stage"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

// refuseValue puts a login that the server does not know yet: the command refuses it, and leaves nothing of it. Put by
// another tool it is current, and no bucket gets it, until a person accepts it.
func (p *played) refuseValue(ctx context.Context) error {
	if p.database == nil {
		return nil
	}
	source, _ := p.Env.Source("app-db")
	before, err := p.current(source.Secret)
	if err != nil {
		return err
	}
	text, err := p.database.lateText(source)
	if err != nil {
		return err
	}
	if err := p.rotary(ctx, text, "put", p.Env.Name, source.Name, "--yes"); err == nil || !strings.Contains(err.Error(), "the target of app-db refuses this value") {
		return fmt.Errorf("a login that the server refuses is put: %w", err)
	}
	if is, err := p.current(source.Secret); err != nil || is != before {
		return errors.Join(errors.New("a value that was refused is current"), err)
	}
	if owed := p.labelled(source, history.Live); len(owed) != 1 {
		return fmt.Errorf("after a value was refused, versions %v of %s are live", owed, source.Name)
	}
	_, err = p.Secrets().PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{SecretId: &source.Secret, SecretString: aws.String(string(text))})
	if err != nil {
		return err
	}
	return p.acceptValue(ctx, source)
}

// acceptValue waits until the current value of a source is refused, has the server take it, and accepts it.
func (p *played) acceptValue(ctx context.Context, source manifest.Source) error {
	err := p.until(ctx, time.Hour, "it is alarmed", func(r plan.Report) bool {
		return slices.ContainsFunc(r.Alarms, func(a plan.Alarm) bool { return a.Name == plan.ValueNotAccepted && a.Subject == source.Name })
	})
	if err != nil {
		return err
	}
	if asked := p.labelled(source, history.Ask); len(asked) != 1 {
		return fmt.Errorf("versions %v of %s are to be asked about again", asked, source.Name)
	}
	p.database.makeLate()
	if err := p.rotary(ctx, nil, "accept", p.Env.Name, source.Name, "--value", "--yes"); err != nil {
		return err
	}
	if asked := p.labelled(source, history.Ask); len(asked) != 0 {
		return fmt.Errorf("versions %v of %s are to be asked about again, and were accepted", asked, source.Name)
	}
	if err := p.until(ctx, 8*time.Hour, "everybody has the login that was accepted", stage.Converged); err != nil {
		return err
	}
	return p.everybodyRuns()
}

// loseTags takes tags off a bucket, as a tool does that does not know them: rotary does not know all its readers any
// more, until a person says that it does.
func (p *played) loseTags(ctx context.Context) error {
	b, _ := p.Env.Bucket("api-secrets")
	lost := func(r plan.Report) bool {
		return slices.ContainsFunc(r.Buckets, func(b plan.BucketReport) bool { return b.LostMemory })
	}
	_, err := p.Secrets().UntagResource(ctx, &secretsmanager.UntagResourceInput{SecretId: &b.Secret, TagKeys: []string{"rotary:reader:api"}})
	if err == nil {
		err = p.until(ctx, 10*time.Minute, "the bucket has lost its memory", lost)
	}
	if err == nil {
		err = p.rotary(ctx, nil, "forget", p.Env.Name, "--bucket", b.Name, "--yes")
	}
	if err != nil {
		return err
	}
	return p.until(ctx, time.Hour, "the bucket knows its readers", func(r plan.Report) bool { return stage.Converged(r) && !lost(r) })
}

// labelled returns the versions of a source that have a label of this kind.
func (p *played) labelled(s manifest.Source, kind string) (versions []string) {
	for _, v := range p.Region(p.account, p.region).SecretsManager.Peek(s.Secret) {
		if slices.ContainsFunc(v.Labels, func(label string) bool { return strings.HasPrefix(label, kind) }) {
			versions = append(versions, history.Short(v.ID))
		}
	}
	return versions
}

// latePassword is that of a user that the server does not have from the beginning.
const latePassword = "canary/by%hand@late"

// lateText returns the values of a source with the login of that user under every URL.
func (d *database) lateText(s manifest.Source) ([]byte, error) {
	values := map[string]string{}
	for _, key := range s.Database().URL {
		values[key] = d.server.URL("late", latePassword, "postgres")
	}
	return json.Marshal(values)
}

func (d *database) makeLate() {
	postgrestest.Do(d.t, d.server.Admin(d.t, "postgres"), "CREATE ROLE late LOGIN PASSWORD '"+latePassword+"'")
}
