package simulation

import (
	"bufio"
	"crypto/sha256"
	"flag"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"testing"
)

var done = flag.String("done", "", "a folder that keeps how many schedules of a test have ended well, to go on from there")

// doneStep is how many schedules are played between two notes of how far a test has come.
const doneStep = 500

// progress is how many schedules of each test this very build has played without a failure, kept in a file.
type progress struct {
	file   string
	played map[string]int
}

// readProgress reads the progress of this build from a folder.
func readProgress(folder string) (progress, error) {
	build, err := hashExecutable()
	if err != nil {
		return progress{}, err
	}
	p := progress{filepath.Join(folder, build), map[string]int{}}
	f, err := os.Open(p.file)
	if os.IsNotExist(err) {
		return p, os.MkdirAll(folder, 0o755)
	}
	if err != nil {
		return p, err
	}
	defer func() { _ = f.Close() }()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		var name string
		var n int
		if _, err := fmt.Sscanf(lines.Text(), "%d %q", &n, &name); err == nil { // the last line may be cut off
			p.played[name] = n
		}
	}
	return p, lines.Err()
}

// hashExecutable returns a hash of the program that is running: another build is another subject.
func hashExecutable() (string, error) {
	path, err := os.Executable()
	if err != nil {
		return "", err
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return fmt.Sprintf("%x", h.Sum(nil)[:8]), nil
}

// note notes that the first n schedules of a test have ended well.
func (p progress) note(name string, n int) error {
	f, err := os.OpenFile(p.file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(f, "\n%d %q\n", n, name)
	if closed := f.Close(); err == nil {
		err = closed
	}
	return err
}

// playOn plays those schedules that an interrupted run of this build has not played, a part at a time, until one part has
// failures.
func (s Scenario) playOn(t *testing.T, p progress, all iter.Seq[Schedule], enough int) (Tally, error) {
	next, end := iter.Pull(all)
	defer end()
	tally := Tally{}
	for ; tally.Runs < p.played[t.Name()]; tally.Runs++ {
		if _, more := next(); !more {
			break
		}
	}
	for {
		part, err := s.Try(t.Context(), takeSome(next, doneStep), enough)
		tally.Runs, tally.Failures = tally.Runs+part.Runs, append(tally.Failures, part.Failures...)
		if err != nil || len(tally.Failures) > 0 || part.Runs < doneStep {
			return tally, err
		}
		if err := p.note(t.Name(), tally.Runs); err != nil {
			return tally, err
		}
	}
}

// takeSome returns the next n schedules.
func takeSome(next func() (Schedule, bool), n int) iter.Seq[Schedule] {
	return func(yield func(Schedule) bool) {
		for range n {
			if schedule, more := next(); !more || !yield(schedule) {
				return
			}
		}
	}
}

// An interrupted run goes on after the last part that it noted, and plays everything once.
func TestAnExhaustiveRunGoesOnWhereItWasInterrupted(t *testing.T) {
	s := scenario(t, "happy")
	all, n, err := s.Singles(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	few := func(yield func(Schedule) bool) {
		for schedule := range each(all, n/40) {
			if !yield(schedule) {
				return
			}
		}
	}
	folder := t.TempDir()
	first, err := readProgress(folder)
	if err != nil {
		t.Fatal(err)
	}
	if err := first.note(t.Name(), 30); err != nil {
		t.Fatal(err)
	}
	again, err := readProgress(folder)
	if err != nil {
		t.Fatal(err)
	}
	played := 0
	counted := func(yield func(Schedule) bool) {
		for schedule := range few {
			if played++; !yield(schedule) {
				return
			}
		}
	}
	tally, err := s.playOn(t, again, counted, 0)
	if err != nil || len(tally.Failures) > 0 || tally.Runs != played || played < 40 {
		t.Errorf("%d of %d schedules counted, %d failures, error %v", tally.Runs, played, len(tally.Failures), err)
	}
	if other, err := readProgress(t.TempDir()); err != nil || len(other.played) > 0 || again.played[t.Name()] != 30 {
		t.Errorf("another folder has %v, this one %v, error %v", other.played, again.played, err)
	}
}
