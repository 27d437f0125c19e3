package main

import (
	"bytes"
	"cmp"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"text/template"

	rotary "github.com/rotary-secrets/rotary"
	"github.com/rotary-secrets/rotary/pkg/account"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

type initCmd struct {
	Out     string `placeholder:"FILE" help:"The manifest to write; default: rotary.yaml here."`
	Env     string `placeholder:"NAME" help:"The name of its environment; default: dev."`
	Account string `placeholder:"ID" help:"The AWS account; default: the one that your shell's credentials belong to."`
	Region  string `placeholder:"REGION" help:"The AWS region; default: your shell's."`
	Force   bool   `help:"Replace files that are there."`
}

func (initCmd) Help() string {
	return `Writes a first manifest, valid as it stands: one environment in mode observe, one source, one bucket, one consumer. Put yours in their place. Account and region are those of your shell: where the AWS CLI finds credentials and region, rotary does, and asks STS once whose they are. With --account and --region nothing is called.

Beside it, .rotary/schema.json lets editors complete the manifest's fields and mark mistakes. Commit both files. A file that is there stays, unless you say --force. Exit code 0 where both are written, 1 where AWS does not say whose the credentials are, 2 where something is there already or an argument is wrong; then nothing was changed.

Examples:
  rotary init
  AWS_PROFILE=acme-dev rotary init --env staging
  rotary init --account 123456789012 --region eu-central-1 --out infra/rotary.yaml`
}

// firstManifest holds the values that init fills into the template of a new manifest.
type firstManifest struct{ Env, Account, Region, Origin string }

// firstText is the template of a first manifest.
//
//go:embed init.yaml
var firstText string

func (c initCmd) Run(a *app) error {
	out := filepath.Clean(cmp.Or(c.Out, defaultManifest))
	schema := filepath.Join(filepath.Dir(out), ".rotary", "schema.json")
	if err := c.checkFiles(out, schema); err != nil {
		return invalid{err}
	}
	f, err := c.findFirst(a)
	if err != nil {
		return err
	}
	text, err := f.renderManifest()
	if err != nil {
		return invalid{err}
	}
	if err := c.writeFiles(out, text, schema); err != nil {
		return invalid{err}
	}
	return a.printFirst(f, out, schema)
}

// checkFiles returns an error if something that stays is where a file is to be written. A schema that is current may
// be there.
func (c initCmd) checkFiles(out, schema string) error {
	for _, path := range []string{out, schema} {
		info, err := os.Lstat(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return fmt.Errorf("look whether %s is there: %w", path, err)
		case info.IsDir():
			return fmt.Errorf("%s is a folder: name a file with --out FILE; nothing was changed", path)
		case c.Force || path == schema && fileEquals(path, rotary.Schema):
			continue
		}
		return fmt.Errorf("%s is there already: nothing was changed; --out FILE writes another, --force replaces it",
			path)
	}
	return nil
}

// fileEquals reports whether a file holds this, and nothing else.
func fileEquals(path string, data []byte) bool {
	have, err := os.ReadFile(path)
	return err == nil && bytes.Equal(have, data)
}

// findFirst returns what was given, and what the shell has where nothing was.
func (c initCmd) findFirst(a *app) (firstManifest, error) {
	f := firstManifest{cmp.Or(c.Env, "dev"), c.Account, c.Region, "given with --account"}
	if f.Region == "" {
		region, err := account.FindRegion(a.ctx)
		if err != nil {
			return firstManifest{}, err
		}
		if region == "" {
			return firstManifest{}, invalid{errors.New("your shell names no AWS region: set AWS_REGION, or a region in your " +
				"profile, or give --region, for example --region eu-central-1; nothing was changed")}
		}
		f.Region = region
	}
	if f.Account != "" {
		return f, nil
	}
	f.Account, f.Origin = "000000000000", "from the AWS credentials of your shell"
	if _, err := f.renderManifest(); err != nil { // a name or region that is wrong is said before anything is called
		return firstManifest{}, invalid{err}
	}
	found, err := account.FindAccount(a.ctx, f.Region)
	if err != nil {
		return firstManifest{}, fmt.Errorf("%w\nSign in, for example with \"aws sso login\", choose a profile with "+
			"AWS_PROFILE=NAME, or say it yourself: rotary init --account 123456789012 --region %s; "+
			"nothing was changed", err, f.Region)
	}
	f.Account = found
	return f, nil
}

// render returns the manifest. It is an error if that is not valid, or does not mean what was given.
func (f firstManifest) renderManifest() ([]byte, error) {
	var text bytes.Buffer
	if err := template.Must(template.New("init.yaml").Parse(firstText)).Execute(&text, f); err != nil {
		return nil, fmt.Errorf("write the first manifest: %w", err)
	}
	file, err := manifest.Parse(defaultManifest, text.Bytes())
	if problems, found := errors.AsType[*manifest.Problems](err); found {
		var all []string
		for _, p := range problems.List {
			all = append(all, p.What+"; "+p.Do)
		}
		return nil, fmt.Errorf("%s; nothing was changed", strings.Join(all, "\n"))
	}
	if err != nil {
		return nil, err
	}
	env, err := file.Environment(f.Env)
	if err != nil || env.Account != f.Account || env.Region != f.Region || len(file.Names()) != 1 {
		return nil, errors.New("--env, --account and --region take plain words, for example: --env dev " +
			"--account 123456789012 --region eu-central-1; nothing was changed")
	}
	return text.Bytes(), nil
}

// writeFiles writes both files, the schema first: where the manifest is, its first line holds.
func (c initCmd) writeFiles(out string, text []byte, schema string) error {
	if err := os.MkdirAll(filepath.Dir(schema), 0o755); err != nil { //nolint:gosec // as mkdir does: it holds no secret
		return fmt.Errorf("make a folder for the schema: %w", err)
	}
	if !fileEquals(schema, rotary.Schema) {
		if err := writeFile(schema, rotary.Schema, c.Force); err != nil {
			return fmt.Errorf("write the schema: %w", err)
		}
	}
	if err := writeFile(out, text, c.Force); err != nil {
		return fmt.Errorf("write the manifest: %w", err)
	}
	return nil
}

// printFirst prints what was written, and what comes next.
func (a *app) printFirst(f firstManifest, out, schema string) error {
	if a.json {
		return a.printJSON(map[string]string{
			"manifest": out, "schema": schema, "environment": f.Env, "account": f.Account, "region": f.Region,
		})
	}
	next := "rotary validate"
	if out != filepath.Clean(a.manifest) {
		next += " --manifest " + out
	}
	_, err := fmt.Fprintf(a.out, `wrote %s: environment %s, account %s, region %s, in mode observe
wrote %s: its schema, for editors

Put your sources, buckets and consumers in the place of the examples in %s. Then:

  %s
`, out, f.Env, f.Account, f.Region, schema, out, next)
	return err
}
