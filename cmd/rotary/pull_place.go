package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/lockedfile"

	"github.com/rotary-secrets/rotary/pkg/envfile"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// place locates a file of values: a folder, in which .rotary has what a pull needs to know the next time.
type place struct {
	asked  string // the file as it was named
	folder string
	name   string // of the file in the folder
}

// What is in .rotary. What replaces a file is made there too: git ignores it, should something end the program then.
const (
	stateFolder = ".rotary"
	basesName   = "pull.json"
	lockName    = "pull.lock"
	newPattern  = "pull-*.tmp"
)

// maxPulled is more than any file of variables or bases holds.
const maxPulled = 4 << 20

// openPlace refuses a file that must not be written.
func openPlace(ctx context.Context, file string) (place, error) {
	p := place{asked: file, folder: filepath.Dir(file), name: filepath.Base(file)}
	folder, err := os.Stat(p.folder)
	if err != nil || !folder.IsDir() {
		return p, invalid{fmt.Errorf("%s cannot be written: there is no folder %s here", file, p.folder)}
	}
	info, err := os.Lstat(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return p, fmt.Errorf("look at %s: %w", file, err)
	case info.Mode()&fs.ModeSymlink != 0:
		return p, invalid{fmt.Errorf("%s is a symbolic link, and rotary writes no values through one. "+
			"Nothing was written. Name the file itself with --file", file)}
	case !info.Mode().IsRegular():
		return p, invalid{fmt.Errorf("%s is no file: name one with --file", file)}
	case info.Mode().Perm()&0o200 == 0:
		return p, invalid{fmt.Errorf("%s is read-only, so it stays as it is: chmod u+w %s where rotary may change it", file, file)}
	}
	return p, p.checkIgnored(ctx)
}

// checkIgnored refuses a file that git tracks or does not ignore, by asking git itself. Without git, and outside of a
// repository, every file is fine.
func (p place) checkIgnored(ctx context.Context) error {
	if !hasGit() {
		return nil
	}
	inside, err := p.askGit(ctx, "rev-parse", "--is-inside-work-tree")
	switch {
	case err != nil:
		return err
	case inside.code != 0 && strings.Contains(inside.errs, "not a git repository"), inside.out == "false":
		return nil
	case inside.code != 0:
		return p.gitSays(inside)
	}
	name := "./" + p.name // no file begins like a pattern then
	tracked, err := p.askGit(ctx, "--literal-pathspecs", "ls-files", "--", name)
	if err != nil {
		return err
	}
	if tracked.out != "" {
		return invalid{fmt.Errorf("git tracks %s: what is written there would be committed. Nothing was written. "+
			"git rm --cached %s, and add it to .gitignore", p.asked, p.asked)}
	}
	ignored, err := p.askGit(ctx, "check-ignore", "-q", "--", name)
	switch {
	case err != nil:
		return err
	case ignored.code == 1:
		return invalid{fmt.Errorf("git does not ignore %s: the values could be committed. Nothing was written. "+
			"Add it to .gitignore: echo %s >> %s", p.asked, p.name, filepath.Join(p.folder, ".gitignore"))}
	case tracked.code != 0 || ignored.code != 0:
		return p.gitSays(gitAnswer{errs: tracked.errs + ignored.errs})
	}
	return nil
}

func (p place) gitSays(a gitAnswer) error {
	return invalid{fmt.Errorf("git does not say whether it ignores %s, so nothing was written: %s", p.asked, a.errs)}
}

func hasGit() bool {
	_, err := exec.LookPath("git")
	return err == nil
}

// gitAnswer has the standard output of a git command, and its exit code.
type gitAnswer struct {
	out, errs string
	code      int
}

// askGit runs git in the folder, without what a repository may have configured to run in turn. The error is for a git
// that could not run.
func (p place) askGit(ctx context.Context, args ...string) (gitAnswer, error) {
	all := append([]string{"-C", p.folder, "-c", "core.fsmonitor=false"}, args...)
	git := exec.CommandContext(ctx, "git", all...) //nolint:gosec // no shell reads the name of the file
	git.Env = append(os.Environ(), "LC_ALL=C", "GIT_OPTIONAL_LOCKS=0")
	var out, errs bytes.Buffer
	git.Stdout, git.Stderr = &out, &errs
	err := git.Run()
	_, exited := errors.AsType[*exec.ExitError](err)
	switch {
	case ctx.Err() != nil:
		return gitAnswer{}, ctx.Err()
	case err != nil && !exited:
		return gitAnswer{}, fmt.Errorf("ask git about %s: %w", p.asked, err)
	}
	return gitAnswer{strings.TrimSpace(out.String()), strings.TrimSpace(errs.String()), git.ProcessState.ExitCode()}, nil
}

func (p place) statePath(name string) string { return filepath.Join(p.folder, stateFolder, name) }

