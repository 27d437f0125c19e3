package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

type execCmd struct {
	Env      string   `arg:"" name:"ENV" help:"The environment."`
	Command  []string `arg:"" name:"CMD" help:"The command and its arguments, behind --."`
	Bucket   string   `xor:"which" required:"" placeholder:"BUCKET" help:"Whose variables it gets."`
	Consumer string   `xor:"which" required:"" placeholder:"NAME" help:"The same, by the name of a consumer: those of its bucket."`
	Only     []string `placeholder:"KEY" help:"Only these variables of the bucket."`
	Override bool     `help:"Replace variables that your shell has too; without it, those of your shell are kept."`
	Pristine bool     `help:"Drop your shell's variables, but for PATH, HOME, TERM, LANG and the like: AWS credentials too."`
	Watch    bool     `help:"Restart the command when the bucket changes."`
	Quiet    bool     `short:"q" help:"Print nothing on standard error."`
	Yes      bool     `help:"Do not ask where the environment is protected."`
}

func (execCmd) Help() string {
	return `Runs a command with what the bucket holds now as environment variables. Nothing is written to disk. The values are read with your own rights: secretsmanager:GetSecretValue on the bucket's secret, and DescribeSecret with --watch.

Rotary becomes the command (execve), so that its signals, its terminal and its exit code are the command's own. On Windows, and with --watch, the command runs as a child: signals go on to it, and its exit code is returned, 128 and the signal's number where a signal ended it. Exit code 127 where the command is not found, 126 where it cannot be run; 1 or 2 with a line that begins with "rotary:" where it was not started for another reason.

A variable that your shell has already is kept, and named on standard error; --override replaces it. Your shell's AWS credentials stay in the command's environment, as everything else does; --pristine drops them. Any process of yours can read the environment of another one.

With --watch the bucket is looked at every 30 seconds. When its version has changed, the command gets SIGTERM, SIGKILL 10 seconds later, and is started with the new values. It is not restarted where it ends by itself, nor where what it gets is the same.

Examples:
  rotary exec dev --bucket api-secrets -- uvicorn app:app --reload
  rotary exec dev --consumer api --watch -- ./server
  rotary exec dev --bucket api-secrets --only APP_DB__URL -- sh -c 'psql "$APP_DB__URL"'
  rotary exec dev --bucket api-secrets --pristine -- env`
}

// commandExit reports how a command that exec ran, or could not run, ended: with exit code code. There is nothing to report
// where error is nil.
type commandExit struct {
	error
	code int
}

func (e commandExit) Error() string {
	if e.error == nil {
		return fmt.Sprintf("the command ended with exit code %d", e.code)
	}
	return e.error.Error()
}

func (e commandExit) Unwrap() error { return e.error }

// The exit codes of shells for a command that was not run
// (https://pubs.opengroup.org/onlinepubs/9799919799/utilities/V3_chap02.html#tag_19_08_02).
const (
	exitNotRunnable = 126
	exitNotFound    = 127
	exitSignal      = 128 // and the number of the signal that ended it
)

func (c execCmd) Run(a *app) error {
	env, err := a.readEnvironment(c.Env)
	if err != nil {
		return err
	}
	b, err := findBucket(env, c.Bucket, c.Consumer)
	if err != nil {
		return invalid{err}
	}
	program, err := findProgram(c.Command[0])
	if err != nil {
		return err
	}
	if err := c.confirmReading(a, env, b); err != nil {
		return err
	}
	s, err := a.connectSession(env)
	if err != nil {
		return err
	}
	r := &execution{session: s, execCmd: c, bucket: b, program: program}
	return r.readAndRun()
}

// confirmReading asks whether a protected environment is meant. Standard input is the command's: where it is no
// keyboard, nothing is read from it.
func (c execCmd) confirmReading(a *app, env *manifest.Environment, b manifest.Bucket) error {
	if env.Protected && !c.Yes && !a.typed() {
		return invalid{fmt.Errorf("%s is protected, and standard input belongs to the command, so nobody can be asked: "+
			"say --yes; nothing was run", env.Name)}
	}
	return a.confirmName(c.Yes || !env.Protected, env.Name, "run "+c.Command[0]+" with the values of "+b.Name)
}

// findProgram returns the file that a command names, looked for in rotary's own PATH.
func findProgram(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err != nil {
		return "", describeStartFailure(name, err)
	}
	return path, nil
}

