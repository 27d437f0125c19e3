package settingsgen_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestTheSchemaRefusesWhatRotaryRefuses: with ajv, strict. A schema does not judge JSON within a text.
func TestTheSchemaRefusesWhatRotaryRefuses(t *testing.T) {
	dir := writeFiles(t, map[string]string{"schema.json": string(generate(t, "schema")[0].Text), "program.cjs": `
const { readFileSync } = require("node:fs");
const Ajv = require("ajv/dist/2020").default;
const validate = new Ajv({ strict: true, allErrors: true, verbose: true }).compile(JSON.parse(readFileSync("schema.json", "utf8")));
const isJSON = (text) => { try { JSON.parse(text); return true; } catch { return false; } };
console.log(JSON.stringify(JSON.parse(readFileSync(0, "utf8")).map((environment) => {
  validate(environment);
  const problems = Object.fromEntries((validate.errors ?? []).map((e) => [e.instancePath.slice(1) || e.params.missingProperty, e.keyword]));
  for (const name of Object.keys(environment)) {
    if (name.endsWith("__DOC") && !isJSON(environment[name])) problems[name] = "JSON";
  }
  return problems;
})));
`})
	if err := os.Symlink(filepath.Join(requireNode(t), "node_modules"), filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	judge := func(all []variables) []variables {
		return runJSON[[]variables](t, dir, nil, all, "node", "program.cjs")
	}
	requireSameAnswers(t, 2000, judge)
	answer := judge([]variables{usable(), {"WORKER__NAME": "worker"}})
	if len(answer[0]) != 0 || len(answer[1]) != 5 || answer[1]["VENDOR_API_KEY"] != "required" {
		t.Error(answer)
	}
}

func TestTheSchemaMarksSecrets(t *testing.T) {
	text := string(generate(t, "schema")[0].Text)
	secrets := 0
	for _, s := range readKitchen(t).Settings {
		if s.Secret {
			secrets++
		}
	}
	if strings.Count(text, `"writeOnly": true`) != secrets || secrets == 0 {
		t.Errorf("%d secrets, in %s", secrets, text)
	}
}
