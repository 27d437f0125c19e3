package random_test

import (
	"math"
	"strings"
	"testing"

	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/rotate/random"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

var alphabets = map[string]manifest.RotateRandom{
	"base64url":          {Length: 4096},
	"hex":                {Length: 4096, Alphabet: "hex"},
	"alphanumeric":       {Length: 4096, Alphabet: "alphanumeric"},
	"ten":                {Length: 4096, Alphabet: "0123456789"},
	"all that can print": {Length: 4096, Alphabet: printableASCII()},
}

func printableASCII() string {
	var b strings.Builder
	for c := byte('!'); c <= '~'; c++ {
		b.WriteByte(c)
	}
	return b.String()
}

func TestAValueHasAsManyCharactersOfItsAlphabetAsTheManifestSays(t *testing.T) {
	for name, r := range map[string]manifest.RotateRandom{
		"length":        {Length: 40},
		"hex":           {Alphabet: "hex"},
		"hex, length":   {Alphabet: "hex", Length: 33},
		"alphanumeric":  {Alphabet: "alphanumeric", Bytes: 20},
		"own":           {Alphabet: "0123456789!#", Length: 50},
		"own and bytes": {Alphabet: "0123456789", Bytes: 16},
	} {
		alphabet, length := r.Characters()
		rotator, seen := random.New(sourceOf(manifest.Rotate{Random: &r}, "K")), map[string]bool{}
		for range 20 {
			text := secret.Reveal(mustCreate(t, rotator, rotate.Start{})["K"])
			if len(text) != length || strings.Trim(text, alphabet) != "" || seen[text] {
				t.Fatalf("%s: a value of %d characters, want another of %d of the alphabet", name, len(text), length)
			}
			seen[text] = true
		}
	}
}

// TestEveryCharacterIsAsLikelyAsAnyOther draws 2^17 characters of each alphabet and compares how often each comes with
// how often it should, by Pearson's chi-squared; and likewise what follows what, in the small ones. Where all are as
// likely, the sum passes the limit once in a billion draws, so all of them fail once in a hundred million runs. To take
// a byte modulo the alphabet's size instead gives a sum of 7,000 and more.
func TestEveryCharacterIsAsLikelyAsAnyOther(t *testing.T) {
	const draws = 32
	for name, r := range alphabets {
		alphabet, length := r.Characters()
		rotator, n := random.New(sourceOf(manifest.Rotate{Random: &r}, "K")), len(alphabet)
		single, double := make([]int, n), make([]int, n*n)
		for range draws {
			text := secret.Reveal(mustCreate(t, rotator, rotate.Start{})["K"])
			for i := range text {
				at := strings.IndexByte(alphabet, text[i])
				single[at]++
				if i%2 == 1 {
					double[strings.IndexByte(alphabet, text[i-1])*n+at]++
				}
			}
		}
		if sum, limit := chiSquared(single, draws*length); sum > limit {
			t.Errorf("%s: the sum is %.0f, over %.0f", name, sum, limit)
		}
		if sum, limit := chiSquared(double, draws*length/2); sum > limit {
			t.Errorf("%s: the sum of what follows what is %.0f, over %.0f", name, sum, limit)
		}
	}
}

// chiSquared returns Pearson's sum over counts that should all be the same, and the limit that it passes once in a
// billion: the quantile of chi-squared by Wilson and Hilferty (1931), six standard deviations out.
func chiSquared(counts []int, total int) (sum, limit float64) {
	const deviations = 6
	want, free := float64(total)/float64(len(counts)), float64(len(counts)-1)
	for _, n := range counts {
		sum += (float64(n) - want) * (float64(n) - want) / want
	}
	return sum, free * math.Pow(1-2/(9*free)+deviations*math.Sqrt(2/(9*free)), 3)
}

// TestTheTestOfLikelihoodNoticesABias tests the counts that a byte modulo 62 would give.
func TestTheTestOfLikelihoodNoticesABias(t *testing.T) {
	counts := make([]int, 62)
	for b := range 256 {
		counts[b%len(counts)] += 512
	}
	if sum, limit := chiSquared(counts, 256*512); sum < 3*limit {
		t.Errorf("the sum is %.0f, and the limit %.0f", sum, limit)
	}
}
