package credential_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/pkg/credential"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/rotate/httpapi/vendorapi"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

func valuesOf(texts map[string]string) map[string]secret.Value {
	values := map[string]secret.Value{}
	for key, text := range texts {
		values[key] = secret.New(text)
	}
	return values
}

func TestWhyNoRotationStarts(t *testing.T) {
	postgres := func(d manifest.Database, keys ...string) manifest.Source {
		return manifest.Source{Name: "db", Keys: manifest.KeysOf(keys...), Rotate: manifest.Rotate{Postgres: &manifest.RotatePostgres{Database: d}}}
	}
	one := postgres(manifest.Database{URL: manifest.Names{"URL"}}, "URL", "DIRECT", "USER", "PASSWORD")
	both := postgres(manifest.Database{URL: manifest.Names{"URL", "DIRECT"}, Fields: &manifest.Login{Username: "USER", Password: "PASSWORD"}}, "URL", "DIRECT", "USER", "PASSWORD")
	key := manifest.Source{Name: "s3", Keys: manifest.KeysOf("ACCESS_KEY_ID", "SECRET_ACCESS_KEY"), Rotate: manifest.Rotate{AWSAccessKey: &manifest.RotateAccessKey{User: "u"}}}
	token := manifest.Source{Name: "vendor", Keys: manifest.KeysOf("K"), Rotate: manifest.Rotate{HTTP: &manifest.RotateHTTP{Calls: &vendorapi.API{Create: vendorapi.Create{Set: map[string]string{"K": "$.k"}}}}}}
	random := manifest.Source{Name: "session", Keys: manifest.KeysOf("A", "B"), Rotate: manifest.Rotate{Random: &manifest.RotateRandom{Key: "A"}}}
	const url, direct = "postgres://app:hunter22-xyz@pool/d", "jdbc:postgresql://server/d?user=app&password=hunter22-xyz"
	for _, c := range []struct {
		name   string
		source manifest.Source
		values map[string]string
		want   []string // the reason, and a part of the text
	}{
		{"a login under one key", one, map[string]string{"URL": url, "DIRECT": "elsewhere"}, nil},
		{"DIRECT_URL beside it", one, map[string]string{"URL": url, "DIRECT": direct}, []string{"unmoved: its rotator writes URL, and the same credential stands under DIRECT,"}},
		{"user and password beside it", one, map[string]string{"URL": url, "USER": "app", "PASSWORD": "hunter22-xyz"}, []string{"unmoved: stands under PASSWORD,"}},
		{"all of them written", both, map[string]string{"URL": url, "DIRECT": direct, "USER": "app", "PASSWORD": "hunter22-xyz"}, nil},
		{"an undeclared key", both, map[string]string{"URL": url, "DIRECT": direct, "USER": "app", "PASSWORD": "hunter22-xyz", "/canary/0": url}, []string{"unmoved: stands under 1 that it does not declare,"}},
		{"another user's login with the password", one, map[string]string{"URL": url, "DIRECT": "postgres://other:hunter22-xyz@h/d"}, nil},
		{"a password that is too short", one, map[string]string{"URL": "postgres://app:0ld@h/d"}, []string{"weak: what stands under URL is too short or too common"}},
		{"a password that is too common, twice", one, map[string]string{"URL": "postgres://app:changeme@h/d", "DIRECT": "postgres://app:changeme@h2/d"}, []string{"unmoved: under DIRECT,", "weak: rotary rotate dev db --only-declared-keys"}},
		{"a placeholder", one, map[string]string{"URL": "CHANGE_ME"}, []string{"no-credential: URL holds no connection string: put a working value first: rotary put dev db"}},
		{"a URL without a login", one, map[string]string{"URL": "postgres://h/d"}, []string{"no-credential: under URL has no user or no password"}},
		{"no URL", one, map[string]string{"DIRECT": direct}, []string{"no-credential: URL is missing or empty"}},
		{"a URL that leaves its login out", both, map[string]string{"URL": "postgres://h/d", "DIRECT": "postgres://h2/d", "USER": "app", "PASSWORD": "hunter22-xyz"}, nil},
		{"half a login beside it", both, map[string]string{"URL": "postgres://h/d", "DIRECT": "postgres://h2/d", "USER": "app"}, []string{"no-credential: PASSWORD is missing or empty"}},
		{"an access key", key, map[string]string{"ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG"}, nil},
		{"an id that is none", key, map[string]string{"ACCESS_KEY_ID": "CHANGE_ME", "SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG"}, []string{"no-credential: ACCESS_KEY_ID holds no id"}},
		{"a secret that is none", key, map[string]string{"ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "SECRET_ACCESS_KEY": "replace-me"}, []string{"no-credential: SECRET_ACCESS_KEY holds no secret"}},
		{"a token", token, map[string]string{"K": "tok-1234567890"}, nil},
		{"a token that is none", token, map[string]string{"K": "<your-token>"}, []string{"no-credential: what stands under K is a placeholder"}},
		{"no token", token, nil, []string{"no-credential: it holds no token"}},
		{"a random value, weak as it is", random, map[string]string{"A": "CHANGE_ME"}, nil},
		{"a random value under two keys", random, map[string]string{"A": "long-enough-to-be-found", "B": "x long-enough-to-be-found"}, []string{"unmoved: stands under B,"}},
		{"a person's", manifest.Source{Keys: manifest.KeysOf("A", "B")}, map[string]string{"A": "x", "B": "x"}, nil},
	} {
		found := credential.FindObstacles("dev", c.source, valuesOf(c.values))
		if len(found) != len(c.want) {
			t.Errorf("%s: %v, want %q", c.name, found, c.want)
			continue
		}
		for i, o := range found {
			reason, part, _ := strings.Cut(c.want[i], ": ")
			if string(o.Reason) != reason || !strings.Contains(o.Text, part) {
				t.Errorf("%s: %v, want %q", c.name, o, c.want[i])
			}
			if strings.Contains(fmt.Sprint(found), "canary") || strings.Contains(fmt.Sprint(found), "hunter22") {
				t.Errorf("%s: the text holds a value or an undeclared name", c.name)
			}
		}
	}
}

func TestThePasswordsOfAUserAreFoundUnderWhateverKey(t *testing.T) {
	source := manifest.Source{Keys: manifest.Keys{Names: []string{"U", "P", "A"}, Stored: map[string]string{"U": "username", "P": "password", "A": "a"}}}
	values := valuesOf(map[string]string{
		"U": "app", "P": "one", "A": "postgres://app:two@h/d", "/x/0": "Host=h;Username=app;Password=three", "/y/1": "postgres://app:one@h/d",
		"/z/2": "postgres://other:four@h/d", "/w/3": "https://app:five@h/x", "/v/4": "two",
	})
	var got []string
	for _, password := range credential.FindPasswords(source, values, "app") {
		got = append(got, secret.Reveal(password))
	}
	slices.Sort(got)
	if diff := cmp.Diff([]string{"one", "three", "two"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
