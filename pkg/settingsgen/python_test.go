package settingsgen_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// requirePydantic ends the test where Python or pydantic is not there: no registry that the tests use provides them.
func requirePydantic(t *testing.T) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), "python3", "-c", "import sys, pydantic, pydantic_settings, dotenv\nassert sys.version_info >= (3, 10)").CombinedOutput(); err != nil {
		t.Skipf("python3 with pydantic, pydantic-settings and python-dotenv is not installed: %v %s", err, out)
	}
}

// pythonFolder returns a folder with the generated module and a program.
func pythonFolder(t *testing.T, program string) string {
	t.Helper()
	return writeFiles(t, map[string]string{"settings.py": string(generate(t, "python")[0].Text), "program.py": program})
}

func runPython(t *testing.T, program string, env variables, input any) string {
	t.Helper()
	return string(runProgram(t, pythonFolder(t, program), env, input, "python3", "-W", "error", "program.py"))
}

func TestPythonRefusesWhatRotaryRefuses(t *testing.T) {
	requirePydantic(t)
	requireSameAnswers(t, 200, func(all []variables) (answers []variables) {
		out := runPython(t, `
import json, sys
import settings
answers = []
for environment in json.load(sys.stdin):
    try:
        settings.load(json=json.dumps(environment))
        answers.append({})
    except settings.SettingsMissing as error:
        answers.append(error.problems)
print(json.dumps(answers))
`, nil, all)
		if err := json.Unmarshal([]byte(out), &answers); err != nil {
			t.Fatal(err)
		}
		return answers
	})
}

// usePython is the article's: a class of the application's own around SharedSettings.
const usePython = `
import os
from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings
import settings

def show(s):
    needed = s.shared.needed
    print(needed.count + 1, s.shared.plain.flag, needed.deep.key.get_secret_value(), s.shared.plain.doc, s.shared.plain.url,
        s.vendor_api_key.get_secret_value(), s.worker.name, s.legacy.token)

show(settings.load(env_file=".env"))

class AppSettings(BaseSettings):
    shared: settings.SharedSettings = Field(default_factory=settings.SharedSettings)

if "KITCHEN" not in os.environ:
    app = AppSettings()
    print(app.shared.needed.deep.base_url, app.shared.secret.live, isinstance(app.shared.needed.deep.key, SecretStr))
    try:
        app.shared.needed.deep.base_url = "changed"
    except ValidationError:
        print("frozen")
    os.environ["SHARED__S3"] = os.environ["SHARED__PLAIN"] = "no JSON"
    print(settings.SharedSettings().plain.flag)
    del os.environ["SHARED__NEEDED__COUNT"]
    try:
        AppSettings()
    except settings.SettingsMissing as error:
        print(error)
`

func TestPythonIsUsed(t *testing.T) {
	requirePydantic(t)
	const first = "8 True one [1] None two worker None\n"
	const want = first + "https://api.example.com None True\nfrozen\nTrue\n1 setting cannot be read: SHARED__NEEDED__COUNT is missing\n"
	if got := runPython(t, usePython, usable(), nil); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got := runPython(t, usePython, bundled(t), nil); got != first {
		t.Errorf("of a bundle: %s, want %s", got, first)
	}
}

