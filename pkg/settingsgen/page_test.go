package settingsgen_test

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	rotary "github.com/rotary-secrets/rotary"
	"github.com/rotary-secrets/rotary/pkg/settingsgen"
)

// readSnippet returns the one block of docs/tasks/settings.md in a language.
func readSnippet(t *testing.T, language string) string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "tasks", "settings.md"))
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile("(?s)```"+language+"\n(.*?)```").FindAllSubmatch(page, -1)
	if len(found) != 1 {
		t.Fatalf("the page has %d blocks of %s", len(found), language)
	}
	return string(found[0][1])
}

// generateExample returns the files of a bucket of the manifest at the top.
func generateExample(t *testing.T, bucket, language string) []settingsgen.File {
	t.Helper()
	b, err := settingsgen.Read(readManifest(t, string(rotary.Manifest)), bucket, "")
	if err != nil {
		t.Fatal(err)
	}
	files, err := settingsgen.Generate(b, language, settingsgen.Options{Package: "config"})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func exampleEnvironment() variables {
	return variables{"SHARED__DB_SERVICE__KEY": "one", "SHARED__DB_SERVICE__URL": "https://db.example.com", "WORKER__SQS_CLIENT__AWS_REGION": "us-east-1",
		"SHARED__BACKEND_API_CLIENT__BASE_URL": "https://api.example.com", "WORKER__OTEL__SERVICE_NAME": "worker-a"}
}

func TestThePagesPython(t *testing.T) {
	requirePydantic(t)
	dir := writeFiles(t, map[string]string{"settings.py": string(generateExample(t, "worker-a-secrets", "python")[0].Text),
		"app.py": readSnippet(t, "python") + "print(headers)\n"})
	if got := string(runProgram(t, dir, exampleEnvironment(), nil, "python3", "-W", "error", "app.py")); got != "{'apikey': 'one'}\n" {
		t.Error(got)
	}
}

func TestThePagesTypeScript(t *testing.T) {
	files := generateExample(t, "dashboard-secrets", "typescript")
	dir := compileTypeScript(t, map[string]string{"settings.ts": string(files[0].Text), "settings.public.ts": string(files[1].Text),
		"app.ts": readSnippet(t, "ts")})
	env := variables{"API_HANDSHAKE_KEY": "two", "NEXT_PUBLIC_API_BASE_URL": "https://api.example.com", "NEXT_PUBLIC_DB_URL": "https://db", "NEXT_PUBLIC_DB_ANON_KEY": "a"}
	got := string(runProgram(t, dir, env, nil, "node", "-e", `import("./app.js").then((app) => console.log(app.headers.authorization, app.title))`))
	if got != "Bearer two https://api.example.com\n" {
		t.Error(got)
	}
}

func TestThePagesGo(t *testing.T) {
	app := compileGo(t, readSnippet(t, "go"), generateExample(t, "worker-a-secrets", "go")[0].Text)
	runProgram(t, "", exampleEnvironment(), nil, app)
}
