package manifest_test

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// stayWrong are the manifests under testdata/old that have other mistakes: they are not valid when they are upgraded.
var stayWrong = []string{"wrong", "policy"}

// TestUpgrade upgrades each manifest of the form before and compares it with the .want file beside it, and what Parse
// says about it with the .problems file.
func TestUpgrade(t *testing.T) {
	for _, path := range listOld(t) {
		name := strings.TrimSuffix(filepath.Base(path), ".yaml")
		t.Run(name, func(t *testing.T) {
			data := readFile(t, path)
			text, changes := upgrade(t, data)
			_, err := manifest.Parse("rotary.yaml", data)
			compareWith(t, strings.TrimSuffix(path, ".yaml")+".want", string(text))
			compareWith(t, strings.TrimSuffix(path, ".yaml")+".problems", problemLines(t, err))
			if strings.Contains(err.Error(), "hunter2") {
				t.Error("a problem quotes text that is not a name")
			}
			for _, change := range changes {
				if !bytes.Contains(data, []byte(change.Old)) {
					t.Errorf("line %d: the old text is not in the file", change.Line)
				}
			}
			again, more := upgrade(t, text)
			if diff := cmp.Diff(string(text), string(again)); diff != "" || len(more) > 0 {
				t.Errorf("upgraded twice (-once +twice):\n%s", diff)
			}
			if _, err := manifest.Parse("new.yaml", text); (err != nil) != slices.Contains(stayWrong, name) {
				t.Errorf("upgraded: %v", err)
			}
		})
	}
}

// TestUpgradeKeepsWhatIsNew: nothing of a manifest in the present form changes, whatever its style.
func TestUpgradeKeepsWhatIsNew(t *testing.T) {
	paths, _ := filepath.Glob("testdata/examples/*.yaml")
	problems, _ := filepath.Glob("testdata/problems/*.yaml")
	for _, path := range append(append(paths, "../../rotary.yaml"), problems...) {
		data := readFile(t, path)
		text, changes, err := manifest.Upgrade("x", data)
		if err == nil && (!bytes.Equal(text, data) || len(changes) > 0) {
			t.Errorf("%s: changed: %+v", path, changes)
		}
	}
}

