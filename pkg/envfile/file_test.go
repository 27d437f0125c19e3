package envfile_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/rotary-secrets/rotary/internal/contract/readers"
	"github.com/rotary-secrets/rotary/pkg/envfile"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// TestWhatPeopleWrite reads random lines, as people could have written them, with the genuine readers: where Parse
// returns a value and does not say that something is expanded in it, that is the value.
func TestWhatPeopleWrite(t *testing.T) {
	seed := newSeed(t)
	for _, reader := range envfile.Readers() {
		t.Run("for "+reader.String(), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1))
			var text strings.Builder
			for i := range *count {
				name := fmt.Sprintf("NAME_%d", i)
				line := name + "=" + randomLine(random) + "\n"
				file, err := envfile.Parse(reader, secret.New(line))
				if err != nil {
					continue
				}
				if _, literal := file.Value(name); literal { // some fail for the whole file where an expansion is none
					text.WriteString(line)
				}
			}
			file, err := envfile.Parse(reader, secret.New(text.String()))
			if err != nil {
				t.Fatal(err)
			}
			if got := secret.Reveal(file.Text()); got != text.String() {
				t.Error("the text of the file is not what was parsed")
			}
			want := map[string]string{}
			for _, name := range file.Names() {
				if value, literal := file.Value(name); literal && strings.HasPrefix(name, "NAME_") {
					want[name] = secret.Reveal(value)
				}
			}
			if len(want) < *count/10 {
				t.Errorf("only %d of %d lines are read", len(want), *count)
			}
			got, err := readers.Read(t, string(reader), text.String())
			if err != nil {
				t.Fatal(err)
			}
			bad := 0
			for name, value := range want {
				if read, is := got[name]; !is || read != value {
					if bad++; bad < 12 {
						t.Errorf("%s is read as %q (%v) and not as %q: %s", name, read, is, value, lineOf(text.String(), name))
					}
				}
			}
		})
	}
}

func lineOf(text, name string) string {
	_, after, _ := strings.Cut(text, name+"=")
	before, _, _ := strings.Cut(after, "\nNAME_")
	return before
}

// randomLine returns what may stand after NAME=.
func randomLine(random *rand.Rand) string {
	quote := []string{"", "", "'", `"`, "`"}[random.IntN(5)]
	inner := strings.NewReplacer("\r", "", quote, "", "\u0085", "", "\u00a0", "", "\u2028", "").Replace(randomValue(random))
	if quote == "" {
		inner = strings.ReplaceAll(inner, "\n", "")
	}
	comment := []string{"", "", " # mine", " ", "#x"}[random.IntN(5)]
	return []string{"", "", " "}[random.IntN(3)] + quote + inner + quote + comment
}
