package schema

import (
	"bytes"
	_ "embed" // introduction.md
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"

	"github.com/invopop/jsonschema"

	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/rotate/httpapi/vendorapi"
)

// section is a part of the page about the manifest: the fields of one type, under the place where it stands in the
// file.
type section struct {
	place string
	of    reflect.Type
}

// listSections returns the sections in the order of the page.
func listSections() []section {
	return []section{
		{"the file", reflect.TypeFor[manifest.File]()},
		{"environments.NAME", reflect.TypeFor[manifest.EnvironmentSpec]()},
		{"environments.NAME.infra", reflect.TypeFor[manifest.Infra]()},
		{"environments.NAME.infra.network", reflect.TypeFor[manifest.Network]()},
		{"environments.NAME.infra.alarms", reflect.TypeFor[manifest.Alarms]()},
		{"environments.NAME.infra.alarms.slack", reflect.TypeFor[manifest.Slack]()},
		{"environments.NAME.infra.access", reflect.TypeFor[manifest.Access]()},
		{"environments.NAME.infra.access.github", reflect.TypeFor[manifest.OIDC]()},
		{"environments.NAME.infra.reference_services", reflect.TypeFor[manifest.ReferenceServices]()},
		{"sources.NAME", reflect.TypeFor[manifest.Source]()},
		{"sources.NAME.check.KEY", reflect.TypeFor[manifest.CheckCall]()},
		{"sources.NAME.rotate", reflect.TypeFor[manifest.Rotate]()},
		{"sources.NAME.rotate.random", reflect.TypeFor[manifest.RotateRandom]()},
		{"sources.NAME.rotate.postgres", reflect.TypeFor[manifest.RotatePostgres]()},
		{"sources.NAME.rotate.postgres.fields", reflect.TypeFor[manifest.Login]()},
		{"sources.NAME.rotate.mysql", reflect.TypeFor[manifest.RotateMySQL]()},
		{"sources.NAME.rotate.aws-access-key", reflect.TypeFor[manifest.RotateAccessKey]()},
		{"sources.NAME.rotate.http", reflect.TypeFor[manifest.RotateHTTP]()},
		{"sources.NAME.rotate.http.calls", reflect.TypeFor[vendorapi.API]()},
		{"sources.NAME.rotate.http.calls.create", reflect.TypeFor[vendorapi.Create]()},
		{"sources.NAME.rotate.http.calls.test", reflect.TypeFor[vendorapi.Test]()},
		{"sources.NAME.rotate.http.calls.revoke", reflect.TypeFor[vendorapi.Revoke]()},
		{"sources.NAME.rotate.http.calls.last_used", reflect.TypeFor[vendorapi.LastUsed]()},
		{"sources.NAME.rotate.http.calls.find", reflect.TypeFor[vendorapi.Find]()},
		{"sources.NAME.rotate.managed", reflect.TypeFor[manifest.RotateManaged]()},
		{"sources.NAME.rotate.never", reflect.TypeFor[manifest.RotateNever]()},
		{"mappings.NAME", reflect.TypeFor[manifest.Mapping]()},
		{"computed.NAME", reflect.TypeFor[manifest.Computed]()},
		{"buckets.NAME", reflect.TypeFor[manifest.Bucket]()},
		{"consumers.NAME", reflect.TypeFor[manifest.Consumer]()},
		{"consumers.NAME.ecs", reflect.TypeFor[manifest.ECS]()},
		{"consumers.NAME.ecs_family", reflect.TypeFor[manifest.ECSFamily]()},
		{"consumers.NAME.github", reflect.TypeFor[manifest.GitHub]()},
		{"consumers.NAME.vercel", reflect.TypeFor[manifest.Vercel]()},
		{"consumers.NAME.reader", reflect.TypeFor[manifest.Reader]()},
		{"consumers.NAME.pull", reflect.TypeFor[manifest.Pull]()},
		{"sign_in", reflect.TypeFor[manifest.SignIn]()},
		{"sign_in.github", reflect.TypeFor[manifest.GitHubSignIn]()},
		{"sign_in.vercel", reflect.TypeFor[manifest.VercelSignIn]()},
	}
}

// introduction is the top of the page, with a place for the first example.
//
//go:embed introduction.md
var introduction string

// Docs returns docs/manifest.md: every field with its type, default, an example, and what it refuses. manifestDir is the
// folder of the source of pkg/manifest, whose comments it reads.
func Docs(manifestDir string) ([]byte, error) {
	first, err := os.ReadFile(filepath.Join(manifestDir, "testdata", "examples", "init.yaml"))
	if err != nil {
		return nil, fmt.Errorf("read the first example: %w", err)
	}
	var page bytes.Buffer
	fmt.Fprintf(&page, introduction, first)
	d := docs{comments: jsonschema.Reflector{}, seen: map[reflect.Type]string{}}
	if err := addAllComments(&d.comments, manifestDir); err != nil {
		return nil, err
	}
	for _, s := range listSections() {
		fmt.Fprintf(&page, "\n## %s\n\n%s\n", s.place, d.describeType(s))
		if s.of.Kind() == reflect.Struct && s.of.NumField() > 0 {
			page.WriteString("\n" + d.listFields(s.of, s.place))
		}
	}
	return page.Bytes(), nil
}

// docs writes the page. seen has the section of each embedded struct.
type docs struct {
	comments jsonschema.Reflector
	seen     map[reflect.Type]string
}

