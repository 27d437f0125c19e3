package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/rotary-secrets/rotary/infra/target"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// prepare returns what is synthesized: the target, with the Lambdas that make build-lambda has built into
// ROTARY_LAMBDAS, into the folder CDK_OUTDIR, which CDK's command line names. It writes nothing, and returns an error
// for what could not be deployed.
func prepare(getenv func(string) string) (config, error) {
	t, err := target.Read(getenv)
	if err != nil {
		return config{}, err
	}
	c := config{
		environment: t.Environment, schedules: t.Schedules, lambdas: cmp.Or(getenv("ROTARY_LAMBDAS"), "build/lambda"),
		out: cmp.Or(getenv("CDK_OUTDIR"), "infra/cdk.out"),
	}
	if c.open, c.closed, err = splitEnvironments(t.File); err != nil {
		return config{}, err
	}
	c.provider = deploysProvider(t.File, c.environment)
	return c, checkLambdas(c, t.Text)
}

// splitEnvironments returns the environments that people may look into, and the protected ones.
func splitEnvironments(file *manifest.File) (open, closed []*manifest.Environment, err error) {
	for _, name := range file.Names() {
		env, err := file.Environment(name)
		switch {
		case err != nil:
			return nil, nil, err
		case env.Protected:
			closed = append(closed, env)
		default:
			open = append(open, env)
		}
	}
	return open, closed, nil
}

// deploysProvider reports whether this environment is the first that lets GitHub into its account, which has no
// provider yet: an account has one, and the first deploys it.
func deploysProvider(file *manifest.File, env *manifest.Environment) bool {
	for _, name := range file.Names() {
		if spec := file.Environments[name]; spec.Account == env.Account && spec.Infra.Access != nil &&
			spec.Infra.Access.GitHub != nil {
			return name == env.Name && !spec.Infra.Access.GitHub.Existing
		}
	}
	return false
}

// checkLambdas returns an error unless each Lambda is built, with the very manifest that is synthesized beside it: it
// reads its copy.
func checkLambdas(c config, data []byte) error {
	for _, lambda := range []string{manifest.PropagateRole, manifest.RotateRole} {
		program, err := os.Stat(filepath.Join(c.lambdaFolder(lambda), "bootstrap"))
		if errors.Is(err, fs.ErrNotExist) || err == nil && !program.Mode().IsRegular() {
			return fmt.Errorf("the %s Lambda is not built in %s: run make build-lambda", lambda, c.lambdas)
		}
		if err != nil {
			return fmt.Errorf("look for the %s Lambda: %w", lambda, err)
		}
		beside, err := os.ReadFile(filepath.Join(c.lambdaFolder(lambda), "rotary.yaml"))
		if err != nil || !bytes.Equal(beside, data) {
			return fmt.Errorf(
				"the %s Lambda in %s was built with another manifest: run make build-lambda",
				lambda,
				c.lambdas,
			)
		}
		if err := checkFolder(c.lambdaFolder(lambda)); err != nil {
			return err
		}
	}
	return nil
}

// checkFolder returns an error if anything else is in a Lambda's folder, because all of it is deployed. Files that a
// source's sslrootcert names belong there, and are known by their endings.
func checkFolder(folder string) error {
	files, err := os.ReadDir(folder)
	if err != nil {
		return fmt.Errorf("list %s: %w", folder, err)
	}
	for _, f := range files {
		if !slices.Contains([]string{"bootstrap", "rotary.yaml"}, f.Name()) &&
			!slices.Contains([]string{".pem", ".crt"}, filepath.Ext(f.Name())) {
			return fmt.Errorf("%s does not belong into a Lambda: take it out of %s", f.Name(), folder)
		}
	}
	return nil
}
