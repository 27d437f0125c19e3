package manifest_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/rotate/httpapi/vendorapi"
)

// writeVendorManifest returns a manifest with one source that uses a vendor's description: a key for every name, a text
// for every setting that has no default.
func writeVendorManifest(name string, v vendorapi.Vendor) string {
	var keys, given, settings []string
	for i, key := range v.Keys {
		keys = append(keys, fmt.Sprintf("K%d", i))
		given = append(given, fmt.Sprintf("%s: K%d", key, i))
	}
	for _, setting := range slices.Sorted(maps.Keys(v.Settings)) {
		if v.Settings[setting] == nil {
			settings = append(settings, setting+": example")
		}
	}
	admin := ""
	if v.Admin != "" {
		admin = "admin: owner, "
	}
	return fmt.Sprintf(`
environments: {dev: {account: "111111111111", region: us-east-1}}
sources:
  owner: {keys: [OWNER]}
  x: {keys: [%s, NOTE], rotate: {http: {vendor: %s, %skeys_for: {%s}, settings: {%s}}, every: 30d}}
buckets: {all: {originals: true}}
`, strings.Join(keys, ", "), name, admin, strings.Join(given, ", "), strings.Join(settings, ", "))
}

func parseVendorSource(t *testing.T, text string) manifest.Source {
	t.Helper()
	file, err := manifest.Parse("rotary.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	env, err := file.Environment("dev")
	if err != nil {
		t.Fatal(err)
	}
	source, _ := env.Source("x")
	return source
}

func TestEveryReadyMadeDescriptionCanBeUsed(t *testing.T) {
	vendors := manifest.Vendors()
	if len(vendors) < 6 {
		t.Fatalf("%d descriptions", len(vendors))
	}
	for name, v := range vendors {
		source := parseVendorSource(t, writeVendorManifest(name, v))
		if source.Rotate.HTTP == nil || source.Rotate.HTTP.Calls.Create.Method == "" {
			t.Errorf("%s: the source has no calls", name)
		}
		if v.About == "" || v.Rights == "" || len(v.Links) == 0 {
			t.Errorf("%s does not say what it rotates, which rights that takes, and where this is written", name)
		}
		for _, key := range source.Writes() {
			if key == "NOTE" || !source.Declares(key) {
				t.Errorf("%s writes %s", name, key)
			}
		}
		if len(source.Writes()) == 0 {
			t.Errorf("%s writes nothing", name)
		}
	}
}

// TestWhatADescriptionLacksIsReported leaves out one thing after the other.
func TestWhatADescriptionLacksIsReported(t *testing.T) {
	for name, v := range manifest.Vendors() {
		whole := writeVendorManifest(name, v)
		for _, part := range []string{", every: 30d", "admin: owner, ", "keys_for: {token: K0, id: K1}, ",
			"settings: {group: example}"} {
			without := strings.Replace(whole, part, "", 1)
			if without == whole {
				continue
			}
			_, err := manifest.Parse("rotary.yaml", []byte(without))
			if accepted := err == nil; accepted != strings.Contains(part, "every") {
				t.Errorf("%s without %q: accepted: %v", name, part, accepted)
			}
		}
	}
}

func TestASourceSaysWhetherRotatingItKillsTheOldCredential(t *testing.T) {
	for name, want := range map[string]struct {
		atOnce  bool
		overlap string
	}{
		"gitlab-self-rotating-token": {true, "0s"}, "rolled-key": {false, "1d"}, "vercel-token": {false, "0s"},
	} {
		text := writeVendorManifest(name, manifest.Vendors()[name])
		file, err := manifest.Parse("rotary.yaml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		for _, source := range []manifest.Source{parseVendorSource(t, text), file.Sources["x"]} {
			if source.AtOnce() != want.atOnce || source.Overlap().String() != want.overlap {
				t.Errorf("%s: at once %v, overlap %v; want %v", name, source.AtOnce(), source.Overlap(), want)
			}
		}
	}
	if (manifest.Source{Rotate: manifest.Rotate{Random: &manifest.RotateRandom{}}}).AtOnce() {
		t.Error("a random source dies at once")
	}
}

const ownDescription = `
environments: {dev: {account: "111111111111", region: us-east-1, vars: {host: api-dev.example.com, level: reader}}}
sources:
  x:
    keys: [TOKEN]
    rotate:
      http:
       calls:
        overlap: none
        create: {url: "https://${host}/tokens", json: {name: "${env} {{marker}}", roles: ["${level}", 5, null, true, {}]}, set: {TOKEN: $.token}}
        test: {url: "https://${host}/self", headers: {Authorization: "Bearer {{TOKEN}}"}, refused: [401, 403]}
buckets: {all: {originals: true}}
`

func TestADescriptionIsExpandedForItsEnvironment(t *testing.T) {
	source := parseVendorSource(t, ownDescription)
	create := source.Rotate.HTTP.Calls.Create
	if create.URL != "https://api-dev.example.com/tokens" || create.JSON["name"] != "dev {{marker}}" ||
		fmt.Sprint(create.JSON["roles"]) != "[reader 5 <nil> true map[]]" {
		t.Errorf("create is %s %v", create.URL, create.JSON)
	}
}
