package schema

import (
	"cmp"
	"encoding/json"
	"flag"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	gocmp "github.com/google/go-cmp/cmp"
	"github.com/invopop/jsonschema"

	"github.com/rotary-secrets/rotary/pkg/manifest"
)

const page = "../../docs/manifest.md"

// TestDocsAreCurrent fails when the comments changed and docs/manifest.md did not.
func TestDocsAreCurrent(t *testing.T) {
	made, err := Docs("../../pkg/manifest")
	if err != nil {
		t.Fatal(err)
	}
	if flag.Lookup("update").Value.String() == "true" {
		if err := os.WriteFile(page, made, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, _ := os.ReadFile(page)
	if diff := gocmp.Diff(string(have), string(made)); diff != "" {
		t.Errorf("docs/manifest.md is not current; run: go test ./internal/schema -run Docs -update\n%s", diff)
	}
}

// places has the place in testdata/everything.yaml of types and fields for which the first one is not the right one.
var places = map[string]string{
	"sources.NAME":                        "sources.private",
	"sources.NAME.rotate":                 "sources.session.rotate",
	"sources.NAME.rotate.postgres":        "sources.app-db.rotate.postgres",
	"sources.NAME.rotate.postgres.fields": "sources.users-db.rotate.mysql.fields",
	"Rotate.postgres":                     "sources.app-db.rotate",
	"Rotate.mysql":                        "sources.app-db.rotate",
	"Rotate.aws-access-key":               "sources.storage.rotate",
	"Rotate.http":                         "sources.partner.rotate",
	"Rotate.managed":                      "sources.master.rotate",
	"Rotate.never":                        "sources.encryption.rotate",
	"Database.fields":                     "sources.users-db.rotate.mysql",
	"Consumer.source":                     "consumers.laptops",
	"Consumer.ecs_family":                 "consumers.nightly",
	"Consumer.github":                     "consumers.ci",
	"Consumer.vercel":                     "consumers.dashboard",
	"Consumer.reader":                     "consumers.laptops",
}

const (
	oneBucket = "{sign_in: null, public: null, mappings: null, computed: null, buckets: {api-secrets: null, web: null, b: {originals: true}}, consumers: null, " +
		"environments: {dev: {infra: {reference_services: null}}}}"
	stripe = "{sources: {private: {keys: [STRIPE_SECRET_KEY, STRIPE_REGION]}}}"
	vendor = "{sources: {partner: {rotate: {http: {calls: null, admin: null, vendor: vercel-token, " +
		"keys_for: {token: PARTNER_TOKEN, id: PARTNER_TOKEN_ID}}}}}}"
	pair = "{sources: {session: {keys: [SESSION_KEY, SESSION_KEY_ALSO, SESSION_PUBLIC, SESSION_NEXT], rotate: {random: " +
		"{pair: rsa-2048, key: SESSION_KEY, public: SESSION_PUBLIC, also: SESSION_KEY_ALSO, next: SESSION_NEXT}}}}}"
)

// around holds, by field, other settings that the field's example needs: they are merged into the manifest while the
// example is tried, and null removes a setting.
var around = map[string]string{
	"File.environments":        "{consumers: null}",
	"File.sources":             oneBucket,
	"File.mappings":            oneBucket,
	"File.buckets":             oneBucket,
	"Alarms.topic":             "{environments: {dev: {infra: {alarms: {email: null}}}}}",
	"Source.text":              "{sources: {private: {keys: null}}}",
	"Source.config":            stripe,
	"Source.check":             stripe,
	"Source.rotate":            stripe,
	"CheckCall.header":         "{sources: {vendors: {check: {VENDOR_A_API_KEY: {bearer: null}}}}}",
	"Rotate.mysql":             "{sources: {app-db: {rotate: {postgres: null}}}}",
	"RotateRandom.pair":        pair,
	"RotateRandom.public":      pair,
	"RotateRandom.next":        pair,
	"RotateHTTP.vendor":        vendor,
	"RotateHTTP.keys_for":      vendor,
	"RotateHTTP.settings":      vendor,
	"API.overlap":              "{sources: {partner: {rotate: {http: {calls: {revoke: null, find: null}}}}}}",
	"Create.repeatable":        "{sources: {partner: {rotate: {http: {calls: {find: null}}}}}}",
	"Call.form":                "{sources: {partner: {rotate: {http: {calls: {create: {json: null}}}}}}}",
	"Bucket.override":          "{buckets: {api-secrets: {computed: [{VENDOR_A_REGION: eu}]}}}",
	"Consumer.source":          "{consumers: {laptops: {bucket: null}}}",
	"Task.variable":            "{consumers: {api: {ecs: {inject: bundle}}}}",
	"Consumer.github":          "{consumers: {ci: {in: [dev]}}}",
	"GitHub.environment":       "{consumers: {ci: {in: [dev]}}}",
	"GitHub.organization":      "{consumers: {ci: {in: [dev], github: {repository: null, environment: null, repositories: all}}}}",
	"GitHub.repositories":      "{consumers: {ci: {in: [dev], github: {repository: null, environment: null, organization: example}}}}",
	"GitHub.dependabot":        "{consumers: {ci: {in: [dev], github: {environment: null}}}}",
	"GitHubSignIn.app_id":      "{sign_in: {github: {token: null, private_key: GH_APP_PRIVATE_KEY}}}",
	"GitHubSignIn.private_key": "{sign_in: {github: {token: null, app_id: GH_APP_ID}}}",
}

// TestEveryFieldHasAnExample puts each example of a comment into a manifest, which has to be valid, and each text that
// it refuses, which has not.
func TestEveryFieldHasAnExample(t *testing.T) {
	d := docs{seen: map[reflect.Type]string{}}
	if err := addAllComments(&d.comments, "../../pkg/manifest"); err != nil {
		t.Fatal(err)
	}
	tried := map[string]bool{}
	for _, s := range listSections() {
		tryFields(t, d, s.of, s.place, tried)
	}
	for name := range around {
		if !tried[name] {
			t.Errorf("around: there is no field %s", name)
		}
	}
}

func tryFields(t *testing.T, d docs, of reflect.Type, place string, tried map[string]bool) {
	if of.Kind() != reflect.Struct {
		return
	}
	for i := range of.NumField() {
		field := of.Field(i)
		if field.Anonymous {
			tryFields(t, d, field.Type, place, tried)
			continue
		}
		name := of.Name() + "." + yamlName(field)
		if yamlName(field) == "" || tried[name] {
			continue
		}
		tried[name] = true
		t.Run(name, func(t *testing.T) {
			f := d.describeField(of, field)
			kind := field.Type.Kind()
			if f.what == "" || f.refuses == "" || f.example == "" && kind != reflect.Struct && kind != reflect.Pointer {
				t.Fatalf("its comment has no description, no example or nothing that it refuses: %+v", f)
			}
			for _, text := range listQuoted(f.example) {
				if err := parseWith(t, name, place, yamlName(field), text); err != nil {
					t.Errorf("example %s: %v", text, err)
				}
			}
			refused := listQuoted(f.refuses)
			if len(refused) == 0 {
				t.Error("nothing that it refuses is in back quotes")
			}
			for _, text := range refused {
				if parseWith(t, name, place, yamlName(field), text) == nil {
					t.Errorf("it does not refuse %s", text)
				}
			}
		})
	}
}

var quoted = regexp.MustCompile("`([^`]+)`")

func listQuoted(comment string) (texts []string) {
	for _, m := range quoted.FindAllStringSubmatch(comment, -1) {
		texts = append(texts, m[1])
	}
	return texts
}

// parseWith parses testdata/everything.yaml with a text as the value of a field, and what is around it.
func parseWith(t *testing.T, name, place, field, text string) error {
	t.Helper()
	data, err := os.ReadFile("testdata/everything.yaml")
	if err != nil {
		t.Fatal(err)
	}
	file := readYAML(t, string(data)).(map[string]any)
	if patch := around[name]; patch != "" {
		merge(file, readYAML(t, patch).(map[string]any))
	}
	at := cmp.Or(places[name], places[place], place)
	target := file
	if at != "the file" {
		target = find(file, strings.Split(at, "."))
	}
	if target == nil {
		t.Fatalf("testdata/everything.yaml has no %s", at)
	}
	target[field] = readYAML(t, text)
	made, err := json.Marshal(file)
	if err != nil {
		t.Fatal(err)
	}
	_, err = manifest.Parse("x", made)
	return err
}

// find returns the first mapping at a path in which NAME and KEY may be anything.
func find(in any, path []string) map[string]any {
	mapping, is := in.(map[string]any)
	if !is || len(path) == 0 {
		return mapping
	}
	if path[0] != "NAME" && path[0] != "KEY" {
		return find(mapping[path[0]], path[1:])
	}
	var names []string
	for name := range mapping {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if found := find(mapping[name], path[1:]); found != nil {
			return found
		}
	}
	return nil
}

func merge(into, patch map[string]any) {
	for name, value := range patch {
		have, is := into[name].(map[string]any)
		with, both := value.(map[string]any)
		switch {
		case value == nil:
			delete(into, name)
		case is && both:
			merge(have, with)
		default:
			into[name] = value
		}
	}
}

func readYAML(t *testing.T, text string) (value any) {
	t.Helper()
	if err := yaml.Unmarshal([]byte(text), &value); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return value
}

// TestCommentsSplit: whatever a comment has, in any order and on several lines.
func TestCommentsSplit(t *testing.T) {
	type T struct {
		A string `yaml:"a,omitempty"`
		B bool   `yaml:"b,omitempty"`
		C string `yaml:"c"`
	}
	of := reflect.TypeFor[T]()
	name := of.PkgPath() + "." + of.Name() + "."
	d := docs{comments: jsonschema.Reflector{CommentMap: map[string]string{
		name + "A": "What it is. Default: none: of that kind. Example: `a`, or `b`. Refuses: `c: d`.",
		name + "B": "Example: `true`.", name + "C": "Only this.",
	}}}
	var got []field
	for i := range of.NumField() {
		got = append(got, d.describeField(of, of.Field(i)))
	}
	want := []field{
		{"What it is.", "Default: none: of that kind.", "Example: `a`, or `b`.", "Refuses: `c: d`."},
		{"", "Default: false.", "Example: `true`.", ""}, {"Only this.", "Required.", "", ""},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%q", got)
	}
}
