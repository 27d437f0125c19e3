package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/rotary-secrets/rotary/pkg/envfile"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

type pullCmd struct {
	Env    string   `arg:"" name:"ENV" help:"The environment."`
	Format string   `placeholder:"NAME" help:"What to write, and for whom: env-NAME of a consumer or bucket, or tfvars, json, yaml, shell, docker."`
	File   string   `placeholder:"FILE" help:"The file; default: the one of the consumer's pull. - is standard output."`
	DryRun bool     `help:"Show what would change. Writes nothing."`
	Theirs bool     `help:"Take the bucket's value also where yours differs."`
	Skip   []string `placeholder:"KEY" help:"Leave this variable as it is; may be said more than once."`
	Yes    bool     `help:"Write values of a protected environment to this machine's disk."`
}

func (pullCmd) Help() string {
	return `Writes the current values of a bucket into a file for local work, in the form that its reader really reads. A value that the reader would read as another one is refused, and never mangled. rotary exec needs no file at all.

--format env-NAME takes a consumer, or a bucket, whose -secrets may be left out. The consumer's pull in the manifest names the file and what reads it: next, pydantic, python, node, dotenv (npm), compose, docker, shell or godotenv. Without it the file is .env, and has only what all of these but docker and the shell read alike. docker-NAME and shell-NAME are files of variables too; json-NAME and yaml-NAME are objects. tfvars is Terraform's variable environment_secrets with every canonical key of the environment; json, yaml, shell and docker are the same values.

The file is merged. What you changed stays, and so do your own variables, comments and their order; what changed at the source, or left the bucket, follows. What rotary wrote last it knows from .rotary/pull.json beside the file, as keyed hashes without values.

It writes nothing where git tracks the file or does not ignore it, through a symbolic link, and of a protected environment unless you say --yes. The file is readable by you alone. It reads with your own AWS credentials: secretsmanager:GetSecretValue on the bucket, or, for tfvars and the like, on the sources. Exit code 0 where the file is as it should be, 1 where AWS or the disk fails, 2 where something is refused; then nothing was changed.

Examples:
  rotary pull dev --format env-api --dry-run
  rotary pull dev --format env-dashboard --file web/.env.local
  rotary pull dev --format json-worker-a --file - | jq .
  rotary pull production --format tfvars --yes`
}

// pulling is a pull under way.
type pulling struct {
	*session
	pullCmd
	pullTarget
	place place // where the file is; not that of standard output
}

// stdout is the file name that stands for standard output.
const stdout = "-"

func (c pullCmd) Run(a *app) error {
	env, err := a.readEnvironment(c.Env)
	if err != nil {
		return err
	}
	target, err := resolveFormat(env, c.Format)
	if err != nil {
		return invalid{err}
	}
	p := pulling{pullCmd: c, pullTarget: target}
	if c.File != "" {
		p.file = c.File
	}
	if err := p.checkAsked(a, env); err != nil {
		return invalid{err}
	}
	if p.file != stdout {
		if p.place, err = openPlace(a.ctx, p.file); err != nil {
			return err
		}
	}
	if p.session, err = a.connectSession(env); err != nil {
		return err
	}
	return p.pullOnce()
}

// checkAsked refuses what cannot be done as it was asked for.
func (p *pulling) checkAsked(a *app, env *manifest.Environment) error {
	switch {
	case env.Protected && !p.Yes:
		return fmt.Errorf("%s is protected: its values do not belong on this machine's disk. Nothing was read. "+
			"--yes where you mean it; rotary exec writes no file", env.Name)
	case a.json && p.file == stdout:
		return errors.New("standard output is either the values or the report: leave out --json, or name a --file")
	}
	return p.checkSkipped(env)
}

// checkSkipped refuses a variable that the target does not have. It does not quote it: a value may stand there by
// mistake.
func (p *pulling) checkSkipped(env *manifest.Environment) error {
	known := map[string]bool{}
	for _, name := range p.listNames(env) {
		known[name] = true
	}
	for i, name := range p.Skip {
		if !known[name] {
			return fmt.Errorf("--skip number %d names no variable of %s", i+1, p.describeSource())
		}
	}
	return nil
}

func (p *pulling) pullOnce() error {
	if p.file == stdout {
		read, err := p.readNow()
		if err != nil {
			return err
		}
		return p.printValues(read)
	}
	if p.DryRun {
		return p.mergeFile()
	}
	unlock, err := p.place.lockFolder(p.ctx)
	if err != nil {
		return err
	}
	defer unlock()
	return p.mergeFile()
}

