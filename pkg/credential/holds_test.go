package credential_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"

	"github.com/rotary-secrets/rotary/pkg/credential"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

func newLogin(user, password string) credential.Credential {
	return credential.Credential{Kind: credential.Login, Keys: []string{"URL"}, Identity: secret.New(user),
		Material: []secret.Value{secret.New(password)}}
}

func newToken(id, text string) credential.Credential {
	return credential.Credential{Kind: credential.Token, Keys: []string{"TOKEN"}, Identity: secret.New(id),
		Material: []secret.Value{secret.New(text)}}
}

func newPlain(value string) credential.Credential {
	return credential.Credential{Kind: credential.Plain, Keys: []string{"KEY"}, Material: []secret.Value{secret.New(value)}}
}

func jsonText(text string) string {
	b, _ := json.Marshal(text)
	return string(b)
}

func b64(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

func basic(user, password string) string { return "Basic " + b64(user+":"+password) }

// The logins, tokens and values of the tables: a long password has 16 characters, a word 12, a weak value 8.
const (
	long  = `kX7"q/w+Zr2%mB9&`
	plain = "kX7qwZr2mB9tLpVe" // as long, without what has to be encoded
	word  = "hunter22-xyz"
	weak  = "changeme"
)

type formCase struct {
	name       string
	c          credential.Credential
	text, miss string // miss: as near as it gets, and not held
}

func formCases() []formCase {
	app, appWord, appWeak := newLogin("app", long), newLogin("app", word), newLogin("app", weak)
	token, short := newPlain(plain), newPlain(word)
	return []formCase{
		{"equal", short, word, word + "z"},
		{"equal, in quotes", short, ` "` + word + "\"\n", `x "` + word + `"`},
		{"equal, percent-encoded", newPlain("p@ss/word"), "p%40ss%2Fword", "p%40ss%2Fwor"},
		{"equal, in base64", short, b64(word), b64("." + word)},
		{"equal, weak", newPlain(plain), plain, weak},
		{"anywhere", token, "xx" + plain + "yy", "xx" + plain[1:] + "yy"},
		{"anywhere takes 16 characters", token, "xx" + plain + "yy", "xx" + plain[:15] + "-yy"},
		{"a word of 15 characters is not anywhere", newLogin("app", plain[:15]), "app " + plain[:15], "app x" + plain[:15]},
		{"a word beside its user", appWord, "app and " + word + ";", "and " + word + ";"},
		{"a word ends", appWord, "app " + word, "app " + word + "9"},
		{"a word begins", appWord, "app " + word, "app 9" + word},
		{"the user is encoded", newLogin("a@pp", word), "user=a%40pp " + word, "user=a%41pp " + word},
		{"no user, no word", newLogin("app", word), "app " + word, "apx " + word},
		{"a word has no neighbour of another alphabet", appWord, "app «" + word + "»", "app ü" + word},

		{"percent-encoded", app, "x?p=" + url.QueryEscape(long) + "&y", "x?p=" + url.QueryEscape(long[1:]) + "&y"},
		{"percent-encoded in small letters", app, "p=" + strings.ToLower("%2F") + `kX7"q%2fw%2bZr2%25mB9%26`, "kX7%22q%2fw%2bZr2%25mB9%27"},
		{"spaces of a form", newPlain("correct horse battery staple"), "p=correct+horse+battery+staple", "p=correct+horse+battery+stale"},
		{"JSON", app, `{"p":` + jsonText(long) + `}`, `{"p":` + jsonText(long[1:]) + `}`},
		{"JSON twice", app, jsonText(`{"p":` + jsonText(long) + `}`), jsonText(`{"p":` + jsonText(long[1:]) + `}`)},
		{"base64 at 0", token, b64("abc" + plain), b64("abc" + plain[1:])},
		{"base64 at 1", token, b64("a" + plain + "b"), b64("a" + plain[1:] + "b")},
		{"base64 at 2", token, b64("ab" + plain + "c"), b64("ab" + plain[1:] + "c")},
		{"base64 behind what looks like it", token, "ab" + b64(plain), "ab" + b64(plain[1:])},
		{"base64url", newPlain("\xfb\xef\xbe???>>>kX7qwZr2mB"), base64.RawURLEncoding.EncodeToString([]byte("\xfb\xef\xbe???>>>kX7qwZr2mB")), base64.RawURLEncoding.EncodeToString([]byte("\xfb\xef???>>>kX7qwZr2mB"))},
		{"hex", token, hex.EncodeToString([]byte("." + plain)), hex.EncodeToString([]byte("." + plain[1:]))},
		{"HEX", token, strings.ToUpper(hex.EncodeToString([]byte(plain))), strings.ToUpper(hex.EncodeToString([]byte(plain[1:])))},
		{"hex at an odd digit", token, "a" + hex.EncodeToString([]byte(plain)), "a" + hex.EncodeToString([]byte(plain[:15]))},
		{"base64 of JSON", app, b64(`{"p":` + jsonText(long) + `}`), b64(`{"p":` + jsonText(long[1:]) + `}`)},

		{"Basic", appWeak, basic("app", weak), basic("apq", weak)},
		{"Basic in a header", appWeak, `{"Authorization":"` + basic("app", weak) + `"}`, `{"Authorization":"` + basic("app2", weak) + `"}`},
		{"Basic of another user", newLogin("app", plain), basic("app", plain), basic("other", plain)},
		{"Basic of another user in a header", newLogin("app", plain), `{"Authorization":"` + basic("app", plain) + `"}`, `{"Authorization":"` + basic("other", plain) + `"}`},
		{"a pair in base64 with no name", newLogin("app", plain), b64("password:" + plain), b64("password:" + plain[1:])},
		{"a pair is Basic in base64 only", appWeak, basic("app", weak), "app:" + weak},
		{"md5", appWeak, "md5" + md5Hex(weak+"app"), "md5" + md5Hex(weak+"apq")},
		{"md5 in JSON", app, `{"shadow":"md5` + md5Hex(long+"app") + `"}`, `{"shadow":"` + md5Hex(long+"app") + `"}`},
		{"SCRAM", appWord, credential.ScramVerifier(word, []byte("0123456789abcdef"), 4096), credential.ScramVerifier(word+"x", []byte("0123456789abcdef"), 4096)},
		{"SCRAM of a weak password", appWeak, "x=" + credential.ScramVerifier(weak, []byte("salt"), 15) + ";", strings.Replace(credential.ScramVerifier(weak, []byte("salt"), 15), "$15:", "$14:", 1)},
		{"SCRAM is of logins", appWord, credential.ScramVerifier(word, []byte("salt"), 15), "SCRAM-SHA-256$0:c2FsdA==$c2FsdA==:c2FsdA=="},
		{"SCRAM that takes too long", appWord, "SCRAM-SHA-256$1999999999:c2FsdA==$c2FsdA==:c2FsdA==", "SCRAM-SHA-256$15:c2FsdA==$c2FsdA==:c2FsdA=="},

		{"the user's own login", appWeak, "postgres://app:" + weak + "@h/d", "postgres://app2:" + weak + "@h/d"},
		{"a login in base64", appWeak, b64("postgres://app:" + weak + "@h/d"), b64("postgres://app:" + weak + "2@h/d")},
		{"a login in JSON", appWeak, jsonText("host=h user=app password='" + weak + "'"), jsonText("host=h user=app2 password='" + weak + "'")},
		{"a login of another user in base64", newLogin("app", plain), b64("host=h user=app password=" + plain), b64("host=h user=other password=" + plain)},
		{"a login of another user in JSON", newLogin("app", plain), jsonText(`Username=app;Password="` + plain + `"`), jsonText(`Username=other;Password="` + plain + `"`)},
		{"a password in its middle", newLogin("app", plain), "postgres://other:x" + plain + "@h/d", "postgres://other:" + plain + "@h/d"},
		{"and once more", newLogin("app", plain), "postgres://other:" + plain + "@h/d?note=" + plain, "postgres://other:" + plain + "@h/d?note="},
		{"a URL in a longer text", newLogin("app", plain), "see postgres://app:" + plain + "@h/d, or", "see postgres://other:" + plain + "@h/d, or"},
		{"its user is encoded", newLogin("a@b", plain), "see postgres://a%40b:" + plain + "@h/d, or", "see postgres://a%40c:" + plain + "@h/d, or"},
		{"a token behind another word", newToken("42", word), "https://oauth2:" + word + "@h/r.git", "https://oauth2:" + word + "2@h/r.git"},
		{"a token behind another word in Basic", newToken("42", plain), basic("oauth2", plain), basic("oauth2", plain[1:])},
		{"a weak token beside its id", newToken("42", weak), "https://42:" + weak + "@h/r.git", "https://43:" + weak + "@h/r.git"},
		{"a token has no verifier", newToken("42", word), "42 " + word, credential.ScramVerifier(word, []byte("salt"), 15)},
		{"a token has no md5", newToken("42", word), "42 " + word, "md5" + md5Hex(word+"42")},
		{"no user at all", newLogin("app", word), "redis://:" + word + "@h/0", "redis://:" + word + "2@h/0"},
		{"a password that has no user", newPlain(word), "redis://default:" + word + "@h/0", "redis://default:" + word + "2@h/0"},
		{"a token for a user", newPlain(word), "https://" + word + "@h/repo", "https://" + word + "2@h/repo"},
		{"a weak value is not held by a URL without users", newPlain(plain), "redis://:" + plain + "@h", "redis://:" + weak + "@h"},
	}
}

func TestEachFormIsHeldAndItsNeighbourIsNot(t *testing.T) {
	for _, f := range formCases() {
		if !credential.Holds(secret.New(f.text), f.c) {
			t.Errorf("%s: it is not held", f.name)
		}
		if credential.Holds(secret.New(f.miss), f.c) {
			t.Errorf("%s: what is not it is held", f.name)
		}
	}
}

// connectionStrings are the dialects of package dsn, with ‹u› and ‹p› where user and password stand.
func connectionStrings() map[string]func(string) string {
	asItIs := func(v string) string { return v }
	quoted := func(v string) string { return `"` + strings.ReplaceAll(v, `"`, `""`) + `"` }
	escaped := func(v string) string { return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(v) + "'" }
	encoded := func(v string) string { return strings.ReplaceAll(url.QueryEscape(v), "+", "%20") }
	return map[string]func(string) string{
		"postgres://‹u›:‹p›@h/d?x=%2f&sslmode=disable": encoded, "postgresql+psycopg2://h/d?password=‹p›&user=‹u›": encoded,
		"mysql://‹u›:‹p›@h:3306/d": encoded, "rediss://‹u›:‹p›@h:6379/0": encoded, "amqps://‹u›:‹p›@h/%2f": encoded,
		"mongodb://‹u›:‹p›@h1:1,h2:2/d": encoded, "jdbc:postgresql://h1:5432,h2/d?user=‹u›&password=‹p›": encoded,
		"jdbc:mysql://‹u›:‹p›@h:3306/d": encoded, "jdbc:mariadb://h:3306/d?user=‹u›&password=‹p›": asItIs,
		"jdbc:sqlserver://h:1433;user={‹u›};password={‹p›};encrypt=true;": asItIs,
		"Host=h;Database=d;Username=‹u›;Password=‹p›":                     quoted, "Server=h;Uid=‹u›;Pwd=‹p›;": quoted,
		"host=h user=‹u› password=‹p› dbname=d": escaped, "‹u›:‹p›@tcp(h:3306)/d?parseTime=true": asItIs,
	}
}

func TestALoginIsHeldByEachDialectOfItsUserOnly(t *testing.T) {
	for text, write := range connectionStrings() {
		fill := func(user, password string) secret.Value {
			return secret.New(strings.NewReplacer("‹u›", write(user), "‹p›", write(password)).Replace(text))
		}
		for _, password := range []string{weak, word, plain, `it's "kX7/q'w\Zr2%mB9`} {
			if strings.HasPrefix(text, "jdbc:mariadb") && strings.Contains(password, "&") {
				continue
			}
			login := newLogin("app", password)
			if !credential.Holds(fill("app", password), login) {
				t.Errorf("%s does not hold its own login with %q", text, password)
			}
			if credential.Holds(fill("other", password), login) {
				t.Errorf("%s holds the login of another user with %q", text, password)
			}
			if credential.Holds(fill("app", password[1:]+"?"), login) {
				t.Errorf("%s with another password holds %q", text, password)
			}
		}
	}
}

func sign(t testing.TB, alg string, key any) string {
	t.Helper()
	token, err := jwt.NewWithClaims(jwt.GetSigningMethod(alg), jwt.MapClaims{"role": "anon"}).SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func encodeKey(t testing.TB, key any) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

func TestATokenIsHeldByWhatSignsIt(t *testing.T) {
	raw := strings.Repeat("k", 20) + "?!~~"
	for _, alg := range []string{"HS256", "HS384", "HS512"} {
		for name, material := range map[string]string{
			"raw": raw, "base64": b64(raw), "base64url": base64.RawURLEncoding.EncodeToString([]byte(raw)),
		} {
			token := sign(t, alg, []byte(raw))
			for place, text := range map[string]string{
				"alone": token, "in a URL": "https://h/?apikey=" + token + "&x=y", "in JSON": `{"t":"` + token + `"}`,
				"in base64": b64("Bearer " + token),
			} {
				if !credential.Holds(secret.New(text), newPlain(material)) {
					t.Errorf("%s with %s, %s, is not held", alg, name, place)
				}
			}
			if other := sign(t, alg, []byte(raw+"x")); credential.Holds(secret.New(other), newPlain(material)) {
				t.Errorf("%s by another key is held with %s", alg, name)
			}
			if broken := token[:len(token)-12] + "AAAAAAAAAAAA"; credential.Holds(secret.New(broken), newPlain(material)) {
				t.Errorf("%s with a broken signature is held with %s", alg, name)
			}
		}
	}
	if credential.Holds(secret.New(sign(t, "HS256", []byte(weak))), newPlain(weak)) {
		t.Error("what a weak value signs is held")
	}
	if credential.Holds(secret.New(sign(t, "none", jwt.UnsafeAllowNoneSignatureType)), newPlain(raw)) {
		t.Error("what nobody signs is held")
	}
}

func TestAPairIsHeldByItsPrivateHalfOnly(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, edKey, _ := ed25519.GenerateKey(rand.Reader)
	sec1, err := x509.MarshalECPrivateKey(ecKey)
	if err != nil {
		t.Fatal(err)
	}
	pkcs1 := x509.MarshalPKCS1PrivateKey(rsaKey)
	for _, one := range []struct {
		name, alg string
		key       crypto.Signer
		layouts   []string
	}{
		{"rsa", "RS256", rsaKey, []string{string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: pkcs1})), b64(string(pkcs1))}},
		{"rsa-pss", "PS384", rsaKey, nil},
		{"ecdsa", "ES256", ecKey, []string{string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: sec1}))}},
		{"ed25519", "EdDSA", edKey, []string{`{"kty":"OKP","d":"` + base64.RawURLEncoding.EncodeToString(edKey.Seed()) + `"}`}},
	} {
		private := encodeKey(t, one.key)
		der, _ := x509.MarshalPKIXPublicKey(one.key.Public())
		public := string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
		for name, material := range map[string]string{
			"PEM": private, "one line": strings.ReplaceAll(private, "\n", `\n`), "base64": b64(private),
		} {
			c := newPlain(material)
			held := append([]string{private, jsonText(private), b64(private), strings.ReplaceAll(private, "\n", "\r\n"), sign(t, one.alg, one.key)}, one.layouts...)
			for i, text := range held {
				if !credential.Holds(secret.New(text), c) {
					t.Errorf("%s as %s: text %d is not held", one.name, name, i)
				}
			}
			_, other, _ := ed25519.GenerateKey(rand.Reader)
			for i, text := range []string{public, b64(public), encodeKey(t, other), sign(t, "EdDSA", other)} {
				if credential.Holds(secret.New(text), c) {
					t.Errorf("%s as %s: text %d is held", one.name, name, i)
				}
			}
		}
	}
}

