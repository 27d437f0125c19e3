package main

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/goccy/go-yaml"

	rotary "github.com/rotary-secrets/rotary"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

const top = "../.."

// readPages returns the pages whose commands and manifests are checked: all but the decisions of the past and cli.md,
// which is made from the commands.
func readPages(t *testing.T) map[string]string {
	t.Helper()
	pages := map[string]string{}
	for _, start := range []string{"README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "docs"} {
		err := fs.WalkDir(os.DirFS(top), start, func(name string, entry fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case name == "docs/adr":
				return fs.SkipDir
			case entry.IsDir() || filepath.Ext(name) != ".md" || name == "docs/cli.md":
				return nil
			}
			text, err := os.ReadFile(filepath.Join(top, name))
			pages[name] = string(text)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return pages
}

var (
	fencedCode   = regexp.MustCompile("(?ms)^( *)```([a-z]*)[^\n]*\n(.*?)^ *```$") //nolint:gocritic // the second ^ begins a line: (?m)
	indentedCode = regexp.MustCompile(`(?m)^ {4,}(\S.*)$`)
	inlineText   = regexp.MustCompile("`([^`\n]+)`")
	assignment   = regexp.MustCompile(`^[A-Z][A-Z0-9_]*=`)
)

// TestCommandsOfTheDocsExist: every command line of a page is one that rotary understands, and every name of a command
// or flag in a text is one that it has.
func TestCommandsOfTheDocsExist(t *testing.T) {
	lines, mentions := 0, 0
	for name, text := range readPages(t) {
		code := ""
		for _, block := range fencedCode.FindAllStringSubmatch(text, -1) {
			if block[2] == "sh" || block[2] == "" || block[2] == "yaml" {
				code += block[3]
			}
		}
		rest := fencedCode.ReplaceAllString(text, "")
		for _, line := range indentedCode.FindAllStringSubmatch(rest, -1) {
			code += line[1] + "\n"
		}
		for line := range strings.Lines(code) {
			for _, args := range splitCommands(line) {
				lines++
				if err := parseArgs(t, args); err != nil {
					t.Errorf("%s: %s: %v", name, strings.TrimSpace(line), err)
				}
			}
		}
		for _, inline := range inlineText.FindAllStringSubmatch(indentedCode.ReplaceAllString(rest, ""), -1) {
			for _, args := range splitCommands(inline[1]) {
				mentions++
				if err := parseArgs(t, args); err != nil && !strings.Contains(err.Error(), "expected ") && !strings.Contains(err.Error(), "missing flags") {
					t.Errorf("%s: `%s`: %v", name, inline[1], err)
				}
			}
		}
	}
	if lines < 40 || mentions < 60 {
		t.Errorf("only %d command lines and %d mentions were found", lines, mentions)
	}
}

func parseArgs(t *testing.T, args []string) error {
	t.Helper()
	parser := newParser(t, new(commands))
	parser.Stdout, parser.Stderr = new(strings.Builder), new(strings.Builder)
	_, err := parser.Parse(completeArgs(args))
	if _, is := errors.AsType[*kong.ParseError](err); err != nil && !is {
		t.Fatal(err)
	}
	return err
}

// splitCommands returns the arguments of each call of rotary in a line for a shell.
func splitCommands(line string) (all [][]string) {
	for _, words := range splitWords(line) {
		for len(words) > 0 && (assignment.MatchString(words[0]) || words[0] == "$" || words[0] == "!") {
			words = words[1:]
		}
		if len(words) > 1 && (words[0] == "rotary" || strings.HasSuffix(words[0], "bin/rotary")) && words[1] != "…" && words[1] != "..." {
			all = append(all, words[1:])
		}
	}
	return all
}

// splitWords splits a line for a shell into its commands, and each into words. Redirections and comments are left out.
func splitWords(line string) [][]string {
	var all [][]string
	var words []string
	word, in, quote, skip := "", false, rune(0), false
	endWord := func() {
		switch {
		case !in:
		case skip:
			skip = false
		default:
			words = append(words, word)
		}
		word, in = "", false
	}
	for _, r := range line + "\n" {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word += string(r)
		case r == '\'' || r == '"':
			quote, in = r, true
		case r == '#' && !in:
			return append(all, words)
		case r == '<' || r == '>':
			if word == "2" {
				word, in = "", false
			}
			endWord()
			skip = true
		case r == '|' || r == ';' || r == '&' || r == '\n':
			endWord()
			all, words = append(all, words), nil
		case r == ' ' || r == '\t':
			endWord()
		default:
			word, in = word+string(r), true
		}
	}
	return all
}

func TestALineForAShellIsSplit(t *testing.T) {
	for line, want := range map[string]string{
		"rotary put dev vendors KEY < 'a file'  # comment": "put|dev|vendors|KEY",
		"X=1 bin/rotary plan dev --json | jq . > out":      "plan|dev|--json",
		"pass show a | rotary put dev v K":                 "put|dev|v|K",
		"bin/rotary standin --write s.env 2> log &":        "standin|--write|s.env",
		`rotary status "dev" && rotary plan dev`:           "status|dev;plan|dev",
		"rotary is what this sentence is about":            "is|what|this|sentence|is|about",
		"echo rotary":                                      "",
	} {
		var got []string
		for _, args := range splitCommands(line) {
			got = append(got, strings.Join(args, "|"))
		}
		if strings.Join(got, ";") != want {
			t.Errorf("%s: %q, want %q", line, got, want)
		}
	}
}

// TestManifestsOfTheDocsAreValid: every YAML of a page is a manifest, or becomes one beside the example of this
// repository.
func TestManifestsOfTheDocsAreValid(t *testing.T) {
	found := 0
	for name, text := range readPages(t) {
		for _, block := range fencedCode.FindAllStringSubmatch(text, -1) {
			if block[2] != "yaml" {
				continue
			}
			found++
			if err := checkManifest([]byte(block[3])); err != nil {
				t.Errorf("%s: %v\n%s", name, err, block[3])
			}
		}
	}
	if found < 10 {
		t.Errorf("only %d manifests were found", found)
	}
}

// checkManifest returns what is wrong with a manifest, or with a part of one beside the example.
func checkManifest(text []byte) error {
	var part map[string]any
	if err := yaml.Unmarshal(text, &part); err != nil {
		return err
	}
	data := text
	if part["environments"] == nil || part["sources"] == nil {
		var whole map[string]any
		if err := yaml.Unmarshal(rotary.Manifest, &whole); err != nil {
			return err
		}
		var err error
		if data, err = json.Marshal(mergeMaps(whole, part)); err != nil {
			return err
		}
	}
	file, err := manifest.Parse("rotary.yaml", data)
	if err != nil {
		return err
	}
	for _, name := range file.Names() {
		if _, err := file.Environment(name); err != nil {
			return err
		}
	}
	return nil
}

// mergeMaps puts a part over a whole: mappings are merged, but for keys and rotate; everything else is replaced.
func mergeMaps(whole, part map[string]any) map[string]any {
	for key, value := range part {
		inner, is := value.(map[string]any)
		before, was := whole[key].(map[string]any)
		if is && was && key != "rotate" && key != "keys" {
			value = mergeMaps(before, inner)
		}
		whole[key] = value
	}
	return whole
}