// TestUpgradeKeepsLineEnds: with CR and LF at the end of each line, a manifest is read, reported and upgraded the same.
func TestUpgradeKeepsLineEnds(t *testing.T) {
	for _, path := range listOld(t) {
		data := bytes.ReplaceAll(readFile(t, path), []byte("\n"), []byte("\r\n"))
		text, _ := upgrade(t, data)
		base := strings.TrimSuffix(path, ".yaml")
		want := strings.ReplaceAll(string(readFile(t, base+".want")), "\n", "\r\n")
		if diff := cmp.Diff(want, string(text)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
		_, err := manifest.Parse("rotary.yaml", data)
		if diff := cmp.Diff(string(readFile(t, base+".problems")), problemLines(t, err)); diff != "" {
			t.Errorf("%s: problems (-want +got):\n%s", path, diff)
		}
	}
}

// TestUpgradeKeepsComments: every comment of an old manifest is in the new one.
func TestUpgradeKeepsComments(t *testing.T) {
	for _, path := range listOld(t) {
		data := readFile(t, path)
		text, _ := upgrade(t, data)
		for line := range strings.Lines(string(data)) {
			_, comment, found := strings.Cut(line, "# ")
			if found && strings.Count(string(text), "# "+strings.TrimSpace(comment)) == 0 {
				t.Errorf("%s: comment %q is gone", path, strings.TrimSpace(comment))
			}
		}
	}
}

// TestUpgradeMeansTheSame: what does not depend on the form is as before, for the manifest of which both are in git.
func TestUpgradeMeansTheSame(t *testing.T) {
	text, _ := upgrade(t, readFile(t, "testdata/old/rotary.yaml"))
	file, err := manifest.Parse("rotary.yaml", text)
	if err != nil {
		t.Fatal(err)
	}
	env, err := file.Environment("production")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, s := range env.Sources {
		got[s.Name] = s.Rotate.Kind() + " " + s.Rotate.Every.String() + " " + s.MaxAge.String()
	}
	want := map[string]string{
		"app-db": "postgres 30d 0s", "app-db-admin": "manual 0s 0s", "billing": "manual 0s 0s", "cloud": "manual 0s 180d",
		"db-service": "manual 0s 90d", "encryption": "never 0s 0s", "handshake": "random 1w 0s",
		"observability": "manual 0s 180d", "platform": "manual 0s 90d", "storage": "aws-access-key 30d 0s",
		"vendors": "manual 0s 90d", "worker-b": "random 30d 0s",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("sources (-want +got):\n%s", diff)
	}
	ci, _ := env.Consumer("ci")
	if sign := ci.GitHub.SignIn; sign.AppID != "GH_APP_ID" || sign.PrivateKey != "GH_APP_PRIVATE_KEY" {
		t.Errorf("ci signs in with %+v", sign)
	}
	if env.Infra.Network == nil || env.Infra.Access == nil || env.Infra.ReferenceServices == nil {
		t.Error("not all of infra is there")
	}
}

func listOld(t *testing.T) []string {
	t.Helper()
	paths, _ := filepath.Glob("testdata/old/*.yaml")
	if len(paths) == 0 {
		t.Fatal("no cases")
	}
	return paths
}

func upgrade(t *testing.T, data []byte) ([]byte, []manifest.Change) {
	t.Helper()
	text, changes, err := manifest.Upgrade("rotary.yaml", data)
	if err != nil {
		t.Fatal(err)
	}
	return text, changes
}

func compareWith(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(string(readFile(t, path)), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

// FuzzUpgrade: what is upgraded twice is upgraded once, nothing panics, and what Parse says about a manifest of the form
// before quotes no more of it than what it says about others.
func FuzzUpgrade(f *testing.F) {
	paths, _ := filepath.Glob("testdata/old/*.yaml")
	for _, path := range paths {
		f.Add(readFile(f, path))
	}
	f.Add([]byte("sources: {a: {keys: [K], rotate: {with: random, also: \"hunter2/hunter2\"}}}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		checkUpgrade(t, data)
	})
}

// TestUpgradeDamaged upgrades manifests in which a piece is missing, stands twice or has another character.
func TestUpgradeDamaged(t *testing.T) {
	paths := listOld(t)
	for seed := range uint64(400) {
		r := rand.New(rand.NewPCG(seed, 1))
		data := readFile(t, paths[r.IntN(len(paths))])
		for range 1 + r.IntN(4) {
			data = damage(r, data)
		}
		checkUpgrade(t, data)
		if t.Failed() {
			t.Fatalf("seed %d:\n%s", seed, data)
		}
	}
}

func damage(r *rand.Rand, data []byte) []byte {
	from, other := r.IntN(len(data)), r.IntN(len(data))
	switch r.IntN(3) {
	case 0:
		return slices.Concat(data[:from], data[min(from+r.IntN(40), len(data)-1):])
	case 1:
		return slices.Concat(data[:from], data[other:min(other+r.IntN(30), len(data))], data[from:])
	}
	characters := "{}[],:'\"# \n-|\t&*é"
	return slices.Concat(data[:from], []byte{characters[r.IntN(len(characters))]}, data[from+1:])
}

func checkUpgrade(t *testing.T, data []byte) {
	t.Helper()
	text, changes, err := manifest.Upgrade("f", data)
	if err != nil {
		return
	}
	again, more, err := manifest.Upgrade("f", text)
	if err != nil || len(more) > 0 || !bytes.Equal(again, text) {
		t.Fatalf("upgraded twice: %d changes, %v", len(more), err)
	}
	if len(changes) == 0 {
		if !bytes.Equal(text, data) {
			t.Fatal("changed without a change")
		}
		return
	}
	file, err := manifest.Parse("f", data)
	if err == nil {
		t.Fatal("Parse accepts the form before")
	}
	checkRefusal(t, data, file, err)
}