func TestAVersionCarriesWhatItsValuesHoldTogether(t *testing.T) {
	login := newLogin("app", word)
	values := func(texts ...string) map[string]secret.Value {
		v := map[string]secret.Value{}
		for i, text := range texts {
			v[fmt.Sprint("K", i)] = secret.New(text)
		}
		return v
	}
	for name, carried := range map[string]map[string]secret.Value{
		"under any key":         values("x", "postgres://app:"+word+"@h"),
		"the password alone":    values(word),
		"user and word apart":   values("the app", "password: "+word),
		"a user that is hidden": values(b64("the app"), "password: "+word),
	} {
		if !credential.Carries(carried, login) {
			t.Errorf("%s: it is not carried", name)
		}
	}
	for name, free := range map[string]map[string]secret.Value{
		"nothing": nil, "a word and another user": values("the other", "password: "+word),
		"the user": values("app"), "another user's login": values("app", "postgres://other:"+word+"@h"),
		"another user's login, and the user's with another password": values("postgres://other:"+word+"@h", "postgres://app:another-one@h"),
	} {
		if credential.Carries(free, login) {
			t.Errorf("%s: it is carried", name)
		}
	}
	if key := "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY"; credential.Carries(values("AKIAIOSFODNN7EXAMPLE"),
		credential.Credential{Kind: credential.AccessKey, Identity: secret.New("AKIAIOSFODNN7EXAMPLE"), Material: []secret.Value{secret.New(key)}}) {
		t.Error("the id of a key is carried as the key")
	}
}

// TestCredentialsDoNotChangeEachOther has one Matcher look for many: what one excludes is found for another.
func TestCredentialsDoNotChangeEachOther(t *testing.T) {
	all := []credential.Credential{newLogin("app", plain), newLogin("other", plain), newPlain(plain), newLogin("app", word)}
	got := credential.NewMatcher(all).FindCarried(map[string]secret.Value{"K": secret.New("postgres://other:" + plain + "@h")})
	if want := []bool{false, true, true, false}; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("found %v, want %v", got, want)
	}
	token := sign(t, "HS256", []byte(plain))
	got = credential.NewMatcher(all).FindCarried(map[string]secret.Value{"K": secret.New("https://other:" + plain + "@h/" + token)})
	if want := []bool{true, true, true, false}; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("with a token, found %v, want %v", got, want)
	}
}
