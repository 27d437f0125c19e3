package settingsgen_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/settingsgen"
)

// randomBucket returns a bucket whose names are made of few parts, so that they clash often.
func randomBucket(r *rand.Rand) settingsgen.Bucket {
	parts := strings.Fields("A B a AB A_B A_ S3 s3 3D _X CLASS Class json TYPE FUNC constructor __proto__ SETTINGS LOAD load SECRET Z VALUES " +
		"settings variables PROCESS BOOL INT STR bool_ SELF FIELD ANY TEXT BASE_URL NEXT_PUBLIC_A VITE_B NONE import cls")
	names := map[string]settingsgen.Setting{}
	for range 1 + r.IntN(5) {
		var name []string
		for range 1 + r.IntN(3) {
			name = append(name, parts[r.IntN(len(parts))])
		}
		s := settingsgen.Setting{Name: strings.Join(name, "__"), Secret: r.IntN(2) == 0, Required: r.IntN(2) == 0}
		s.Browser = manifest.BrowserPrefix(s.Name) != ""
		words := append(manifest.CheckWords(), "", "", "")
		if s.Check.Word = words[r.IntN(len(words))]; s.Check.Word == "" && r.IntN(2) == 0 {
			s.Check.Pattern = []string{"^a\"b'`$", `\\`, "(?i)k\n", "é"}[r.IntN(4)]
		}
		names[s.Name] = s
	}
	b := settingsgen.Bucket{Name: "b", Bundle: []string{"", "BUNDLE"}[r.IntN(2)]}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		b.Settings = append(b.Settings, names[name])
	}
	return b
}

// TestWhatIsNotRefusedCompiles: whatever the names of a bucket are, a language refuses them or has code that it takes.
func TestWhatIsNotRefusedCompiles(t *testing.T) {
	const seed, buckets = 13, 400
	for _, language := range []string{"go", "python", "typescript"} {
		r, written, refused := rand.New(rand.NewPCG(seed, 0)), []string(nil), 0
		for range buckets {
			files, err := settingsgen.Generate(randomBucket(r), language, settingsgen.Options{Command: "rotary settings b", Package: "config"})
			reason := &settingsgen.RefusedError{}
			if errors.As(err, &reason) {
				refused++
				continue
			}
			if err != nil {
				t.Errorf("seed %d, %s: %v", seed, language, err)
			}
			for _, file := range files {
				written = append(written, string(file.Text))
			}
		}
		if refused < buckets/10 || len(written) < buckets/10 {
			t.Errorf("%s: %d of %d buckets are refused: the others prove nothing", language, refused, buckets)
		}
		t.Run(language, func(t *testing.T) {
			t.Logf("seed %d", seed)
			compilers[language](t, written)
		})
	}
}

// compilers fail the test where they refuse one of several texts of a language.
var compilers = map[string]func(t *testing.T, texts []string){"go": buildGo, "python": importPython, "typescript": checkTypeScript}

func buildGo(t *testing.T, texts []string) {
	packages := map[string]string{}
	for i, text := range texts {
		packages[fmt.Sprintf("c%d/settings.go", i)] = text
	}
	dir := goModule(t, packages)
	runProgram(t, dir, goEnvironment(), nil, "go", "build", "./...")
}

// importPython executes each module, with warnings as errors, and reads an empty environment.
func importPython(t *testing.T, texts []string) {
	requirePydantic(t)
	problems := runJSON[[]string](t, t.TempDir(), nil, texts, "python3", "-W", "error", "-c", `import json, sys, types
def judge(text):
    module = types.ModuleType("generated")
    sys.modules["generated"] = module
    try:
        exec(text, module.__dict__)
        module.load()
    except getattr(module, "SettingsMissing", ()):
        return ""
    except BaseException as error:
        return f"{type(error).__name__}: {error}"
    return ""
print(json.dumps([judge(text) for text in json.load(sys.stdin)]))`)
	for i, problem := range problems {
		if problem != "" {
			t.Fatalf("%s, in\n%s", problem, texts[i])
		}
	}
}

// checkTypeScript checks all modules at once.
func checkTypeScript(t *testing.T, texts []string) {
	modules := map[string]string{}
	for i, text := range texts {
		modules[fmt.Sprintf("settings%d.ts", i)] = text
	}
	compileTypeScript(t, modules)
}