// describeType returns a type's comment, with its place in the file instead of its name.
func (d docs) describeType(s section) string {
	comment := d.comments.CommentMap[s.of.PkgPath()+"."+s.of.Name()]
	rest, is := strings.CutPrefix(comment, s.of.Name()+" ")
	switch {
	case is && strings.Contains(s.place, " "):
		return strings.ToUpper(s.place[:1]) + s.place[1:] + " " + rest
	case is:
		return "`" + s.place + "` " + rest
	}
	return comment
}

func (d docs) listFields(of reflect.Type, place string) string {
	var out strings.Builder
	for i := range of.NumField() {
		field := of.Field(i)
		if field.Anonymous {
			out.WriteString(d.listEmbedded(field.Type, place))
			continue
		}
		if name := yamlName(field); name != "" {
			f := d.describeField(of, field)
			fmt.Fprintf(&out, "- **`%s`** (%s)", name, describeKind(field))
			for _, part := range []string{f.what, f.fallback, f.example, f.refuses} {
				if part != "" {
					out.WriteString(" " + part)
				}
			}
			out.WriteString("\n")
		}
	}
	return out.String()
}

// listEmbedded lists the fields of an embedded struct, and later only their names.
func (d docs) listEmbedded(of reflect.Type, place string) string {
	if first := d.seen[of]; first != "" {
		var names []string
		for i := range of.NumField() {
			names = append(names, "`"+yamlName(of.Field(i))+"`")
		}
		return "- As under [" + first + "](#" + linkTo(first) + "): " + strings.Join(names, ", ") + ".\n"
	}
	d.seen[of] = place
	return d.listFields(of, place)
}

// field is a field's comment in its parts. A part that is not there is "".
type field struct{ what, fallback, example, refuses string }

// describeField splits the comment of a field: what it is, and sentences that begin with Default:, Example: and
// Refuses:. Texts as they stand in the file are in back quotes.
func (d docs) describeField(of reflect.Type, f reflect.StructField) field {
	comment := d.comments.CommentMap[of.PkgPath()+"."+of.Name()+"."+f.Name]
	out := field{}
	parts := partStart.FindAllStringSubmatchIndex(comment, -1)
	out.what = comment
	for i, at := range parts {
		if i == 0 {
			out.what = comment[:at[0]]
		}
		end := len(comment)
		if i+1 < len(parts) {
			end = parts[i+1][0]
		}
		switch text := strings.TrimSpace(comment[at[0]:end]); comment[at[2]:at[3]] {
		case "Default":
			out.fallback = text
		case "Example":
			out.example = text
		case "Refuses":
			out.refuses = text
		}
	}
	if out.fallback == "" {
		out.fallback = describeDefault(f)
	}
	return out
}

var partStart = regexp.MustCompile(`(?:^| )(Default|Example|Refuses): `)

// describeDefault returns the default of a field whose comment has none.
func describeDefault(f reflect.StructField) string {
	switch {
	case !strings.Contains(f.Tag.Get("yaml"), ",omitempty"):
		return "Required."
	case f.Type.Kind() == reflect.Bool:
		return "Default: false."
	}
	return "Default: none."
}

// describeKind returns what a field's value is in the file, with a link to the section about it.
func describeKind(f reflect.StructField) string {
	of, many := f.Type, ""
	if of.Kind() == reflect.Pointer {
		of = of.Elem()
	}
	if words := kindWords[of]; words != "" {
		return words
	}
	switch {
	case of.Kind() == reflect.Map && kindWords[of.Elem()] != "":
		return "mapping from names to: " + kindWords[of.Elem()]
	case of.Kind() == reflect.Map:
		of, many = of.Elem(), "mapping from names to "
	}
	for _, s := range listSections() {
		if s.of == of {
			return many + "[" + s.place + "](#" + linkTo(s.place) + ")"
		}
	}
	panic("the page has no section for " + of.String())
}

// kindWords are the types that have no section.
var kindWords = map[reflect.Type]string{
	reflect.TypeFor[string]():                    "text",
	reflect.TypeFor[bool]():                      "true or false",
	reflect.TypeFor[int]():                       "whole number",
	reflect.TypeFor[[]int]():                     "list of whole numbers",
	reflect.TypeFor[[]string]():                  "list of texts",
	reflect.TypeFor[map[string]string]():         "mapping from names to texts",
	reflect.TypeFor[map[string][]string]():       "mapping from names to lists",
	reflect.TypeFor[manifest.Duration]():         "duration",
	reflect.TypeFor[manifest.Mode]():             "word",
	reflect.TypeFor[manifest.Names]():            "text, or list of texts",
	reflect.TypeFor[manifest.Keys]():             "list of names, or mapping from names to texts",
	reflect.TypeFor[manifest.Check]():            "word, /regular expression/, or [call](#sourcesnamecheckkey)",
	reflect.TypeFor[manifest.RepositoryAccess](): "all, private, or list of names",
	reflect.TypeFor[manifest.Originals]():        "true, or list of names",
	reflect.TypeFor[[]manifest.MappingLayer]():   "list of names and mappings",
	reflect.TypeFor[[]manifest.ComputedLayer]():  "list of names and mappings",
	reflect.TypeFor[vendorapi.JSON]():            "mapping",
}

// linkTo returns the anchor that GitHub gives to a heading.
func linkTo(heading string) string {
	return strings.ReplaceAll(strings.ToLower(strings.ReplaceAll(heading, ".", "")), " ", "-")
}

func yamlName(field reflect.StructField) string {
	name, _, _ := strings.Cut(field.Tag.Get("yaml"), ",")
	return strings.TrimPrefix(name, "-")
}
