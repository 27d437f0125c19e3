package credential_test

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net/url"
	"strings"
	"testing"
	"unicode"

	"pgregory.net/rapid"

	"github.com/rotary-secrets/rotary/pkg/credential"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// encodings are what a value may go through on its way into a text.
var encodings = map[string]func(string) string{
	"raw": func(v string) string { return v }, "path": url.PathEscape, "query": url.QueryEscape,
	"json": func(v string) string { j := jsonText(v); return j[1 : len(j)-1] }, "base64": b64,
	"base64url": func(v string) string { return base64.RawURLEncoding.EncodeToString([]byte(v)) },
	"hex":       func(v string) string { return hex.EncodeToString([]byte(v)) },
	"HEX":       func(v string) string { return strings.ToUpper(hex.EncodeToString([]byte(v))) },
}

func drawEncoding(t *rapid.T, label string) func(string) string {
	names := []string{"raw", "path", "query", "json", "base64", "base64url", "hex", "HEX"}
	return encodings[rapid.SampledFrom(names).Draw(t, label)]
}

var printableASCII = &unicode.RangeTable{R16: []unicode.Range16{{Lo: ' ', Hi: '~', Stride: 1}}}

func drawMaterial(t *rapid.T, least int) string {
	printable := rapid.OneOf(rapid.SampledFrom([]rune(`@:/?#[]%+&;='"\{}()$,.|aZ09-_~ü漢🔑`)), rapid.RuneFrom(nil, printableASCII))
	return rapid.StringOfN(printable, least, 40, -1).Filter(func(text string) bool {
		return !credential.IsWeak(secret.New(text)) && strings.TrimSpace(text) == text
	}).Draw(t, "material")
}

func TestWhatIsEncodedTwiceInAnyTextIsHeld(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		material := drawMaterial(t, 16)
		text := material
		around := rapid.StringMatching(`[ -~]{0,30}`)
		for i := range 2 {
			before, after := around.Draw(t, "before"), around.Draw(t, "after")
			text = drawEncoding(t, fmt.Sprint("encoding ", i))(before + text + after)
		}
		if !credential.Holds(secret.New(text), newPlain(material)) {
			t.Fatalf("%q does not hold %q", text, material)
		}
	})
}

func TestAWordBesideItsUserIsHeldAndAloneIsNot(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		material := rapid.StringMatching(`[a-z0-9]{8,15}`).Filter(func(text string) bool { return !credential.IsWeak(secret.New(text)) }).Draw(t, "material")
		user := rapid.StringMatching(`[A-Z]{4,12}_`).Draw(t, "user")
		word := drawEncoding(t, "encoding of the password")("<" + material + ">")
		name := drawEncoding(t, "encoding of the user")("user=" + user)
		values := map[string]secret.Value{"A": secret.New(word), "B": secret.New(name)}
		if !credential.Carries(values, newLogin(user, material)) {
			t.Fatalf("%q and %q do not carry %q of %q", word, name, material, user)
		}
		if credential.Carries(map[string]secret.Value{"A": secret.New(word)}, newLogin(user, material)) {
			t.Fatalf("%q alone carries %q of %q", word, material, user)
		}
	})
}

// aroundLogin is what a URL of the test below has beside its login.
const aroundLogin = "postgres://h/d"

func TestALoginOfAnotherUserIsNotHeldHoweverItIsWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		material := drawMaterial(t, 8)
		user, other := rapid.StringMatching(`[a-z_@]{1,10}`).Draw(t, "user"), rapid.StringMatching(`[a-z_@]{1,10}`).Draw(t, "other")
		if user == other || strings.Contains(other, user) || strings.Contains(aroundLogin, user) || strings.Contains(material, user) {
			t.Skip("the user stands elsewhere")
		}
		write := func(name string) secret.Value {
			return secret.New("postgres://" + url.QueryEscape(name) + ":" + strings.ReplaceAll(url.QueryEscape(material), "+", "%20") + "@h/d")
		}
		if !credential.Holds(write(user), newLogin(user, material)) {
			t.Fatalf("a URL of %q does not hold its own login, %q", user, material)
		}
		if credential.Holds(write(other), newLogin(user, material)) {
			t.Fatalf("a URL of %q holds the login of %q with %q", other, user, material)
		}
	})
}

