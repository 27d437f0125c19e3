package bucket_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// drawnText is a JSON text in pieces: those of scalars that a source may declare, and what lies between them.
type drawnText struct {
	pieces []string
	leaves []drawnLeaf
	around []manifest.Pointer // the objects, each as it stands once
}

// drawnLeaf is a scalar: where it stands, what it means, and which piece it is.
type drawnLeaf struct {
	place manifest.Pointer
	value string
	piece int
}

func (d *drawnText) add(pieces ...string) { d.pieces = append(d.pieces, pieces...) }

// render returns the text with other scalars in some pieces.
func (d *drawnText) render(other map[int]string) string {
	var out strings.Builder
	for i, piece := range d.pieces {
		if replaced, is := other[i]; is {
			piece = replaced
		}
		out.WriteString(piece)
	}
	return out.String()
}

func drawSpace(t *rapid.T) string { return rapid.StringMatching(`[ \t\r\n]{0,2}`).Draw(t, "space") }

// spellText draws a JSON text that means text: some characters as \u escapes, others as they are.
func spellText(t *rapid.T, text string) string {
	var out strings.Builder
	for _, c := range text {
		plain, _ := json.Marshal(string(c))
		if rapid.IntRange(0, 3).Draw(t, "escape") == 0 && c < 0x10000 {
			plain = fmt.Appendf(nil, `"\u%04x"`, c)
		}
		out.Write(plain[1 : len(plain)-1])
	}
	return `"` + out.String() + `"`
}

func drawValue(t *rapid.T) string {
	return strings.ReplaceAll(rapid.StringMatching(`[ -~\n\té"\\/<>&]{0,6}`).Draw(t, "value"), "\x00", "")
}

var (
	storedNames = []string{"username", "password", "a/b", "~1", "spring.datasource.password", "é", "", "x y", "0", "db"}
	numbers     = []string{"5432", "1e5", "-0", "1.0", "-0.0", "1E+5", "12345678901234567890123", "0.10"}
)

// drawObject adds an object at a place.
func (d *drawnText) drawObject(t *rapid.T, place manifest.Pointer) {
	d.around = append(d.around, place)
	d.add("{" + drawSpace(t))
	names := rapid.SliceOfNDistinct(rapid.SampledFrom(storedNames), 0, 5, rapid.ID).Draw(t, "names")
	for i, name := range names {
		if i > 0 {
			d.add("," + drawSpace(t))
		}
		d.add(spellText(t, name) + drawSpace(t) + ":" + drawSpace(t))
		d.drawMember(t, append(slices.Clone(place), name))
		d.add(drawSpace(t))
	}
	d.add("}")
}

func (d *drawnText) drawMember(t *rapid.T, place manifest.Pointer) {
	token, value := "", ""
	switch kind := rapid.IntRange(0, 9).Draw(t, "kind"); {
	case kind == 0 && len(place) < 4, kind == 1 && len(place) < 3:
		d.drawObject(t, place)
		return
	case kind == 2:
		d.add(rapid.SampledFrom([]string{"null", `[1, {"a":"}"}]`, `[ ]`, `{"deep":[{}]}`}).Draw(t, "odd"))
		return
	case kind == 3:
		token = rapid.SampledFrom([]string{"true", "false"}).Draw(t, "bool")
		value = token
	case kind < 6:
		token = rapid.SampledFrom(numbers).Draw(t, "number")
		value = token
	default:
		value = drawValue(t)
		token = spellText(t, value)
	}
	d.leaves = append(d.leaves, drawnLeaf{place: place, value: value, piece: len(d.pieces)})
	d.add(token)
}

// storedWorld is a text, and a source that declares some of its scalars.
type storedWorld struct {
	text   drawnText
	source manifest.Source
	leaves map[string]drawnLeaf // by canonical name
}

