package manifest_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/pkg/manifest"
)

func TestARandomValueHasTheEntropyThatTheManifestSays(t *testing.T) {
	for name, c := range map[string]struct {
		rotate manifest.RotateRandom
		count  int // of different characters
		length int
	}{
		"nothing said":        {manifest.RotateRandom{}, 64, 43},
		"bytes":               {manifest.RotateRandom{Bytes: 16}, 64, 22},
		"base64url":           {manifest.RotateRandom{Alphabet: "base64url", Bytes: 1024}, 64, 1366},
		"hex":                 {manifest.RotateRandom{Alphabet: "hex"}, 16, 64},
		"alphanumeric":        {manifest.RotateRandom{Alphabet: "alphanumeric"}, 62, 43},
		"its own characters":  {manifest.RotateRandom{Alphabet: "0123456789", Bytes: 16}, 10, 39},
		"length":              {manifest.RotateRandom{Length: 40}, 64, 40},
		"length of an own":    {manifest.RotateRandom{Length: 40, Alphabet: "0123456789"}, 10, 40},
		"length goes first":   {manifest.RotateRandom{Length: 40, Bytes: 32, Alphabet: "hex"}, 16, 40},
		"what checks refuse":  {manifest.RotateRandom{Alphabet: "x", Bytes: 1}, 1, 8},
		"what checks refuse2": {manifest.RotateRandom{Alphabet: "xy", Bytes: 1}, 2, 8},
	} {
		alphabet, length := c.rotate.Characters()
		different := map[rune]bool{}
		for _, r := range alphabet {
			different[r] = true
		}
		if len(different) != c.count || length != c.length {
			t.Errorf("%s: %d characters of %d, want %d of %d", name, length, len(different), c.length, c.count)
		}
	}
}

// TestTheLongestRandomValueFitsEverySink checks one value; checkRandom and bucket.Compute check how many fit.
func TestTheLongestRandomValueFitsEverySink(t *testing.T) {
	const longest = `
environments: {dev: {account: "111111111111", region: us-east-1}}
sources: {long: {keys: [K], rotate: {random: {length: 4096}}}}
buckets: {api: {originals: [K]}}`
	file, err := manifest.Parse("x", []byte(longest))
	if err != nil {
		t.Fatal(err)
	}
	_, length := file.Sources["long"].Random().Characters()
	for _, kind := range []string{manifest.SecretsManager, "ecs", "ecs_family", "github", "vercel", "reader"} {
		for _, refused := range manifest.Limits(kind).RefusesSizes(map[string]int{"K": length}) {
			t.Error(refused)
		}
	}
}

func TestARandomSourceKnowsThePartsOfItsKeys(t *testing.T) {
	keys := []string{"A", "K", "N", "P"}
	for name, c := range map[string]struct {
		rotate               manifest.Rotate
		fresh, writes, known []string
	}{
		"several values": {manifest.RotateWith(manifest.Random), keys, keys, nil},
		"one of them":    {manifest.Rotate{Random: &manifest.RotateRandom{Key: "K"}}, []string{"K"}, []string{"K"}, nil},
		"symmetric":      {manifest.Rotate{Random: &manifest.RotateRandom{Key: "K", Also: "A"}}, []string{"K"}, []string{"A", "K"}, nil},
		"a pair": {manifest.Rotate{Random: &manifest.RotateRandom{Pair: "ed25519", Key: "K", Public: "P"}}, []string{"K"},
			[]string{"K", "P"}, []string{"P"}},
		"a pair in versions": {manifest.Rotate{Random: &manifest.RotateRandom{Pair: "ed25519", Public: "P", Also: "A", Next: "N"}}, []string{"K"}, keys,
			[]string{"P", "A"}},
	} {
		s := manifest.Source{Keys: manifest.KeysOf(keys...), Rotate: c.rotate}
		if diff := cmp.Diff([][]string{c.fresh, c.writes, c.known},
			[][]string{s.Fresh(), s.Writes(), s.Known()}); diff != "" {
			t.Errorf("%s: fresh, written, known (-want +got):\n%s", name, diff)
		}
	}
	if s := (manifest.Source{Rotate: manifest.Rotate{}}); s.Known() != nil {
		t.Error("a source that a person rotates has a key pair")
	}
}