// mergeFile merges what the bucket has now into the file. Unless it is a dry run, the place is locked.
func (p *pulling) mergeFile() error {
	bases, base, err := p.readBase()
	if err != nil {
		return err
	}
	before, exists, err := p.place.readFile()
	if err != nil {
		return err
	}
	if !exists { // a file that is gone has no variables that somebody removed
		base.Digests, base.Whole = nil, ""
	}
	read, err := p.readNow()
	if err != nil {
		return err
	}
	outcome := mergeOutcome{read: read, before: before, exists: exists}
	if p.encoding != "" {
		err = p.replaceWhole(&outcome, base)
	} else {
		err = p.mergeLines(&outcome, base)
	}
	if err != nil {
		return p.explainForm(err)
	}
	if !p.DryRun {
		if err := p.writeFileAndBase(bases, &outcome); err != nil {
			return err
		}
	}
	return p.printOutcome(outcome)
}

// mergeOutcome has the text of a file before and after a pull, and the changes between them.
type mergeOutcome struct {
	read    reading
	before  secret.Value // the text of the file
	exists  bool
	after   secret.Value
	changes []envfile.Change
	base    envfile.Base // for the next pull
	mode    string       // of the file, where it was open to others
	written bool
}

// mergeLines merges into a file of variables.
func (p *pulling) mergeLines(o *mergeOutcome, base envfile.Base) error {
	file, err := envfile.Parse(p.reader, o.before)
	if err != nil {
		return err
	}
	m := envfile.Merge{
		Base: base, Theirs: o.read.values, Force: p.Theirs, Skip: p.Skip,
		Header: "rotary pull " + p.env.Name + " --format " + p.name + " keeps this file current; what you change or add stays",
	}
	o.changes, o.base, err = m.Apply(file)
	o.after = file.Text()
	return err
}

// replaceWhole writes a file of another format anew. Where somebody has changed it, that takes --theirs.
func (p *pulling) replaceWhole(o *mergeOutcome, base envfile.Base) (err error) {
	if o.exists && !base.IsWhole(o.before) && !p.Theirs {
		return invalid{fmt.Errorf("%s is not as rotary wrote it, and would be replaced. Nothing was written. "+
			"Say --theirs, or name another --file", p.file)}
	}
	values := o.read.dropNames(p.Skip)
	o.changes = base.Compare(values)
	if o.after, err = p.encoding.Encode(values); err != nil {
		return err
	}
	o.base = base.WithWhole(o.after, values)
	return nil
}

// writeFileAndBase writes the file and then its base. Where it ends between the two, the next pull finds the file as it
// should be.
func (p *pulling) writeFileAndBase(bases envfile.Bases, o *mergeOutcome) error {
	if err := p.ctx.Err(); err != nil {
		return err
	}
	o.mode = p.place.openToOthers()
	if !o.exists || o.mode != "" || !o.after.Equal(o.before) {
		if err := p.place.replaceFile(o.before, o.exists, o.after); err != nil {
			return err
		}
		o.written = true
	}
	o.base.Environment, o.base.Bucket = p.env.Name, p.bucket.Name
	bases[p.place.name] = o.base
	return p.place.writeBases(bases)
}

// explainForm adds the ways out to the errors of pkg/envfile.
func (p *pulling) explainForm(err error) error {
	if parse, is := errors.AsType[*envfile.ParseError](err); is {
		return invalid{fmt.Errorf("%s:%d: the line %s. Nothing was written", p.file, parse.Line, parse.What)}
	}
	none, is := errors.AsType[*envfile.NoFormError](err)
	if !is {
		return err
	}
	lines := []string{none.Error() + ".", "Nothing was written. Use one of"}
	if p.bucket.Name != "" {
		lines = append(lines, "  rotary exec "+p.env.Name+" --bucket "+p.bucket.Name+" -- CMD", "  --format json-"+shortName(p.bucket.Name))
	}
	lines = append(lines, "  --skip "+none.Name)
	if none.Reader == envfile.Any {
		lines = append(lines, "  pull: {file: "+p.file+", for: …} of the consumer in the manifest, which says what reads the file")
	}
	return invalid{errors.New(strings.Join(lines, "\n"))}
}
