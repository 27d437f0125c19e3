package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// newPulling returns a pull of the desk's bucket into a file of a new folder, and what puts values into the bucket.
func newPulling(t *testing.T) (*desk, func(ctx context.Context) *pulling, func(values string)) {
	d := newDesk(t)
	folder := t.TempDir()
	target, err := resolveFormat(d.env, "env-app")
	d.must(err)
	put := func(values string) {
		name := target.bucket.Secret
		in := &secretsmanager.PutSecretValueInput{SecretId: &name, SecretString: &values}
		if _, err := d.stage.Secrets().PutSecretValue(t.Context(), in); err != nil {
			_, err = d.stage.Secrets().CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: &name, SecretString: &values})
			d.must(err)
		}
	}
	begin := func(ctx context.Context) *pulling {
		a := *d.app
		a.ctx = ctx
		a.terminal = terminal{nil, &strings.Builder{}, &strings.Builder{}}
		p := &pulling{session: &session{app: &a, env: d.env, cfg: d.cfg}, pullCmd: pullCmd{Env: "dev", Format: "env-app"}, pullTarget: target}
		p.file = filepath.Join(folder, ".env")
		p.place, err = openPlace(ctx, p.file)
		d.must(err)
		return p
	}
	return d, begin, put
}

// TestPullsAtOnce: each of many pulls in one folder ends well, and the file has what the bucket had last.
func TestPullsAtOnce(t *testing.T) {
	_, begin, put := newPulling(t)
	put(`{"A_KEY": "0"}`)
	var all sync.WaitGroup
	errs := make([]error, 12)
	for i := range errs {
		p := begin(t.Context())
		all.Go(func() { errs[i] = p.pullOnce() })
		put(fmt.Sprintf(`{"A_KEY": "%d", "B_%d": "x"}`, i+1, i))
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	p := begin(t.Context())
	if err := p.pullOnce(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(p.file)
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if err != nil || len(lines) != 3 || lines[1] != "A_KEY=12" || lines[2] != "B_11=x" {
		t.Errorf("%v, the file has %q", err, text)
	}
	if left, _ := filepath.Glob(p.place.statePath(newPattern)); len(left) > 0 {
		t.Errorf("%q are left", left)
	}
}

// TestAnInterruptedPullChangesNothing interrupts while the values are read, and while another pull is at work.
func TestAnInterruptedPullChangesNothing(t *testing.T) {
	d, begin, put := newPulling(t)
	put(`{"A_KEY": "old"}`)
	p := begin(t.Context())
	d.must(p.pullOnce())
	before, err := os.ReadFile(p.file)
	d.must(err)
	put(`{"A_KEY": "new"}`)

	ctx, interrupt := context.WithCancel(t.Context())
	p = begin(ctx)
	d.stage.Tap.OnCall(func(c sim.Call) sim.Fault {
		if c.Operation == "GetSecretValue" {
			interrupt()
		}
		return sim.Fault{}
	})
	if err := p.pullOnce(); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted while it reads: %v", err)
	}
	d.whole()

	unlock, err := begin(t.Context()).place.lockFolder(t.Context())
	d.must(err)
	ctx, interrupt = context.WithCancel(t.Context())
	p = begin(ctx)
	interrupt()
	if err := p.pullOnce(); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted while it waits: %v", err)
	}
	unlock()
	if after, err := os.ReadFile(p.file); err != nil || string(after) != string(before) {
		t.Errorf("%v, the file has %q", err, after)
	}
	d.must(begin(t.Context()).pullOnce())
	if after, err := os.ReadFile(p.file); err != nil || !strings.HasSuffix(string(after), "A_KEY=new\n") {
		t.Errorf("%v, afterwards the file has %q", err, after)
	}
}

// TestWhatAnEditorSavesMeanwhileStays: between the read and the write of a pull, somebody makes the file, and then
// changes it.
func TestWhatAnEditorSavesMeanwhileStays(t *testing.T) {
	d, begin, put := newPulling(t)
	for _, saved := range []string{"MINE=1\n", "MINE=2\n"} {
		put(`{"A_KEY": "` + strings.TrimSpace(saved) + `"}`)
		p := begin(t.Context())
		d.stage.Tap.OnCall(func(c sim.Call) sim.Fault {
			if c.Operation == "GetSecretValue" {
				_ = os.WriteFile(p.file, []byte(saved), 0o600)
			}
			return sim.Fault{}
		})
		if err := p.pullOnce(); err == nil || !strings.Contains(err.Error(), "was changed meanwhile. Nothing was written. Run it again") {
			t.Errorf("%v", err)
		}
		if text, err := os.ReadFile(p.file); err != nil || string(text) != saved {
			t.Errorf("%v, the file has %q", err, text)
		}
		d.whole()
		d.must(p.pullOnce())
	}
}

// TestAPullThatDiedLeavesNothing: what it had written so far is removed by the next, and what it had not noted is found.
func TestAPullThatDiedLeavesNothing(t *testing.T) {
	d, begin, put := newPulling(t)
	put(`{"A_KEY": "old"}`)
	p := begin(t.Context())
	d.must(p.pullOnce())
	bases, err := os.ReadFile(p.place.statePath(basesName))
	d.must(err)
	put(`{"A_KEY": "new"}`)
	d.must(begin(t.Context()).pullOnce())
	d.must(os.WriteFile(p.place.statePath(basesName), bases, 0o600)) // as if it had died after the file
	left := p.place.statePath(strings.Replace(newPattern, "*", "1", 1))
	d.must(os.WriteFile(left, []byte("A_KEY=canary"), 0o600))
	p = begin(t.Context())
	d.must(p.pullOnce())
	if _, err := os.Stat(left); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what was left is still there: %v", err)
	}
	put(`{"A_KEY": "newest"}`)
	d.must(begin(t.Context()).pullOnce())
	if text, exists, err := p.place.readFile(); err != nil || !exists || !strings.HasSuffix(secret.Reveal(text), "A_KEY=newest\n") {
		t.Errorf("it does not follow any more: %v", err)
	}
}

// TestWhoMayNotReadIsToldTheRight names the permission and the secret.
func TestWhoMayNotReadIsToldTheRight(t *testing.T) {
	d, begin, put := newPulling(t)
	put(`{"A_KEY": "canary"}`)
	d.stage.Tap.OnCall(func(c sim.Call) sim.Fault {
		if c.Operation == "GetSecretValue" {
			return sim.Fault{Outcome: sim.Denied}
		}
		return sim.Fault{}
	})
	p := begin(t.Context())
	err := p.pullOnce()
	if err == nil || !strings.Contains(err.Error(), "\nYour AWS credentials may not read it: that takes secretsmanager:GetSecretValue on app-dev") {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(p.file); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("there is a file: %v", err)
	}
}
