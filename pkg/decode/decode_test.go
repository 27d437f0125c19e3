package decode

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// findLayer returns the plainest layer that has a text, and where.
func findLayer(m Limits, text, wanted string) (found *Layer, at int) {
	for l := range m.Layers([]byte(text)) {
		here := bytes.Index(l.Text(), []byte(wanted))
		if here >= 0 && (found == nil || l.Depth < found.Depth) {
			found, at = l, here
		}
	}
	return found, at
}

func TestALayerSaysWhatItsTextWasAndWhereItStood(t *testing.T) {
	const value = "kX7 qwZr/2m\"B9"
	for form, encoded := range map[string]string{
		"as it is":                  value,
		"base64":                    base64.StdEncoding.EncodeToString([]byte(value)),
		"hex":                       strings.ToUpper(hex.EncodeToString([]byte(value))),
		"list of bytes":             "107, 88, 55, 32, 113, 119, 90, 114, 47, 50, 109, 34, 66, 57",
		"escaped":                   `kX7\u0020qwZr\/2m\"B9`,
		"part of a URL":             "kX7%20qwZr%2f2m%22B9",
		"part of a query":           "kX7+qwZr%2F2m%22B9",
		"escaped, in part of a URL": `kX7%20qwZr%5C%2F2m%5C%22B9`,
		"part of a URL, in base64":  base64.RawURLEncoding.EncodeToString([]byte("kX7%20qwZr%2F2m%22B9")),
		"base64, in base64":         base64.StdEncoding.EncodeToString([]byte(base64.StdEncoding.EncodeToString([]byte(value)))),
		"escaped, in escaped":       `kX7\\u0020qwZr\\/2m\\\"B9`,
	} {
		const before = "before ("
		l, at := findLayer(Limits{Least: 8, Around: 96}, before+encoded+") behind", value)
		if l == nil || l.Form != form {
			t.Errorf("%s: found as %v", form, l)
			continue
		}
		if origin := l.OriginOf(at); origin != len(before) {
			t.Errorf("%s: it comes from %d, want %d", form, origin, len(before))
		}
	}
}

func TestAroundIsHowMuchIsKeptBesideAnEscape(t *testing.T) {
	far := strings.Repeat("x", 200)
	if l, _ := findLayer(Limits{Least: 8}, far+`\n`+far, far+"\n"+far); l == nil {
		t.Error("without a limit something is missing")
	}
	if l, _ := findLayer(Limits{Least: 8, Around: 96}, far+`\n`+far, far+"\n"); l != nil {
		t.Error("more than the limit is there")
	}
	if l, _ := findLayer(Limits{Least: 8, Around: 96}, far+`\n`+far, far[:96]+"\n"+far[:96]); l == nil {
		t.Error("less than the limit is there")
	}
}

func TestLeastLeavesOutWhatIsShorter(t *testing.T) {
	text := base64.RawStdEncoding.EncodeToString([]byte("1234567"))
	if l, _ := findLayer(Limits{Least: 7}, text, "1234567"); l == nil {
		t.Error("what is long enough is left out")
	}
	if l, _ := findLayer(Limits{Least: 8}, text, "1234567"); l != nil {
		t.Error("what is too short is there")
	}
}

func TestAVisitEndsWhereItsCallerEnds(t *testing.T) {
	text := []byte(strings.Repeat(`YWJj%41\n+`, 9))
	all := slices.Collect(Limits{Least: 1}.Layers(text))
	for most := range all {
		seen := 0
		for range (Limits{Least: 1}).Layers(text) {
			if seen++; seen > most {
				break
			}
		}
		if seen != most+1 {
			t.Errorf("%d layers were visited, want %d", seen, most+1)
		}
	}
}

// TestLayersGrowWithTheTextOnly bounds what any text costs.
func TestLayersGrowWithTheTextOnly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.SliceOfN(rapid.SampledFrom([]byte(`YWJj%41\n+2b 0x,/"{}`)), 0, 300).Draw(t, "text")
		total := 0
		for l := range (Limits{Least: 1}).Layers(text) {
			total += len(l.Text())
			if len(text) > 0 {
				if at := l.OriginOf(len(l.Text()) - 1); at < 0 || at >= len(text) {
					t.Fatalf("a byte comes from %d", at)
				}
			}
		}
		if total > 100*(len(text)+1) {
			t.Fatalf("%d bytes become %d", len(text), total)
		}
	})
}