func drawStored(t *rapid.T) storedWorld {
	w := storedWorld{leaves: map[string]drawnLeaf{}}
	w.text.add(drawSpace(t))
	w.text.drawObject(t, nil)
	w.text.add(drawSpace(t))
	stored := map[string]string{}
	for i, leaf := range w.text.leaves {
		if rapid.Bool().Draw(t, "declared") {
			key := fmt.Sprintf("K%d", i)
			stored[key], w.leaves[key] = storedNameOf(t, leaf.place), leaf
		}
	}
	w.source = storedAs(stored)
	return w
}

// storedNameOf returns a place as a manifest may have it.
func storedNameOf(t *rapid.T, place manifest.Pointer) string {
	if len(place) == 1 && place[0] != "" && !strings.HasPrefix(place[0], "/") && rapid.Bool().Draw(t, "by name") {
		return place[0]
	}
	return place.String()
}

func (w storedWorld) base() secret.Value { return secret.New(w.text.render(nil)) }

// read reads the text, and holds it to what was drawn.
func (w storedWorld) read(t *rapid.T) (bucket.Source, int) {
	values, undeclared, err := bucket.ReadSource(w.source, w.base())
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{}
	for key, leaf := range w.leaves {
		want[key] = leaf.value
	}
	if diff := cmp.Diff(want, texts(values)); diff != "" {
		t.Fatalf("read (-drawn +got):\n%s", diff)
	}
	if others := w.listUndeclared(t, w.base()); len(others) != undeclared {
		t.Fatalf("%d undeclared keys, want %d", undeclared, len(others))
	}
	return values, undeclared
}

func (w storedWorld) write(t *rapid.T, base secret.Value, values bucket.Source) secret.Value {
	written, err := bucket.WriteSource(w.source, base, values)
	if err != nil {
		t.Fatal(err)
	}
	again, _, err := bucket.ReadSource(w.source, written)
	if err != nil || !cmp.Equal(again, values) {
		t.Fatalf("what was written is not read again: %v", err)
	}
	return written
}

// listUndeclared returns what the source does not declare, with the place and the bytes of each, in order. It reads
// with encoding/json.
func (w storedWorld) listUndeclared(t *rapid.T, text secret.Value) []string {
	declared, around := map[string]bool{}, map[string]bool{}
	for _, key := range w.source.KeyNames() {
		place, _ := manifest.ParsePointer(w.source.StoredName(key))
		declared[place.String()] = true
		for i := range place {
			around[place[:i].String()] = true
		}
	}
	var list []string
	var walk func(place string, raw []byte)
	walk = func(place string, raw []byte) {
		d := json.NewDecoder(bytes.NewReader(raw))
		_, _ = d.Token()
		for d.More() {
			name, _ := d.Token()
			var value json.RawMessage
			if err := d.Decode(&value); err != nil {
				t.Fatal(err)
			}
			at := place + manifest.Pointer{name.(string)}.String()
			switch {
			case declared[at]:
			case around[at]:
				walk(at, value)
			default:
				list = append(list, at+" "+string(value))
			}
		}
	}
	walk("", []byte(secret.Reveal(text)))
	return list
}

// TestAChangedValueChangesNothingElse: the text with the pieces of the changed values replaced, byte for byte.
func TestAChangedValueChangesNothingElse(t *testing.T) {
	changed := 0
	rapid.Check(t, func(t *rapid.T) {
		w := drawStored(t)
		values, _ := w.read(t)
		other := map[int]string{}
		for _, key := range slices.Sorted(maps.Keys(values)) {
			if value := drawValue(t); rapid.Bool().Draw(t, "changed") && value != w.leaves[key].value {
				values[key] = secret.New(value)
				token := secret.Reveal(bucket.Encode(bucket.Source{"": secret.New(value)}))
				other[w.leaves[key].piece] = token[len(`{"":`) : len(token)-1]
			}
		}
		changed += len(other)
		if diff := cmp.Diff(w.text.render(other), secret.Reveal(w.write(t, w.base(), values))); diff != "" {
			t.Fatalf("written (-want +got):\n%s", diff)
		}
	})
	if changed == 0 {
		t.Errorf("only %d values were changed", changed)
	}
}

