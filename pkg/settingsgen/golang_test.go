package settingsgen_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// goProgram is compiled with the generated package.
const goProgram = `package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"example.com/app/config"
	"github.com/rotary-secrets/rotary/pkg/settings"
)

func main() {
	switch os.Args[1] {
	case "judge":
		judge()
	case "show":
		s, err := config.Load()
		fmt.Printf("%v %+v %#v %q %x", err, err, err, err, err)
		fmt.Printf("%v %+v %#v", s.Shared.Secret, s, s)
		text, failed := json.Marshal(s)
		fmt.Println(string(text), failed)
		slog.Error("m", "settings", s, "error", err)
	case "use":
		s, err := config.Load()
		fmt.Println(err, s.Shared.Needed.Count+1, !s.Shared.Plain.Flag, settings.Reveal(s.Shared.Needed.Deep.Key), string(s.Shared.Plain.Doc),
			settings.Reveal(s.VendorAPIKey), s.Worker.Name, s.Legacy.Token.IsSet())
	}
}

func judge() {
	var environments, answers []map[string]string
	if err := json.NewDecoder(os.Stdin).Decode(&environments); err != nil {
		panic(err)
	}
	for _, environment := range environments {
		var s config.Settings
		answer, all := map[string]string{}, &settings.Error{}
		err := settings.LoadFrom(&s, func(name string) (string, bool) { text, has := environment[name]; return text, has })
		if errors.As(err, &all) {
			for _, p := range all.Problems {
				answer[p.Name] = p.Reason
			}
		} else if err != nil {
			panic(err)
		}
		answers = append(answers, answer)
	}
	_ = json.NewEncoder(os.Stdout).Encode(answers)
}
`

// compileGo compiles a program with generated settings, and returns its path.
func compileGo(t *testing.T, program string, config []byte) string {
	t.Helper()
	dir := goModule(t, map[string]string{"main.go": program, "config/settings.go": string(config)})
	runProgram(t, dir, goEnvironment(), nil, "go", "vet", "./...")
	runProgram(t, dir, goEnvironment(), nil, "go", "build", "-o", "app", ".")
	return filepath.Join(dir, "app")
}

func goEnvironment() variables {
	return variables{"GOWORK": "off", "GOPROXY": "off", "GOFLAGS": "-trimpath", "GOCACHE": os.Getenv("GOCACHE"), "GOTOOLCHAIN": "local"}
}

// goModule returns the folder of a module with these files, that uses pkg/settings.
func goModule(t *testing.T, files map[string]string) string {
	t.Helper()
	module, err := filepath.Abs("../settings")
	if err != nil {
		t.Fatal(err)
	}
	files["go.mod"] = "module example.com/app\n\ngo 1.22\n\nrequire github.com/rotary-secrets/rotary/pkg/settings v0.0.0\n\n" +
		"replace github.com/rotary-secrets/rotary/pkg/settings => " + module + "\n"
	return writeFiles(t, files)
}

func TestGo(t *testing.T) {
	app := compileGo(t, goProgram, generate(t, "go")[0].Text)
	t.Run("refuses what rotary refuses", func(t *testing.T) {
		requireSameAnswers(t, 2000, func(all []variables) []variables { return runJSON[[]variables](t, "", nil, all, app, "judge") })
	})
	t.Run("shows no value", func(t *testing.T) {
		values, search := goodCanaries(t)
		shown := runProgram(t, "", values, nil, app, "show")
		requireNothingFound(t, search, "of an environment in which all is well", shown)
		if !bytes.Contains(shown, []byte("[secret]")) {
			t.Errorf("nothing was shown: %s", shown)
		}
		values, search = canaries(t)
		requireNothingFound(t, search, "of an environment in which most is malformed", runProgram(t, "", values, nil, app, "show"))
		requireNothingFound(t, search, "of a bundle that is no object", runProgram(t, "", variables{"KITCHEN": values["VENDOR_API_KEY"]}, nil, app, "show"))
	})
	t.Run("is used", func(t *testing.T) {
		const want = "<nil> 8 false one [1] two worker false\n"
		if got := runProgram(t, "", usable(), nil, app, "use"); string(got) != want {
			t.Errorf("%s, want %s", got, want)
		}
		if got := runProgram(t, "", bundled(t), nil, app, "use"); string(got) != want {
			t.Errorf("of a bundle: %s, want %s", got, want)
		}
	})
}
