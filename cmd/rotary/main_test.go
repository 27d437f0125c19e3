package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/rogpeppe/go-internal/testscript"

	rotary "github.com/rotary-secrets/rotary"
	"github.com/rotary-secrets/rotary/internal/stage"
	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/pkg/screen"
)

// asProgram is the variable that makes the test binary the program itself.
const asProgram = "ROTARY_TEST_AS_PROGRAM"

// TestMain keeps the machine's own credentials and settings away from every test.
func TestMain(m *testing.M) {
	if line := os.Getenv(watcherVariable); line != "" {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
		code := runWatcher(ctx, strings.Fields(line))
		stop()
		os.Exit(code)
	}
	if os.Getenv(asProgram) != "" {
		_ = os.Unsetenv(asProgram)
		main()
	}
	if socket := os.Getenv(asChild); socket != "" {
		runAsChild(socket)
	}
	for _, entry := range os.Environ() {
		if name, _, _ := strings.Cut(entry, "="); strings.HasPrefix(name, "AWS_") || strings.HasPrefix(name, "ROTARY_") {
			_ = os.Unsetenv(name)
		}
	}
	for name, value := range map[string]string{
		"AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull, "AWS_EC2_METADATA_DISABLED": "true",
	} {
		_ = os.Setenv(name, value)
	}
	os.Exit(m.Run())
}

// serial runs scripts one after the other: a command has the process's folder and variables, as in life.
type serial struct{ *testing.T }

func (serial) Parallel()     {}
func (serial) Verbose() bool { return testing.Verbose() }

func (s serial) Run(name string, f func(testscript.T)) {
	s.T.Run(name, func(t *testing.T) { f(serial{t}) })
}

// bench holds the state of one script.
type bench struct {
	name         string
	*stage.Stage               // nil until the script opens one
	tried        *turns        // of the stand-in that the script tries out; nil without
	told         *safeBuffer   // what that tells
	step         time.Duration // how much time passes while a command waits
	code         int           // of the last rotary command
	seen         outputs
	canaries     []string
}

type benchKey struct{}

// outputs holds what a script's commands printed.
type outputs struct {
	masked   bytes.Buffer
	revealed bytes.Buffer // of commands that were told to reveal
}

// of returns a script's bench.
func of(ts *testscript.TestScript) *bench { return ts.Value(benchKey{}).(*bench) }

// staged returns a script's bench where it has opened a stage.
func staged(ts *testscript.TestScript) *bench {
	b := of(ts)
	if b.Stage == nil {
		ts.Fatalf("the script has opened no stage")
	}
	return b
}

func scripts(folder string, build func() (string, error), benches *[]*bench) testscript.Params {
	return testscript.Params{
		Dir: folder, RequireUniqueNames: true,
		Setup: func(env *testscript.Env) error { return setUp(env, benches) },
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"rotary": cmdRotary, "code": cmdCode, "advance": cmdAdvance, "calls": cmdCalls, "untouched": cmdUntouched, "wrote": cmdWrote,
			"values": cmdValues, "holds": cmdHolds, "vendor": cmdVendor, "label": cmdLabel, "console": cmdConsole, "accepts": cmdAccepts,
			"advanced": cmdAdvanced, "denied": cmdDenied, "nolog": cmdNoLog, "reads": readsFrom(filepath.Dir(folder)), "mode": cmdMode,
			"spawn": cmdSpawn, "overwrite": cmdOverwrite, "program": cmdProgram,
			"tryout": func(ts *testscript.TestScript, _ bool, args []string) { tryOut(ts, args, build) }, "pass": cmdPass, "told": cmdTold,
			"stage": func(ts *testscript.TestScript, _ bool, args []string) { openStage(ts, args, "") }, "keypair": cmdKeyPair,
			"asrole": cmdAsRole,
			"pipeline": func(ts *testscript.TestScript, _ bool, args []string) {
				lambdas, err := build()
				ts.Check(err)
				openStage(ts, args, lambdas)
			},
		},
	}
}

// setUp gives every script the example manifest, unless it brings its own.
func setUp(env *testscript.Env, benches *[]*bench) error {
	b := &bench{name: filepath.Base(env.WorkDir)}
	*benches = append(*benches, b)
	env.Values[benchKey{}] = b
	path := filepath.Join(env.WorkDir, "rotary.yaml")
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	return os.WriteFile(path, rotary.Manifest, 0o600)
}

