package credential_test

import (
	"crypto/md5" //nolint:gosec // as PostgreSQL does
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/pkg/credential"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/rotate/httpapi/vendorapi"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

func md5Hex(text string) string {
	sum := md5.Sum([]byte(text)) //nolint:gosec // as PostgreSQL does
	return hex.EncodeToString(sum[:])
}

// describe writes credentials with their made-up values, one a line.
func describe(all []credential.Credential) (lines []string) {
	for _, c := range all {
		var material []string
		for _, m := range c.Material {
			material = append(material, secret.Reveal(m))
		}
		line := fmt.Sprintf("%v: %s %s", c, secret.Reveal(c.Identity), strings.Join(material, " "))
		if c.Weak {
			line += " weak"
		}
		lines = append(lines, line)
	}
	return lines
}

func TestASourceHoldsTheCredentialsOfItsKind(t *testing.T) {
	const pem = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----"
	database := func(d manifest.Database) manifest.Rotate {
		return manifest.Rotate{Postgres: &manifest.RotatePostgres{Database: d}}
	}
	fields := &manifest.Login{Username: "U", Password: "P", Host: "H"}
	for _, one := range []struct {
		name   string
		source manifest.Source
		values map[string]string
		want   []string
	}{
		{"a URL", manifest.Source{Keys: manifest.KeysOf("URL", "OTHER"), Rotate: database(manifest.Database{URL: manifest.Names{"URL"}})},
			map[string]string{"URL": "jdbc:postgresql://h/d?user=app&password=hunter22-xyz", "OTHER": "something-long-enough"},
			[]string{"login under URL: app hunter22-xyz"}},
		{"two URLs and fields of one login", manifest.Source{Keys: manifest.KeysOf("A", "B", "U", "P", "H"), Rotate: manifest.Rotate{MySQL: &manifest.RotateMySQL{Database: manifest.Database{URL: manifest.Names{"B", "A"}, Fields: fields}}}},
			map[string]string{"A": "mysql://app:p%40ssword1@h/d", "B": "app:p@ssword1@tcp(h)/d", "U": "app", "P": "p@ssword1", "H": "database-host-1"},
			[]string{"login under A, B, P, U: app p@ssword1"}},
		{"two logins", manifest.Source{Keys: manifest.KeysOf("A", "B"), Rotate: database(manifest.Database{URL: manifest.Names{"A", "B"}})},
			map[string]string{"A": "postgres://app:hunter22@h/d", "B": "postgres://app2:hunter22@h/d"},
			[]string{"login under A: app hunter22", "login under B: app2 hunter22"}},
		{"a URL that is none", manifest.Source{Keys: manifest.KeysOf("URL"), Rotate: database(manifest.Database{URL: manifest.Names{"URL"}})},
			map[string]string{"URL": "postgres//app:hunter22@h"}, []string{"value under URL:  postgres//app:hunter22@h"}},
		{"stored names", manifest.Source{Keys: manifest.Keys{Names: []string{"H", "P", "U"}, Stored: map[string]string{"U": "username", "P": "password", "H": "host"}}},
			map[string]string{"U": "admin", "P": "kX7qwZr2mB9tLpVe", "H": "db-host-1.internal"}, []string{"login under P, U: admin kX7qwZr2mB9tLpVe"}},
		{"an access key", manifest.Source{Keys: manifest.KeysOf("S3_ACCESS_KEY_ID", "S3_SECRET_ACCESS_KEY", "REGION"), Rotate: manifest.Rotate{AWSAccessKey: &manifest.RotateAccessKey{User: "u"}}},
			map[string]string{"S3_ACCESS_KEY_ID": "AKIA", "S3_SECRET_ACCESS_KEY": "wJalrXUtnFEMI", "REGION": "eu-central-1"},
			[]string{"access key under S3_ACCESS_KEY_ID, S3_SECRET_ACCESS_KEY: AKIA wJalrXUtnFEMI"}},
		{"an access key of a person", manifest.Source{Keys: manifest.KeysOf("ACCESS_KEY_ID", "SECRET_ACCESS_KEY")},
			map[string]string{"ACCESS_KEY_ID": "AKIA", "SECRET_ACCESS_KEY": "wJalrXUtnFEMI"}, []string{"access key under ACCESS_KEY_ID, SECRET_ACCESS_KEY: AKIA wJalrXUtnFEMI"}},
		{"a vendor's token", manifest.Source{Keys: manifest.KeysOf("T", "I"), Rotate: manifest.Rotate{HTTP: &manifest.RotateHTTP{Vendor: "vercel-token", KeysFor: map[string]string{"token": "T", "id": "I"}, Calls: vendorCalls("vercel-token")}}},
			map[string]string{"T": "tok-123456", "I": "id-123456789"}, []string{"token under I, T: id-123456789 tok-123456"}},
		{"a key revoked by its address", manifest.Source{Keys: manifest.KeysOf("K", "I", "K2"), Rotate: manifest.Rotate{HTTP: &manifest.RotateHTTP{Calls: &vendorapi.API{
			Create: vendorapi.Create{Set: map[string]string{"K": "$.k", "I": "$.i", "K2": "$.k2"}}, Revoke: &vendorapi.Revoke{Call: vendorapi.Call{URL: "https://h/{{ owed.I }}"}}}}}},
			map[string]string{"K": "first-secret", "K2": "second-secret", "I": "id-1"}, []string{"token under I, K, K2: id-1 first-secret second-secret"}},
		{"a token that is its own name", manifest.Source{Keys: manifest.KeysOf("K"), Rotate: manifest.Rotate{HTTP: &manifest.RotateHTTP{Calls: &vendorapi.API{
			Create: vendorapi.Create{Set: map[string]string{"K": "$.k"}}, Revoke: &vendorapi.Revoke{Call: vendorapi.Call{URL: "https://h/{{owed.K}}"}}}}}},
			map[string]string{"K": "first-secret"}, []string{"token under K:  first-secret"}},
		{"random values", manifest.Source{Keys: manifest.KeysOf("A", "B", "C"), Config: []string{"C"}, Rotate: manifest.Rotate{Random: &manifest.RotateRandom{}}},
			map[string]string{"A": "value-of-a", "B": "value-of-b", "C": "value-of-c"}, []string{"value under A:  value-of-a", "value under B:  value-of-b"}},
		{"a symmetric value", manifest.Source{Keys: manifest.KeysOf("A", "B"), Rotate: manifest.Rotate{Random: &manifest.RotateRandom{Key: "A", Also: "B"}}},
			map[string]string{"A": "value-of-a", "B": "value-of-a"}, []string{"value under A, B:  value-of-a"}},
		{"a pair", manifest.Source{Keys: manifest.KeysOf("K", "P", "A", "N"), Rotate: manifest.Rotate{Random: &manifest.RotateRandom{Pair: "ed25519", Key: "K", Public: "P", Also: "A", Next: "N"}}},
			map[string]string{"K": "private-1", "P": "public-1", "A": "public-2", "N": "private-2"}, []string{"value under K:  private-1", "value under N:  private-2"}},
		{"what a person puts", manifest.Source{Keys: manifest.KeysOf("KEY", "URL", "REDIS", "PUBLIC", "REGION", "EMPTY", "SENTRY", "GIT", "HEADER"), Config: []string{"REGION"}},
			map[string]string{"KEY": "sk_live_12345", "URL": "amqps://app:hunter22@h", "REDIS": "redis://:hunter33@h/0", "PUBLIC": pem, "REGION": "eu-central-1", "EMPTY": "", "GIT": "https://oauth2:glpat-12345@gitlab.example/r", "HEADER": basic("app", "hunter44"), "SENTRY": "https://c0ffee4711@sentry.example/1"},
			[]string{"token under GIT: oauth2 glpat-12345", "token under HEADER: app hunter44", "value under KEY:  sk_live_12345", "value under REDIS:  hunter33", "value under SENTRY:  c0ffee4711", "login under URL: app hunter22"}},
		{"one text", manifest.Source{Text: "KEY"}, map[string]string{"KEY": "sk_live_12345"}, []string{"value under KEY:  sk_live_12345"}},
		{"what AWS rotates", manifest.Source{Keys: manifest.KeysOf("username", "password"), Rotate: manifest.Rotate{Managed: &manifest.RotateManaged{}}},
			map[string]string{"username": "admin", "password": "hunter22"}, []string{"login under password, username: admin hunter22"}},
		{"a placeholder", manifest.Source{Keys: manifest.KeysOf("KEY"), Rotate: manifest.Rotate{Never: &manifest.RotateNever{}}}, map[string]string{"KEY": "CHANGE_ME"}, []string{"value under KEY:  CHANGE_ME weak"}},
		{"a password that is its user", manifest.Source{Keys: manifest.KeysOf("URL"), Rotate: database(manifest.Database{URL: manifest.Names{"URL"}})},
			map[string]string{"URL": "postgres://app_service:app_service@h/d"}, []string{"login under URL: app_service app_service weak"}},
		{"nothing", manifest.Source{Keys: manifest.KeysOf("URL"), Rotate: database(manifest.Database{URL: manifest.Names{"URL"}})}, nil, nil},
	} {
		t.Run(one.name, func(t *testing.T) {
			values := map[string]secret.Value{}
			for key, text := range one.values {
				values[key] = secret.New(text)
			}
			all := credential.Of(one.source, values)
			if diff := cmp.Diff(one.want, describe(all)); diff != "" {
				t.Error(diff)
			}
			for i, carried := range credential.NewMatcher(all).FindCarried(values) {
				if !carried && !all[i].Weak {
					t.Errorf("the version itself does not carry %v", all[i])
				}
			}
		})
	}
}

func vendorCalls(name string) *vendorapi.API {
	vendor := manifest.Vendors()[name]
	return &vendor.API
}

// TestEveryVendorsTokenHasMaterial covers the descriptions that come with rotary: an id is one only beside a token.
func TestEveryVendorsTokenHasMaterial(t *testing.T) {
	for name, vendor := range manifest.Vendors() {
		source := manifest.Source{Rotate: manifest.Rotate{HTTP: &manifest.RotateHTTP{Calls: &vendor.API}}}
		values := map[string]secret.Value{}
		for key := range vendor.Create.Set {
			source.Keys.Names, values[key] = append(source.Keys.Names, key), secret.New("the value of "+key)
		}
		all := credential.Of(source, values)
		if len(all) != 1 || len(all[0].Material) != 1 || strings.HasSuffix(secret.Reveal(all[0].Material[0]), " id") {
			t.Errorf("%s: %q", name, describe(all))
		}
		if _, has := vendor.Create.Set["id"]; has && secret.Reveal(all[0].Identity) != "the value of id" {
			t.Errorf("%s: its id is none", name)
		}
	}
}

func TestWhatIsShortOrCommonIsWeak(t *testing.T) {
	for _, text := range []string{"", "1234567", "üüü", "password", "PASSWORD", "changeme", "CHANGE_ME", "Change-Me!", "<changeme>", "localhost", "localhost:8080",
		"xxxxxxxxxxxx", "************", "1234567890", "12345678901234567890", "supersecret", "  secret  ", "your-api-key", "false", "true"} {
		if !credential.IsWeak(secret.New(text)) {
			t.Errorf("%q is not weak", text)
		}
	}
	for _, text := range []string{"hunter22", "passwords-are-hard", "changeme2", "12345679", "xxxxxxxy", "密码密码密码密码一", "s3cr3t-enough"} {
		if credential.IsWeak(secret.New(text)) {
			t.Errorf("%q is weak", text)
		}
	}
}

func TestNothingPrintsACredential(t *testing.T) {
	const user, canary = "canary_user", "c4nary-passw0rd-kX7q"
	c := newLogin(user, canary)
	m := credential.NewMatcher([]credential.Credential{c})
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
		for _, value := range []any{c, &c, []credential.Credential{c}, m, &m, struct {
			c credential.Credential
			m credential.Matcher
		}{c, m}} {
			text := fmt.Sprintf(verb, value)
			for _, hidden := range []string{user, canary, hex.EncodeToString([]byte(canary))} {
				if strings.Contains(text, hidden) {
					t.Errorf("%s of %T shows a value", verb, value)
				}
			}
		}
	}
}
