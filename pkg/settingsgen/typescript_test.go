package settingsgen_test

import (
	"bytes"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rotary-secrets/rotary/internal/contract"
	"github.com/rotary-secrets/rotary/pkg/settingsgen"
)

// requireNode returns the folder in which make contracts installs what these tests use. It ends the test where that or
// node is missing; where everything is required, the test fails then.
func requireNode(t *testing.T) string {
	t.Helper()
	requireTool(t, "node")
	folder, err := contract.Folder()
	if err != nil {
		t.Fatal(err)
	}
	folder = filepath.Join(folder, "settings")
	if _, err := os.Stat(filepath.Join(folder, "node_modules", "zod")); err != nil {
		contract.Missing(t, errors.New("contracts/settings is not installed: run make contracts"))
	}
	return folder
}

// compileTypeScript returns a folder with modules, checked and compiled.
func compileTypeScript(t *testing.T, modules map[string]string) string {
	t.Helper()
	tools := requireNode(t)
	names := slices.Sorted(maps.Keys(modules))
	modules["package.json"] = `{"type": "module"}`
	dir := writeFiles(t, modules)
	if err := os.Symlink(filepath.Join(tools, "node_modules"), filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	options := []string{"--strict", "--noUncheckedIndexedAccess", "--exactOptionalPropertyTypes",
		"--verbatimModuleSyntax", "--erasableSyntaxOnly", "--noUnusedLocals", "--noUnusedParameters", "--target", "es2022",
		"--module", "nodenext", "--noPropertyAccessFromIndexSignature", "--types", ""}
	runProgram(t, dir, nil, nil, "node_modules/.bin/tsc", append(options, names...)...)
	return dir
}

// useTypeScript compiles only where each setting has its type.
const useTypeScript = `
import { load, Secret, type Settings } from "./settings.js";
import { settings as shown } from "./settings.public.js";

export function use(s: Settings): string {
  const key: Secret = s.shared.needed.deep.key;
  const port: number | undefined = s.shared.plain.port;
  const flag: boolean | undefined = s.shared.plain.flag;
  const doc: unknown = s.shared.plain.doc;
  const token: Secret | undefined = s.legacy.token;
  const stage: string = shown.nextPublicStage;
  // @ts-expect-error: a secret is no text
  const text: string = s.vendorApiKey;
  // @ts-expect-error: it may be missing
  const url: string = s.shared.plain.url;
  return [key.reveal(), port, flag, JSON.stringify(doc), token, stage, text, url].join(" ");
}

export const again: Settings = load({});
`

func TestTypeScript(t *testing.T) {
	files := generate(t, "typescript")
	dir := compileTypeScript(t, map[string]string{"use.ts": useTypeScript, "settings.ts": string(files[0].Text), "settings.public.ts": string(files[1].Text)})
	t.Run("refuses what rotary refuses", func(t *testing.T) { refusesInTypeScript(t, dir) })
	t.Run("is used", func(t *testing.T) { usesTypeScript(t, dir) })
	t.Run("shows no value", func(t *testing.T) { showsInTypeScript(t, dir) })
	t.Run("a page has no name of the server", func(t *testing.T) { bundlesPage(t, dir) })
}

// writeProgram writes a program beside the modules, and returns its name.
func writeProgram(t *testing.T, dir, text string) string {
	t.Helper()
	name := strings.ReplaceAll(t.Name()[strings.LastIndex(t.Name(), "/")+1:], " ", "-") + ".js"
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func refusesInTypeScript(t *testing.T, dir string) {
	program := writeProgram(t, dir, `
import { readFileSync } from "node:fs";
for (const name of ["SHARED__NEEDED__COUNT", "SHARED__NEEDED__DEEP__KEY", "SHARED__NEEDED__DEEP__BASE_URL", "VENDOR_API_KEY", "WORKER__NAME"]) {
  process.env[name] = name.endsWith("URL") ? "https://h" : "1";
}
process.env.NEXT_PUBLIC_STAGE = "dev";
const { load } = await import("./settings.js");
const shown = (await import("./settings.public.js")).load;
const problems = (read, environment) => {
  try {
    read(environment);
    return {};
  } catch (error) {
    return error.problems;
  }
};
const all = JSON.parse(readFileSync(0, "utf8"));
console.log(JSON.stringify(all.map((environment) => ({ ...problems(load, environment), ...problems(shown, environment) }))));
`)
	requireSameAnswers(t, 2000, func(all []variables) []variables { return runJSON[[]variables](t, dir, nil, all, "node", program) })
}

func usesTypeScript(t *testing.T, dir string) {
	program := writeProgram(t, dir, `
import { settings, load, loadJSON, SettingsError, Secret } from "./settings.js";
const n = settings.shared.needed;
console.log(n.count + 1, settings.shared.plain.flag, n.deep.key.reveal(), settings.shared.plain.doc, settings.shared.plain.url,
  settings.vendorApiKey.reveal(), settings.worker.name, settings.legacy.token, n.deep.key instanceof Secret);
try {
  load({ SHARED__NEEDED__COUNT: "9007199254740993" });
} catch (error) {
  console.log(error instanceof SettingsError, String(error));
}
try {
  loadJSON('{"VENDOR_API_KEY": 1}');
} catch (error) {
  console.log(String(error));
}
`)
	const want = `8 true one [ 1 ] undefined two worker undefined true
true SettingsError: 5 settings cannot be read: SHARED__NEEDED__COUNT is too large a number; SHARED__NEEDED__DEEP__BASE_URL is missing; ` +
		`SHARED__NEEDED__DEEP__KEY is missing; VENDOR_API_KEY is missing; WORKER__NAME is missing
SettingsError: 1 setting cannot be read: the bundle is not a JSON object of texts
`
	for _, env := range []variables{usable(), bundled(t)} {
		if got := string(runProgram(t, dir, env, nil, "node", program)); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func showsInTypeScript(t *testing.T, dir string) {
	program := writeProgram(t, dir, `
import { inspect } from "node:util";
const show = (value) => {
  console.log(value, String(value), inspect(value, { showHidden: true, depth: 20, getters: true, customInspect: false }), JSON.stringify(value));
  console.error("%s %o %O %j %d", value, value, value, value, value);
  if (value instanceof Error) {
    console.log(value.stack, value.message, value.cause, Object.getOwnPropertyNames(value).map((name) => [name, value[name]]));
  }
};
try {
  const { settings } = await import("./settings.js");
  show(settings);
  show(settings.vendorApiKey);
  console.log(settings.vendorApiKey + "", `+"`${settings.vendorApiKey}`"+`, { ...settings.vendorApiKey }, structuredClone(settings.vendorApiKey));
} catch (error) {
  show(error);
  const { load, loadJSON } = await import("./settings.public.js").catch(() => import("./settings.js")).catch(() => ({}));
  for (const read of [load, loadJSON]) {
    try {
      read?.(process.env);
      read?.("[" + process.env.VENDOR_API_KEY);
    } catch (error) {
      show(error);
    }
  }
}
`)
	values, search := goodCanaries(t)
	out := runProgram(t, dir, values, nil, "node", program)
	requireNothingFound(t, search, "of settings", out)
	if !bytes.Contains(out, []byte("[secret]")) || bytes.Contains(out, []byte("cannot be read")) {
		t.Errorf("%s", out)
	}
	values, search = canaries(t)
	out = runProgram(t, dir, values, nil, "node", program)
	requireNothingFound(t, search, "of errors", out)
	if !bytes.Contains(out, []byte("SHARED__SECRET__URL is not a URL")) {
		t.Errorf("%s", out)
	}
	values = variables{"KITCHEN": `{"` + values["VENDOR_API_KEY"]}
	out = runProgram(t, dir, values, nil, "node", program)
	requireNothingFound(t, search, "of a bundle", out)
	if !bytes.Contains(out, []byte("the bundle is not a JSON object of texts")) {
		t.Errorf("%s", out)
	}
}

// bundlesPage bundles code of a page that imports the public file, as frameworks do: what it names is
// replaced by values, and nothing of the server's file comes with it.
func bundlesPage(t *testing.T, dir string) {
	program := writeProgram(t, dir, `import { settings } from "./settings.public.js"; document.title = settings.nextPublicStage;`)
	runProgram(t, dir, nil, nil, "node_modules/.bin/esbuild", program, "--bundle", "--minify", "--platform=browser", "--outfile=page.js",
		`--define:process.env.NEXT_PUBLIC_STAGE="c4n4ry-stage"`, `--define:process.env.NEXT_PUBLIC_ANON_KEY="c4n4ry-anon"`)
	page, err := os.ReadFile(filepath.Join(dir, "page.js"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(page, []byte("c4n4ry-stage")) || bytes.Contains(page, []byte("process.env")) {
		t.Error("the page has not the values of its names, or reads an environment that no page has")
	}
	for _, s := range readKitchen(t).Settings {
		if !s.Browser && bytes.Contains(page, []byte(s.Name)) {
			t.Errorf("the page names %s", s.Name)
		}
	}
	if bytes.Contains(page, []byte("reveal")) || bytes.Contains(page, []byte("KITCHEN")) {
		t.Error("the page has code of the server")
	}
}

// TestEveryNameIsReadByItsLiteral: bundlers replace process.env.NAME, and neither process.env[name] nor a copy.
func TestEveryNameIsReadByItsLiteral(t *testing.T) {
	read := regexp.MustCompile(`process\.env\b(\.[A-Z0-9_]+)?`)
	for i, file := range generate(t, "typescript") {
		var got, want []string
		for _, found := range read.FindAllStringSubmatch(commentless(string(file.Text)), -1) {
			got = append(got, strings.TrimPrefix(found[1], "."))
		}
		for _, s := range readKitchen(t).Settings {
			if s.Browser == (i == 1) {
				want = append(want, s.Name)
			}
		}
		got = slices.DeleteFunc(got, func(name string) bool { return name == "KITCHEN" })
		if !slices.Equal(got, want) {
			t.Errorf("%v, want %v", got, want)
		}
	}
}

// commentless returns code without the lines of comments.
func commentless(text string) string {
	lines := strings.Split(text, "\n")
	return strings.Join(slices.DeleteFunc(lines, func(line string) bool {
		return strings.HasPrefix(line, "//") || strings.HasPrefix(line, " *")
	}), "\n")
}

func TestOneFileWhereNamesAreOfOneKind(t *testing.T) {
	for _, settings := range [][]settingsgen.Setting{{{Name: "A"}}, {{Name: "NEXT_PUBLIC_A", Browser: true}}} {
		files, err := settingsgen.Generate(settingsgen.Bucket{Name: "b", Settings: settings}, "typescript", settingsgen.Options{})
		if err != nil || len(files) != 1 || files[0].Suffix != "" {
			t.Errorf("%v: %v", files, err)
		}
	}
}