// TestKeysComeAndGo: whatever else there is stays in its order and spelling, and keys that came and go again leave the
// text that was there.
func TestKeysComeAndGo(t *testing.T) {
	came, went := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		w := drawStored(t)
		w.declareAbsent(t)
		before, undeclared := w.read(t)
		others := w.listUndeclared(t, w.base())
		more := maps.Clone(before)
		for _, key := range w.source.KeyNames() {
			if _, held := before[key]; !held && rapid.Bool().Draw(t, "comes") {
				more[key] = secret.New(drawValue(t))
				came++
			}
		}
		written := w.write(t, w.base(), more)
		if diff := cmp.Diff(secret.Reveal(w.base()), secret.Reveal(w.write(t, written, before))); diff != "" {
			t.Fatalf("come and gone (-before +after):\n%s", diff)
		}
		fewer := maps.Clone(more)
		for _, key := range slices.Sorted(maps.Keys(before)) {
			if rapid.Bool().Draw(t, "goes") {
				delete(fewer, key)
				went++
			}
		}
		written = w.write(t, written, fewer)
		_, left, _ := bucket.ReadSource(w.source, written)
		if diff := cmp.Diff(others, w.listUndeclared(t, written)); diff != "" || left != undeclared {
			t.Fatalf("undeclared keys, %d of %d (-before +after):\n%s", left, undeclared, diff)
		}
	})
	if came == 0 || went == 0 {
		t.Errorf("only %d keys came, and %d went", came, went)
	}
}

// declareAbsent declares keys that the text does not hold, in objects that it has.
func (w *storedWorld) declareAbsent(t *rapid.T) {
	for i, around := range w.text.around {
		place := append(slices.Clone(around), "new name/~")
		if rapid.Bool().Draw(t, "absent") {
			key := fmt.Sprintf("A%d", i)
			w.source.Keys.Names = append(w.source.Keys.Names, key)
			w.source.Keys.Stored[key] = place.String()
		}
	}
}

// FuzzStoredSource: reading and writing never panic, no error quotes the text, and what is written is read again, with as
// many undeclared keys.
func FuzzStoredSource(f *testing.F) {
	for _, text := range append(sourceSamples, rds, `{"db":{"A":1},"db":{}}`, `{"A":{"":1},"B":[{}]}`, `{"\ud800":1}`) {
		f.Add(text, "A", "/db/A", "x")
		f.Add(text, "/A/", "password", canary)
	}
	f.Fuzz(func(t *testing.T, text, first, second, value string) {
		file := fmt.Sprintf(`{"environments": {"dev": {"account": "111111111111", "region": "us-east-1"}}, "buckets": {},
			"sources": {"s": {"keys": {"ONE": %s, "TWO": %s}}}}`, jsonText(first), jsonText(second))
		parsed, err := manifest.Parse("drawn", []byte(file))
		if err != nil {
			return
		}
		env, err := parsed.Environment("dev")
		if err != nil {
			t.Fatal(err)
		}
		source := env.Sources[0]
		values, undeclared, err := bucket.ReadSource(source, secret.New(text))
		if err != nil {
			quotesNothing(t, text, err)
			if _, err := bucket.WriteSource(source, secret.New(text), nil); text != "" && err == nil {
				t.Fatal("written over what cannot be read")
			}
			return
		}
		values["TWO"] = secret.New(value)
		delete(values, "ONE")
		written, err := bucket.WriteSource(source, secret.New(text), values)
		if err != nil {
			quotesNothing(t, text+value, err)
			return
		}
		again, left, err := bucket.ReadSource(source, written)
		if err != nil || !cmp.Equal(again, values) || left != undeclared {
			t.Fatalf("what was written is not read again, or %d undeclared keys of %d: %v", left, undeclared, err)
		}
	})
}

func jsonText(text string) []byte {
	out, _ := json.Marshal(text)
	return out
}
