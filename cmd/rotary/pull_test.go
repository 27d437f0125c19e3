package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/rotary-secrets/rotary/internal/contract/readers"
)

// readsFrom returns cmdReads for tests of a package's folder, where the readers are looked for: scripts change it.
func readsFrom(folder string) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		ts.Check(os.Chdir(folder))
		cmdReads(ts, neg, args)
	}
}

// cmdReads checks that a genuine reader reads in a file what a bucket holds: reads READER FILE BUCKET.
func cmdReads(ts *testscript.TestScript, neg bool, args []string) {
	b := staged(ts)
	held, known := b.Env.Bucket(args[2])
	if !known {
		ts.Fatalf("no bucket %s", args[2])
	}
	out, err := b.Secrets().GetSecretValue(context.Background(), &secretsmanager.GetSecretValueInput{SecretId: &held.Secret, VersionStage: aws.String("AWSCURRENT")})
	ts.Check(err)
	want := map[string]string{}
	ts.Check(json.Unmarshal([]byte(*out.SecretString), &want))
	got, err := readers.ReadFile(context.Background(), args[0], ts.MkAbs(args[1]))
	if readers.MayBeMissing(err) {
		ts.Logf("%v", err)
		return
	}
	ts.Check(err)
	same := true
	for name, value := range want {
		same = same && got[name] == value
	}
	if same == neg || len(want) == 0 {
		ts.Fatalf("%s reads what %s holds: %v", args[0], args[2], same)
	}
}

// cmdMode checks the permissions of a file: mode FILE 0600.
func cmdMode(ts *testscript.TestScript, neg bool, args []string) {
	info, err := os.Lstat(ts.MkAbs(args[0]))
	ts.Check(err)
	if got := fmt.Sprintf("%04o", info.Mode().Perm()); (got == args[1]) == neg {
		ts.Fatalf("%s has mode %s", args[0], got)
	}
}

// TestTheLocalPageShowsWhatIsTested: each rotary pull of the page stands in a script of testdata.
func TestTheLocalPageShowsWhatIsTested(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "tasks", "local.md"))
	if err != nil {
		t.Fatal(err)
	}
	scripts, err := filepath.Glob(filepath.Join("testdata", "pull*.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	var tested []string
	for _, name := range scripts {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		tested = append(tested, strings.Split(string(text), "\n")...)
	}
	shown := 0
	for line := range strings.Lines(string(page)) {
		command, indented := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "    ")
		if !indented || !strings.HasPrefix(command, "rotary pull ") {
			continue
		}
		if shown++; !slices.Contains(tested, command) {
			t.Errorf("no script has: %s", command)
		}
	}
	if shown < 4 {
		t.Errorf("the page shows %d commands", shown)
	}
}