// TestRandomTextHoldsNothing bounds what is found by chance: nothing of 1,000 credentials in 1 MB of random text of each
// alphabet.
func TestRandomTextHoldsNothing(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	all := drawCredentials(r, 1000)
	for name, alphabet := range map[string]string{
		"base64": base64url + "+/", "hex": "0123456789abcdef", "text": base64url + ` \%+{}":,.@=`,
	} {
		for i, carried := range credential.NewMatcher(all).FindCarried(map[string]secret.Value{"K": secret.New(randomText(r, alphabet, 1<<20))}) {
			if carried {
				t.Errorf("%s holds %s", name, secret.Reveal(all[i].Material[0]))
			}
		}
	}
}

const base64url = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

func randomText(r *rand.Rand, alphabet string, length int) string {
	b := make([]byte, length)
	for i := range b {
		b[i] = alphabet[r.IntN(len(alphabet))]
	}
	return string(b)
}

// drawCredentials returns half logins with passwords of 12 characters, half values of 43.
func drawCredentials(r *rand.Rand, count int) (all []credential.Credential) {
	for i := range count {
		if i%2 == 0 {
			all = append(all, newLogin(fmt.Sprint("user_", i), randomText(r, base64url, 12)))
		} else {
			all = append(all, newPlain(randomText(r, base64url, 43)))
		}
	}
	return all
}

func FuzzHolds(f *testing.F) {
	for _, one := range formCases() {
		f.Add(one.text, secret.Reveal(one.c.Identity), secret.Reveal(one.c.Material[0]))
	}
	f.Add("\f00000001", "app", "\f00000001")
	f.Fuzz(func(t *testing.T, text, user, material string) {
		if material == "" || len(text) > 1<<12 || strings.Contains(text, "SCRAM") {
			return // a verifier takes its time
		}
		c := newLogin(user, material)
		held := credential.Holds(secret.New(text), c)
		if again := credential.Carries(map[string]secret.Value{"A": secret.New("x"), "B": secret.New(text)}, c); held && !again {
			t.Errorf("%q is held alone and not carried among others", text)
		}
		if !credential.IsWeak(secret.New(material)) && material != user && !credential.Holds(secret.New(material), c) && !isOtherLogin(material) {
			t.Errorf("%q does not hold itself", material)
		}
	})
}

// isOtherLogin reports whether a text could be read as a login, with a user of its own.
func isOtherLogin(text string) bool {
	return strings.ContainsAny(text, "@=\x00") || strings.Contains(text, "Basic")
}

func BenchmarkFindCarried(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	m := credential.NewMatcher(drawCredentials(r, 50))
	values := map[string]secret.Value{}
	for i := range 500 {
		text := randomText(r, base64url, 40)
		switch i % 4 {
		case 1:
			text = "postgres://app:" + text + "@db.example.com:5432/app?sslmode=verify-full"
		case 2:
			text = `{"client":"` + text + `","secret":"` + randomText(r, base64url, 40) + `"}`
		case 3:
			text = fmt.Sprintf("https://api%d.example.com/v1/hooks", i)
		}
		values[fmt.Sprint("KEY_", i)] = secret.New(text)
	}
	for b.Loop() {
		m.FindCarried(values)
	}
}

// BenchmarkHostileText has values of the largest size that are made of nothing but what has to be tried.
func BenchmarkHostileText(b *testing.B) {
	m := credential.NewMatcher(drawCredentials(rand.New(rand.NewPCG(1, 2)), 50))
	for _, part := range []string{"a=b;", "%25", "+", `\\`, "://a:b@", "eyJhbGciOiJIUzI1NiJ9.e30.AAAA ", "YT1i=", `"`} {
		value := map[string]secret.Value{"K": secret.New(strings.Repeat(part, (64<<10)/len(part)))}
		b.Run(part, func(b *testing.B) {
			for b.Loop() {
				m.FindCarried(value)
			}
		})
	}
}

func BenchmarkNewMatcher(b *testing.B) {
	all := drawCredentials(rand.New(rand.NewPCG(1, 2)), 50)
	for b.Loop() {
		credential.NewMatcher(all)
	}
}