// TestPythonReadsAFile: a variable of the environment wins, and what else a file has is not looked at.
func TestPythonReadsAFile(t *testing.T) {
	requirePydantic(t)
	env := usable()
	delete(env, "SHARED__NEEDED__COUNT")
	dir := pythonFolder(t, `
import settings
s = settings.load(env_file=".env")
print(s.shared.needed.count, s.worker.name)
`)
	file := []byte("SHARED__NEEDED__COUNT=3\nWORKER__NAME=from-file\nELSE=1\n")
	if err := os.WriteFile(filepath.Join(dir, ".env"), file, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := string(runProgram(t, dir, env, nil, "python3", "-W", "error", "program.py")); got != "3 worker\n" {
		t.Error(got)
	}
}

func TestPythonReadsNothingWhenItIsImported(t *testing.T) {
	requirePydantic(t)
	const want = `6 settings cannot be read: NEXT_PUBLIC_STAGE is missing; SHARED__NEEDED__COUNT is missing; ` +
		`SHARED__NEEDED__DEEP__BASE_URL is missing; SHARED__NEEDED__DEEP__KEY is missing; VENDOR_API_KEY is missing; WORKER__NAME is missing`
	if got := runPython(t, "import settings\ntry:\n    settings.load()\nexcept settings.SettingsMissing as error:\n    print(error)\n", nil, nil); got != want+"\n" {
		t.Errorf("%s, want %s", got, want)
	}
}

// showPython prints all that an error carries, and what is in the frames of its traceback.
const showPython = `
import json, logging, os, pickle, sys, traceback
import settings

def show(error):
    chain = traceback.TracebackException.from_exception(error, capture_locals=True, compact=False)
    print("".join(chain.format()), str(error), repr(error), error.args, vars(error), pickle.dumps(error), pickle.loads(pickle.dumps(error)))
    print(repr(error.__cause__), repr(error.__context__))
    frame = error.__traceback__
    while frame is not None:
        if frame.tb_frame.f_code.co_filename.endswith("settings.py"):
            print({name: (value, vars(value) if hasattr(value, "__dict__") else None) for name, value in frame.tb_frame.f_locals.items()})
        frame = frame.tb_next
    logging.error("failed", exc_info=error)
    assert error.__cause__ is None and error.__context__ is None, "another error hangs on it"

def fail(read):
    try:
        read()
    except settings.SettingsMissing as error:
        show(error)
    else:
        print("nothing has failed")

fail(settings.load)
fail(settings.SharedSettings)
fail(lambda: settings.load(json=os.environ["BUNDLE"]))
fail(lambda: settings.load(json=os.environ["BUNDLE"][1:]))
fail(lambda: settings.load(json=json.dumps([os.environ["BUNDLE"]])))
`

func TestPythonShowsNoValue(t *testing.T) {
	requirePydantic(t)
	values, search := canaries(t)
	bundle, err := json.Marshal(values)
	if err != nil {
		t.Fatal(err)
	}
	values["BUNDLE"] = string(bundle)
	values["SHARED__PLAIN"] = `{"` + values["VENDOR_API_KEY"]
	out := runPython(t, showPython, values, nil)
	requireNothingFound(t, search, "of errors", []byte(out))
	if strings.Contains(out, "nothing has failed") || strings.Count(out, "Traceback") < 5 {
		t.Error(out)
	}
	values, search = goodCanaries(t)
	out = runPython(t, `
import logging, json, pprint
import settings
s = settings.load()
print(s, repr(s), str(s.shared), vars(s), s.model_dump_json(), s.shared.secret.url, f"{s.vendor_api_key}")
pprint.pprint(s.model_dump())
logging.error("settings: %r", s)
`, values, nil)
	requireNothingFound(t, search, "of settings", []byte(out))
	if !strings.Contains(out, "SecretStr('**********')") {
		t.Error(out)
	}
}

// TestPythonRefusesWhatPydanticHas: a field called like an attribute of pydantic's classes would hide it.
func TestPythonRefusesWhatPydanticHas(t *testing.T) {
	requirePydantic(t)
	out := string(runProgram(t, t.TempDir(), nil, nil, "python3", "-c",
		`import keyword, pydantic_settings
print("\n".join([name for name in keyword.kwlist if name.islower()] + [name for name in dir(pydantic_settings.BaseSettings) if name[0] != "_"]))`))
	for name := range strings.Lines(out) {
		if name = strings.TrimSpace(name); len(refusals(t, "python", "A__"+strings.ToUpper(name))) != 1 {
			t.Errorf("a setting may be called %s", name)
		}
	}
}

// TestPythonHidesWhatOthersSay: a validator that an application adds may quote what it has found.
func TestPythonHidesWhatOthersSay(t *testing.T) {
	requirePydantic(t)
	got := runPython(t, `
from pydantic import field_validator, model_validator
import settings

class Strict(settings.WorkerSettings):
    @field_validator("name")
    @classmethod
    def refuse(cls, name):
        raise ValueError(f"{name} is none of ours")

class Whole(settings.WorkerSettings):
    @model_validator(mode="after")
    def refuse(self):
        raise ValueError(f"{self.name} is none of ours")

for read in (Strict, Whole, lambda: settings.WorkerSettings(name=["hunter2"])):
    try:
        read()
    except settings.SettingsMissing as error:
        print(error)
`, usable(), nil)
	const want = "1 setting cannot be read: WORKER__NAME has the wrong form\n1 setting cannot be read: WORKER__ has the wrong form\n" +
		"1 setting cannot be read: WORKER__NAME has the wrong form\n"
	if got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// TestPythonIsExtended: an application adds a field to a generated class, and replaces a part.
func TestPythonIsExtended(t *testing.T) {
	requirePydantic(t)
	got := runPython(t, `
import os
import settings

class More(settings.WorkerSettings):
    added: int

for text in ("7", "seven", None):
    os.environ["WORKER__ADDED"] = text or ""
    if text is None:
        del os.environ["WORKER__ADDED"]
    try:
        print(More().added)
    except settings.SettingsMissing as error:
        print(error)
print(settings.Settings(worker=settings.WorkerSettings(name="given")).worker.name)
try:
    settings.Settings(worker="hunter2")
except settings.SettingsMissing as error:
    print(error)
`, usable(), nil)
	const want = `7
1 setting cannot be read: WORKER__ADDED has the wrong form
1 setting cannot be read: WORKER__ADDED is missing
given
1 setting cannot be read: WORKER has the wrong form
`
	if got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