// cmdRotary runs a command line in this process: rotary ARGS [< FILE]. While the command waits, the stage's clock
// advances. INTERRUPT=yes interrupts it at its first wait, KEYBOARD=yes makes standard input
// somebody's keyboard, SCREEN=yes standard output somebody's screen.
func cmdRotary(ts *testscript.TestScript, neg bool, args []string) {
	b := of(ts)
	in := ""
	if n := len(args); n >= 2 && args[n-2] == "<" {
		args, in = args[:n-2], ts.ReadFile(args[n-1])
	}
	if b.Stage != nil {
		b.Tap.Reset()
	}
	var out, errs bytes.Buffer
	b.code = b.run(ts, args, terminal{strings.NewReader(in), &out, &errs})
	_, _ = io.WriteString(ts.Stdout(), out.String())
	_, _ = io.WriteString(ts.Stderr(), errs.String())
	b.seen.keep(args, out.String(), errs.String())
	if b.tried != nil && strings.Contains(out.String()+errs.String(), "canary") {
		ts.Fatalf("rotary %s: it prints a value", strings.Join(args, " "))
	}
	if slices.Contains(args, "--json") {
		checkJSON(ts, args, out.Bytes())
	}
	if (b.code != 0) != neg {
		ts.Fatalf("rotary %s: exit code %d", strings.Join(args, " "), b.code)
	}
}

// checkJSON checks that a program can read what a command printed for it: one object, or one on each line where the
// command waited.
func checkJSON(ts *testscript.TestScript, args []string, printed []byte) {
	if json.Valid(printed) || len(printed) == 0 {
		return
	}
	for line := range bytes.Lines(printed) {
		if !json.Valid(line) || !slices.Contains(args, "--wait") && args[0] != "wait" && args[0] != "apply" {
			ts.Fatalf("rotary %s: standard output is no JSON: %s", strings.Join(args, " "), line)
		}
	}
}

func (o *outputs) keep(args []string, texts ...string) {
	kept := &o.masked
	if slices.Contains(args, "--reveal") || strings.Contains(strings.Join(args, " "), "--file -") {
		kept = &o.revealed
	}
	for _, text := range texts {
		kept.WriteString(text)
	}
}

// scriptVariables are what a command reads of a script's variables.
var scriptVariables = []string{
	"AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "ROTARY_MANIFEST", "GOPACKAGE",
	"ROTARY_GITHUB_URL", "ROTARY_VERCEL_URL", "ROTARY_GITHUB_PAUSE", "ROTARY_TRAIL_PAUSE", "ROTARY_ECS_PAUSE", clockVariable,
}

// takeVariables gives the process a script's variables, and returns what takes them back.
func takeVariables(ts *testscript.TestScript) (restore func()) {
	var all []func()
	for _, name := range scriptVariables {
		all = append(all, setVariable(ts, name))
	}
	return func() {
		for _, one := range all {
			one()
		}
	}
}

func setVariable(ts *testscript.TestScript, name string) (restore func()) {
	before, was := os.LookupEnv(name)
	ts.Check(os.Setenv(name, ts.Getenv(name)))
	if !was {
		return func() { _ = os.Unsetenv(name) }
	}
	return func() { _ = os.Setenv(name, before) }
}

func (b *bench) run(ts *testscript.TestScript, args []string, t terminal) int {
	ts.Check(os.Chdir(ts.MkAbs(".")))
	defer takeVariables(ts)()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	o := b.outside(ts.Getenv, cancel)
	o.hidden = typeLines(t.in)
	return runIn(ctx, o, args, t)
}

// typeLines returns somebody who types what in holds, a line after the other.
func typeLines(in io.Reader) func(context.Context) (hiddenLine, error) {
	lines := bufio.NewReader(in)
	return func(context.Context) (hiddenLine, error) {
		text, err := lines.ReadString('\n')
		return hiddenLine{text: strings.TrimSuffix(text, "\n")}, err
	}
}