// lockFolder makes .rotary and waits until no other pull is at work in the folder.
func (p place) lockFolder(ctx context.Context) (unlock func(), err error) {
	if err := p.makeState(); err != nil {
		return nil, fmt.Errorf("make %s: %w", p.statePath(""), err)
	}
	type locked struct {
		unlock func()
		err    error
	}
	done := make(chan locked, 1)
	go func() {
		unlock, err := lockedfile.MutexAt(p.statePath(lockName)).Lock()
		done <- locked{unlock, err}
	}()
	select {
	case <-ctx.Done():
		go func() {
			if l := <-done; l.err == nil {
				l.unlock()
			}
		}()
		return nil, ctx.Err()
	case l := <-done:
		if l.err != nil {
			return nil, fmt.Errorf("wait for other pulls: %w", l.err)
		}
		p.removeLeftovers()
		return l.unlock, nil
	}
}

// ignored are the lines of .rotary/.gitignore. Not all of .rotary is ignored: init puts the schema there.
var ignored = []string{"/.gitignore", "/" + basesName, "/" + lockName, "/" + newPattern}

// makeState makes .rotary, whose .gitignore ignores what is of this machine alone.
func (p place) makeState() error {
	if info, err := os.Lstat(p.statePath("")); err == nil && !info.IsDir() {
		return errors.New("it is no folder")
	}
	if err := os.MkdirAll(p.statePath(""), 0o700); err != nil {
		return err
	}
	text, err := readFile(p.statePath(".gitignore"), maxPulled)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	lines := strings.Split(string(text), "\n")
	var missing []string
	for _, line := range ignored {
		if !slices.Contains(lines, line) && !slices.Contains(lines, "*") {
			missing = append(missing, line)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	if len(text) > 0 && !bytes.HasSuffix(text, []byte("\n")) {
		text = append(text, '\n')
	}
	return os.WriteFile(p.statePath(".gitignore"), append(text, strings.Join(missing, "\n")+"\n"...), 0o600)
}

// removeLeftovers removes what a pull has left that was ended while it wrote. Only who has the lock may call it.
func (p place) removeLeftovers() {
	left, _ := filepath.Glob(p.statePath(newPattern))
	for _, name := range left {
		_ = os.Remove(name)
	}
}

// readFile returns the text of the file; exists is false where there is none.
func (p place) readFile() (text secret.Value, exists bool, err error) {
	data, err := readFile(p.asked, maxPulled)
	if errors.Is(err, fs.ErrNotExist) {
		return secret.Value{}, false, nil
	}
	if err != nil {
		return secret.Value{}, false, invalid{fmt.Errorf("read %s: %w", p.asked, err)}
	}
	return secret.New(string(data)), true, nil
}

// openToOthers returns the file's mode where others than its owner may read or write it, else "".
func (p place) openToOthers() string {
	info, err := os.Lstat(p.asked)
	if err != nil || runtime.GOOS == "windows" || info.Mode().Perm()&0o077 == 0 {
		return ""
	}
	return fmt.Sprintf("%04o", info.Mode().Perm())
}

// replaceFile replaces the file, unless it is not as it was read any more.
func (p place) replaceFile(before secret.Value, existed bool, after secret.Value) error {
	now, exists, err := p.readFile()
	if err != nil {
		return err
	}
	if exists != existed || !now.Equal(before) {
		return fmt.Errorf("%s was changed meanwhile. Nothing was written. Run it again", p.asked)
	}
	return p.writeFile(p.asked, []byte(secret.Reveal(after)))
}

// writeFile replaces a file in one step, readable by its owner alone: whoever reads it finds the old or the new one.
func (p place) writeFile(path string, data []byte) error {
	fail := func(err error) error { return fmt.Errorf("write %s: %w", path, err) }
	f, err := os.CreateTemp(p.statePath(""), newPattern) // 0600
	if err != nil {
		return fail(err)
	}
	defer os.Remove(f.Name()) //nolint:errcheck // it is gone once it was renamed
	_, err = f.Write(data)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fail(err)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return fail(err)
	}
	if folder, err := os.Open(filepath.Dir(path)); err == nil {
		_ = folder.Sync() // not every system can
		_ = folder.Close()
	}
	return nil
}

// readBases reads what was written last in this folder.
func (p place) readBases() (envfile.Bases, error) {
	data, err := readFile(p.statePath(basesName), maxPulled)
	if errors.Is(err, fs.ErrNotExist) {
		return envfile.Bases{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read what was written last: %w", err)
	}
	bases, err := envfile.ParseBases(data)
	if err != nil {
		return nil, invalid{fmt.Errorf("%s, which has what rotary wrote last: %w. Nothing was written. "+
			"Remove it: what differs in %s is then taken for yours", p.statePath(basesName), err, p.asked)}
	}
	return bases, nil
}

func (p place) writeBases(bases envfile.Bases) error {
	text, err := bases.Encode()
	if err != nil {
		return err
	}
	if old, err := os.ReadFile(p.statePath(basesName)); err == nil && bytes.Equal(old, text) {
		return nil
	}
	return p.writeFile(p.statePath(basesName), text)
}