// describeStartFailure returns the error for a command that cannot be started, with the exit code that shells have for
// it.
func describeStartFailure(name string, err error) error {
	switch {
	case errors.Is(err, exec.ErrDot):
		return commandExit{fmt.Errorf("%s is in the folder you are in, and PATH leads there: write ./%s", name, name), exitNotFound}
	case errors.Is(err, exec.ErrNotFound):
		return commandExit{fmt.Errorf("%s: there is no such command in PATH", name), exitNotFound}
	case errors.Is(err, fs.ErrNotExist):
		if _, there := os.Stat(name); there == nil {
			return commandExit{fmt.Errorf("%s: what its first line names, or its loader, is not there", name), exitNotFound}
		}
		return commandExit{fmt.Errorf("%s: there is no such file", name), exitNotFound}
	case isFolder(name):
		return commandExit{fmt.Errorf("%s is a folder: name the command in it", name), exitNotRunnable}
	case errors.Is(err, fs.ErrPermission):
		return commandExit{fmt.Errorf("%s may not be executed: chmod +x makes a program of a file", name), exitNotRunnable}
	case errors.Is(err, syscall.ENOEXEC):
		return commandExit{fmt.Errorf("%s is no program of this system: a script begins with a line like #!/bin/sh", name),
			exitNotRunnable}
	}
	return commandExit{fmt.Errorf("run %s: %w", name, err), exitNotRunnable}
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// execution is a command that is run with what a bucket holds.
type execution struct {
	*session
	execCmd
	bucket  manifest.Bucket
	program string
}

// readAndRun reads the bucket and runs the command.
func (r *execution) readAndRun() error {
	version, err := r.readBucketVersion(r.bucket)
	if err != nil {
		return err
	}
	e, err := r.makeEnviron(version)
	if err != nil {
		return err
	}
	if err := r.announceVersion(version, e); err != nil {
		return err
	}
	if r.Watch || !canReplace {
		return r.runChild(version.id, e)
	}
	return r.describeFailure(replaceProcess(r.program, r.Command, e.entries), e)
}

func (r *execution) makeEnviron(v bucketVersion) (environ, error) {
	e, err := makeEnviron(os.Environ(), v.values, environRule{r.Only, r.Pristine, r.Override})
	if err != nil {
		return e, fmt.Errorf("bucket %s: %w", r.bucket.Name, err)
	}
	return e, nil
}

// describeFailure returns the error for a command that did not start with an environment.
func (r *execution) describeFailure(err error, e environ) error {
	if errors.Is(err, syscall.E2BIG) {
		return commandExit{fmt.Errorf("run %s: its environment and arguments are more than this system takes: %s, %d bytes; "+
			"the largest: %s; leave some out with --only or --pristine", r.Command[0],
			countNoun(len(e.entries), "variable"), e.countBytes(), e.describeLargest()), exitNotRunnable}
	}
	if err != nil {
		return describeStartFailure(r.program, err)
	}
	return nil
}

// announcement is printed as JSON on standard error, before the command's own output.
type announcement struct {
	Environment string   `json:"environment"`
	Bucket      string   `json:"bucket"`
	Version     string   `json:"version"`
	Variables   []string `json:"variables"`
	Kept        []string `json:"kept"` // the shell's own value of these stays
}

// announceVersion prints which version of the bucket the command gets.
func (r *execution) announceVersion(v bucketVersion, e environ) error {
	switch {
	case r.Quiet:
		return nil
	case r.json:
		told := announcement{r.env.Name, r.bucket.Name, v.id, append([]string{}, e.names...), append([]string{}, e.kept...)}
		return writeJSONLine(r.err, told)
	}
	text := fmt.Sprintf("rotary: %s · %s %s · %s", r.env.Name, r.bucket.Name, history.Short(v.id),
		countNoun(len(e.names), "variable"))
	if len(r.Only) > 0 {
		text += fmt.Sprintf(" of %d", len(v.values))
	}
	if len(e.kept) > 0 {
		text += fmt.Sprintf("; %d of your shell %s kept: %s (--override replaces %s)", len(e.kept),
			choosePlural(len(e.kept), "is", "are"), strings.Join(e.kept, ", "), choosePlural(len(e.kept), "it", "them"))
	}
	_, err := fmt.Fprintln(r.err, text)
	return err
}

func choosePlural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}