// outside is a world whose time passes only while a command waits, in minutes rather than seconds.
func (b *bench) outside(getenv func(string) string, interrupt func()) outside {
	o := outside{
		now:   func() time.Time { return time.Date(2026, 1, 1, 9, 0, 0, 0, time.UTC) },
		typed: func() bool { return getenv("KEYBOARD") == "yes" },
		shown: func() bool { return getenv("SCREEN") == "yes" },
		view:  func() screen.Screen { return screen.New(getenv("SCREEN") == "yes", 0, getenv) },
		watched: func() watched {
			return watched{Screen: screen.New(getenv("SCREEN") == "yes", 0, getenv), Redrawn: getenv("SCREEN") == "yes"}
		},
		wait: func(ctx context.Context, d time.Duration) error {
			if getenv("INTERRUPT") == "yes" {
				interrupt()
				return ctx.Err()
			}
			b.Advance(max(d, b.step))
			return nil
		},
	}
	if b.Stage != nil {
		o.now = b.Clock.Now
	}
	if b.tried != nil {
		o.now, o.wait = b.tried.now, b.tried.follow
	}
	return o
}

// cmdCode checks the exit code of the last rotary command: code N.
func cmdCode(ts *testscript.TestScript, neg bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	if got := of(ts).code; got != want || neg {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// openStage sets an environment up: stage ENV [UNSEEDED-SOURCE...] without a pipeline, pipeline ENV … with one, whose
// looks cost more, so that fewer are taken.
func openStage(ts *testscript.TestScript, args []string, lambdas string) {
	var scene stage.Scene
	if len(args) > 1 && args[1] == string(stage.Brownfield) { // everybody has what rotary may adopt
		scene, args = stage.Brownfield, args[:1]
	}
	s, err := stage.Open(context.Background(), stage.Config{
		Manifest: []byte(ts.ReadFile("rotary.yaml")), Environment: args[0], Unseeded: args[1:], Scene: scene, Lambdas: lambdas, Dir: ts.MkAbs("lambdas"),
		Lists: sim.Lists{Whole: true}, // as many calls as there are at AWS
	})
	ts.Check(err)
	of(ts).Stage, of(ts).step = s, time.Minute
	if lambdas != "" {
		of(ts).step = 5 * time.Minute
	}
	ts.Defer(func() {
		ts.Check(errors.Join(of(ts).remember(context.Background()), s.Close()))
	})
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": s.At.AWS, "AWS_ACCESS_KEY_ID": s.Env.Account, "AWS_SECRET_ACCESS_KEY": "standin",
		"ROTARY_GITHUB_URL": s.At.GitHub, "ROTARY_VERCEL_URL": s.At.Vercel, "ROTARY_GITHUB_PAUSE": "off", "ROTARY_TRAIL_PAUSE": "off", "ROTARY_ECS_PAUSE": "off",
	} {
		ts.Setenv(name, value)
	}
}

// cmdAdvance lets time pass: advance DURATION.
func cmdAdvance(ts *testscript.TestScript, _ bool, args []string) {
	d, err := time.ParseDuration(args[0])
	ts.Check(err)
	staged(ts).Advance(d)
}

// cmdCalls checks what the last rotary command called: calls 'SERVICE OPERATION'...; without arguments, nothing.
func cmdCalls(ts *testscript.TestScript, _ bool, want []string) {
	var got []string
	for _, call := range staged(ts).Tap.Calls() {
		got = append(got, call.Service+" "+call.Operation)
	}
	if !slices.Equal(got, want) {
		ts.Fatalf("calls %q, want %q", got, want)
	}
}

// cmdUntouched checks that the last rotary command called nothing that could change something.
func cmdUntouched(ts *testscript.TestScript, neg bool, _ []string) {
	if n := len(wrote(ts)); (n > 0) != neg {
		ts.Fatalf("%d calls that could change something", n)
	}
}

// cmdWrote checks which calls of the last rotary command could change something: wrote 'SERVICE OPERATION'...
func cmdWrote(ts *testscript.TestScript, _ bool, want []string) {
	if got := wrote(ts); !slices.Equal(got, want) {
		ts.Fatalf("calls %q, want %q", got, want)
	}
}

func wrote(ts *testscript.TestScript) []string {
	var writes []string
	for _, call := range staged(ts).Tap.Calls() {
		if call.Write && call.Service != "lambda" { // what a function does is a call of its own
			writes = append(writes, call.Service+" "+call.Operation)
		}
	}
	return writes
}

// builder builds the genuine bootstraps into a folder, when they are first wanted.
func builder(folder, module string) func() (string, error) {
	return sync.OnceValues(func() (string, error) {
		for _, name := range []string{"propagate", "rotate"} {
			build := exec.Command("go", "build", "-tags", "lambda.norpc", "-ldflags", "-s -w", "-o", filepath.Join(folder, name, "bootstrap"), "./lambdas/"+name)
			build.Dir = module
			if out, err := build.CombinedOutput(); err != nil {
				return "", fmt.Errorf("%w\n%s", err, out)
			}
		}
		return folder, nil
	})
}

// cmdValues writes what the sources hold as compute reads it: values FILE.
func cmdValues(ts *testscript.TestScript, _ bool, args []string) {
	sources := map[string]map[string]string{}
	for name, values := range staged(ts).Values {
		if _, known := staged(ts).Env.Source(name); known {
			sources[name] = values
		}
	}
	data, err := json.Marshal(sources)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), data, 0o600))
}

