package envfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/rotary-secrets/rotary/pkg/secret"
)

// Base remembers the variables that rotary wrote into a file the last time, as keyed hashes.
type Base struct {
	Environment string            `json:"environment"`
	Bucket      string            `json:"bucket"` // or "" for the sources of the environment
	Key         []byte            `json:"key"`
	Digests     map[string]string `json:"digests,omitempty"` // of each variable
	Whole       string            `json:"whole,omitempty"`   // of a file that is written as a whole
}

// keyBytes is the length of a Key.
const keyBytes = 32

// IsEmpty reports whether nothing was written yet.
func (b Base) IsEmpty() bool { return len(b.Digests) == 0 && b.Whole == "" }

func (b Base) withoutDigests() Base {
	b.Digests = map[string]string{}
	return b
}

// WithWhole returns b after the whole file was written.
func (b Base) WithWhole(text secret.Value, values map[string]secret.Value) Base {
	b = b.withoutDigests()
	b.Whole = b.digestValue("", text)
	for name, value := range values {
		b.Digests[name] = b.digestValue(name, value)
	}
	return b
}

// IsWhole reports whether text is unchanged since rotary wrote it.
func (b Base) IsWhole(text secret.Value) bool {
	return b.Whole != "" && b.Whole == b.digestValue("", text)
}

// Compare returns what is different from the last time, sorted by name, for a file that is written as a whole.
func (b Base) Compare(values map[string]secret.Value) []Change {
	// A file that has just what the base has: what is then decided is the difference.
	m := Merge{Base: b, Theirs: values}
	var changes []Change
	for _, name := range m.listNames(&File{}) {
		theirs, has := values[name]
		s := sides{theirs: has}
		wrote, known := b.Digests[name]
		s.base, s.mine, s.mineIsBase = known, known, known
		s.mineIsTheirs = known && has && b.digestValue(name, theirs) == wrote
		changes = append(changes, Change{Name: name, Outcome: s.decideOutcome(), Moved: known && has && !s.mineIsTheirs})
	}
	return changes
}

// Bases are the bases of the files of one folder, by name.
type Bases map[string]Base

type basesFile struct {
	Version int   `json:"version"`
	Files   Bases `json:"files"`
}

// ErrBrokenBases is the error for bases that rotary did not write like this.
var ErrBrokenBases = errors.New("it is broken")

// ParseBases reads what Encode wrote. The error is ErrBrokenBases.
func ParseBases(text []byte) (Bases, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	var read basesFile
	if err := decoder.Decode(&read); err != nil || decoder.More() || read.Version != 1 || read.Files == nil {
		return nil, ErrBrokenBases
	}
	for _, base := range read.Files {
		if len(base.Key) != keyBytes || base.Environment == "" {
			return nil, ErrBrokenBases
		}
	}
	return read.Files, nil
}

// Encode returns the text of bases.
func (b Bases) Encode() ([]byte, error) {
	text, err := json.MarshalIndent(basesFile{1, b}, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode what was written: %w", err)
	}
	return append(text, '\n'), nil
}
