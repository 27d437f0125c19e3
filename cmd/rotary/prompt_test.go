//go:build unix

package main

import (
	"context"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"golang.org/x/term"

	rotary "github.com/rotary-secrets/rotary"
	"github.com/rotary-secrets/rotary/internal/stage"
	"github.com/rotary-secrets/rotary/internal/standin/sim"
)

// putting is rotary put dev vendors on a terminal.
type putting struct {
	*dialogue
	stage *stage.Stage
	shown *term.State // of a terminal that shows what is typed
}

func startPut(t *testing.T, args ...string) *putting {
	t.Helper()
	s, err := stage.Open(t.Context(), stage.Config{Manifest: rotary.Manifest, Environment: "dev", Lists: sim.Lists{Whole: true}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "rotary.yaml"), rotary.Manifest, 0o600); err != nil {
		t.Fatal(err)
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	env := []string{asProgram + "=yes", "AWS_CONFIG_FILE=" + os.DevNull, "AWS_SHARED_CREDENTIALS_FILE=" + os.DevNull,
		"AWS_EC2_METADATA_DISABLED=true", "AWS_ENDPOINT_URL=" + s.At.AWS, "AWS_ACCESS_KEY_ID=" + s.Env.Account,
		"AWS_SECRET_ACCESS_KEY=standin", "TERM=xterm", "PATH=" + os.Getenv("PATH")}
	p := &putting{stage: s, dialogue: startDialogue(t, dir, env, program, append([]string{"put", "dev", "vendors"}, args...)...)}
	if p.shown, err = term.GetState(p.screenDescriptor()); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *putting) screenDescriptor() int { return int(p.screen.Fd()) }

// showsTyping reports whether the terminal shows what is typed.
func (p *putting) showsTyping() bool {
	now, err := term.GetState(p.screenDescriptor())
	return err == nil && reflect.DeepEqual(now, p.shown)
}

// answerQuestion waits for a question, and types when nothing is shown any more.
func (p *putting) answerQuestion(question, keys string) {
	p.t.Helper()
	p.waitFor(question)
	for p.showsTyping() {
		if p.t.Context().Err() != nil || p.cmd.ProcessState != nil {
			p.t.Fatal("the terminal goes on showing what is typed")
		}
	}
	p.typeKeys(keys)
}

// expectEnd checks how rotary ends: its exit code, that the screen shows typing again and never showed a canary, and what
// VENDOR_A_API_KEY holds then.
func (p *putting) expectEnd(code int, last, holds string) {
	p.t.Helper()
	p.waitFor(last)
	if got := p.waitForEnd(); got != code {
		p.t.Errorf("exit code %d, want %d", got, code)
	}
	if !p.showsTyping() {
		p.t.Error("the terminal does not show again what is typed")
	}
	if strings.Contains(p.seen.String(), "canary") {
		p.t.Errorf("the screen showed a value:\n%s", p.seen.String())
	}
	out, err := p.stage.Secrets().GetSecretValue(context.Background(), &secretsmanager.GetSecretValueInput{SecretId: aws.String("source/dev/vendors")})
	if err != nil {
		p.t.Fatal(err)
	}
	if changed := strings.Contains(*out.SecretString, holds); !changed {
		p.t.Errorf("the source does not hold %q", holds)
	}
}

const question = "VENDOR_A_API_KEY of vendors, hidden: "

func TestPutAsksAndShowsNothing(t *testing.T) {
	p := startPut(t, "VENDOR_A_API_KEY")
	p.answerQuestion(question, "\n")
	p.answerQuestion(question, "canary-typed-1\n")
	p.waitFor("VENDOR_A_API_KEY: 14 characters, text\r\n")
	p.expectEnd(0, "vendors: VENDOR_A_API_KEY changed, version ", `"canary-typed-1"`)
}

func TestPutReadsPEMToItsEnd(t *testing.T) {
	p := startPut(t, "VENDOR_A_API_KEY")
	p.answerQuestion(question, "-----BEGIN PRIVATE KEY-----\ncanarycanary\n-----END PRIVATE KEY-----\n")
	p.waitFor("VENDOR_A_API_KEY: 66 characters on 3 lines, a PEM private key\r\n")
	p.expectEnd(0, "changed, version ", `KEY-----\ncanarycanary\n-----END`)
}

func TestPutTakesOneLineOfSeveralForAMistake(t *testing.T) {
	p := startPut(t, "VENDOR_A_API_KEY")
	before := p.stage.Values["vendors"]["VENDOR_A_API_KEY"]
	p.answerQuestion(question, "canary-typed-1\ncanary-typed-2\ncanary-typed-3\n")
	p.expectEnd(2, "several lines were pasted, and only PEM may have them here: put the value from a file", before)
}

func TestPutRefusesALineThatTheTerminalCutsOff(t *testing.T) {
	p := startPut(t, "VENDOR_A_API_KEY")
	before := p.stage.Values["vendors"]["VENDOR_A_API_KEY"]
	p.answerQuestion(question, strings.Repeat("canary", 700)+"\n")
	p.expectEnd(2, "a terminal passes on 4095 bytes of a line, and this one is longer", before)
}

func TestAnInterruptedPromptChangesNothing(t *testing.T) {
	p := startPut(t, "VENDOR_A_API_KEY")
	before := p.stage.Values["vendors"]["VENDOR_A_API_KEY"]
	p.answerQuestion(question, "\x03") // Ctrl-C
	p.expectEnd(1, "rotary: interrupted; nothing was changed", before)
}