// cmdHolds checks a source's current value against a file, but for the newline that ends it: holds SOURCE KEY FILE.
func cmdHolds(ts *testscript.TestScript, neg bool, args []string) {
	b := staged(ts)
	source, known := b.Env.Source(args[0])
	if !known {
		ts.Fatalf("no source %s", args[0])
	}
	out, err := b.Secrets().GetSecretValue(context.Background(), &secretsmanager.GetSecretValueInput{SecretId: &source.Secret, VersionStage: aws.String("AWSCURRENT")})
	ts.Check(err)
	var values map[string]string
	ts.Check(json.Unmarshal([]byte(*out.SecretString), &values))
	if (values[args[1]]+"\n" == ts.ReadFile(args[2])) == neg {
		ts.Fatalf("%s of %s is not what %s holds", args[1], args[0], args[2])
	}
}

// cmdAdvanced checks how often the deployed rotate function has taken the next step with an owed version of a source, so
// far: advanced SOURCE N.
func cmdAdvanced(ts *testscript.TestScript, neg bool, args []string) {
	b := staged(ts)
	n := 0
	for line := range bytes.Lines(b.Region(b.Env.Account, b.Env.Region).Lambda.Output()) {
		var e entry
		if json.Unmarshal(line, &e) == nil && e.Msg == "asked" && e.Step == "advance" && e.Source == args[0] && e.OK {
			n++
		}
	}
	if (strconv.Itoa(n) == args[1]) == neg {
		ts.Fatalf("versions of %s were advanced %d times", args[0], n)
	}
}

// cmdVendor makes a key's vendor accept what a file holds: vendor KEY FILE.
func cmdVendor(ts *testscript.TestScript, _ bool, args []string) {
	b := staged(ts)
	b.Targets.Accept(stage.Target(b.Env, args[0]), strings.TrimSuffix(ts.ReadFile(args[1]), "\n"))
}

// cmdConsole is a person who puts what a file holds past rotary, in AWS's console: console SOURCE KEY FILE.
func cmdConsole(ts *testscript.TestScript, _ bool, args []string) {
	value := strings.TrimSuffix(ts.ReadFile(args[2]), "\n")
	ts.Check(staged(ts).Put(context.Background(), args[0], map[string]string{args[1]: value}))
}

// cmdLabel puts a label on the version of a source that carries another one: label SOURCE LABEL BESIDE.
func cmdLabel(ts *testscript.TestScript, _ bool, args []string) {
	b := staged(ts)
	source, known := b.Env.Source(args[0])
	if !known {
		ts.Fatalf("no source %s", args[0])
	}
	versions, err := b.ListVersions(context.Background(), source.Secret)
	ts.Check(err)
	for _, v := range versions {
		if slices.Contains(v.VersionStages, args[2]) {
			_, err = b.Secrets().UpdateSecretVersionStage(context.Background(), &secretsmanager.UpdateSecretVersionStageInput{SecretId: &source.Secret, VersionStage: &args[1], MoveToVersionId: v.VersionId})
			ts.Check(err)
			return
		}
	}
	ts.Fatalf("no version of %s carries %s", args[0], args[2])
}

// cmdAsRole reads a secret in the name of a role, a user or a service: asrole ROLE|ARN SECRET [VERSION-STAGE].
func cmdAsRole(ts *testscript.TestScript, _ bool, args []string) {
	b := staged(ts)
	cfg := b.Config(b.Env.Account, b.Env.Region)
	cfg.Credentials = credentials.NewStaticCredentialsProvider(b.Env.Account, "secret", args[0])
	in := &secretsmanager.GetSecretValueInput{SecretId: &args[1]}
	if len(args) > 2 {
		in.VersionStage = &args[2]
	}
	_, err := secretsmanager.NewFromConfig(cfg).GetSecretValue(context.Background(), in)
	ts.Check(err)
}
