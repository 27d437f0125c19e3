package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// TestScripts runs testdata/*.txtar, and then searches everything that their commands printed for the values that
// the sources held at any time.
func TestScripts(t *testing.T) {
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(here) // scripts change the folder; this changes it back
	var benches []*bench
	testscript.RunT(serial{t}, scripts(filepath.Join(here, "testdata"), builder(t.TempDir(), filepath.Dir(filepath.Dir(here))), &benches))
	all, err := filepath.Glob(filepath.Join(here, "testdata", "*.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	values, revealed := 0, 0
	for _, b := range benches {
		values += len(b.canaries)
		for _, value := range b.canaries {
			if strings.Contains(b.seen.masked.String(), value) {
				t.Errorf("%s: a command printed a value without --reveal", b.name)
			}
			if strings.Contains(b.seen.revealed.String(), value) {
				revealed++
			}
		}
	}
	if len(benches) == len(all) && (values < 100 || revealed < 10) {
		t.Errorf("%d values searched for, %d of them found where they were asked for: the search is blind", values, revealed)
	}
}

// remember collects every value that any version of any source holds. Texts too short to be told from others, like
// "true", are left out.
func (b *bench) remember(ctx context.Context) error {
	for _, source := range b.Env.Sources {
		versions, err := b.ListVersions(ctx, source.Secret)
		if err != nil {
			return err
		}
		for _, v := range versions {
			out, err := b.Secrets().GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &source.Secret, VersionId: v.VersionId})
			if err != nil {
				continue // a version without a value
			}
			values, _, err := bucket.ReadSource(source, secret.New(aws.ToString(out.SecretString)))
			if err != nil {
				return err
			}
			b.collect(values)
		}
	}
	return nil
}

func (b *bench) collect(values bucket.Source) {
	for _, value := range values {
		for line := range strings.Lines(secret.Reveal(value)) {
			if line = strings.TrimSpace(line); len(line) >= 12 {
				b.canaries = append(b.canaries, line)
			}
		}
	}
}
