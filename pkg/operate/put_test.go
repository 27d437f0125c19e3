package operate_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/rotary-secrets/rotary/internal/standin"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/operate"
	"github.com/rotary-secrets/rotary/pkg/secret"
	"github.com/rotary-secrets/rotary/pkg/store"
)

// shop is a secret that others use too. Its mode has a check.
const shop = `
environments: {dev: {account: "111111111111", region: us-east-1}}
sources:
  shop: {secret: dev/shop, keys: {SHOP_USER: username, SHOP_KEY: /api/key, SHOP_MODE: mode}, check: {SHOP_MODE: /^(live|test)$/}}
buckets: {app: {originals: [shop]}}
consumers: {app: {bucket: app, ecs: {cluster: main, service: app}}}
`

// openShop returns an operator, the source, and its store, with a text in the secret; "" for an empty one.
func openShop(t *testing.T, text string) (operate.Operator, manifest.Source, *store.Store) {
	t.Helper()
	file, err := manifest.Parse("rotary.yaml", []byte(shop))
	if err != nil {
		t.Fatal(err)
	}
	env, err := file.Environment("dev")
	if err != nil {
		t.Fatal(err)
	}
	source, _ := env.Source("shop")
	world := standin.New(standin.Config{Start: time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)})
	client := secretsmanager.NewFromConfig(world.Config(env.Account, env.Region))
	in := &secretsmanager.CreateSecretInput{Name: &source.Secret}
	if text != "" {
		in.SecretString = &text
	}
	if _, err := client.CreateSecret(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	n, s := 0, store.New(client)
	newID := func() string { n++; return fmt.Sprintf("%032d", n) }
	return operate.Operator{Environment: env, Secrets: s, NewID: newID}, source, s
}

func TestAPutKeepsTheRestOfTheSecret(t *testing.T) {
	const whole = "{\"engine\": \"postgres\",\n \"port\": 5432, \"username\": \"app\", \"api\": {\"key\": \"%s\", \"quota\": 1e3}, \"mode\": \"live\", \"note\": null}\n"
	for name, c := range map[string]struct{ before, after string }{
		"a secret that others use": {fmt.Sprintf(whole, "old"), fmt.Sprintf(whole, "new")},
		"an empty secret":          {"", `{"api":{"key":"new"}}`},
	} {
		o, source, secrets := openShop(t, c.before)
		change, err := o.NewChange(t.Context(), source, map[string]secret.Value{"SHOP_KEY": secret.New("new")})
		if err != nil {
			t.Fatal(err)
		}
		version, err := o.Put(t.Context(), change)
		if err != nil {
			t.Fatal(err)
		}
		h, err := secrets.LookAll(t.Context(), source.Secret)
		if current, _ := h.Current(); err != nil || current.ID != version {
			t.Errorf("%s: what was put is not current: %v", name, err)
		}
		text, _, err := secrets.Value(t.Context(), source.Secret, version)
		if err != nil || secret.Reveal(text) != c.after {
			t.Errorf("%s is now %q, want %q: %v", name, secret.Reveal(text), c.after, err)
		}
	}
}

// Only what is given is looked at: a person may mend one value after the other.
func TestAValueThatFailsItsCheckIsNotPut(t *testing.T) {
	o, source, _ := openShop(t, `{"username":"app","mode":"none"}`)
	_, err := o.NewChange(t.Context(), source, map[string]secret.Value{"SHOP_USER": secret.New("next"), "SHOP_MODE": secret.New("canary")})
	if _, invalid := errors.AsType[*operate.Invalid](err); !invalid || !strings.Contains(err.Error(), "SHOP_MODE") || strings.Contains(err.Error(), "canary") {
		t.Errorf("a value that fails its check: %v", err)
	}
	for key, value := range map[string]string{"SHOP_USER": "next", "SHOP_MODE": "test"} {
		if _, err := o.NewChange(t.Context(), source, map[string]secret.Value{key: secret.New(value)}); err != nil {
			t.Errorf("%s alone: %v", key, err)
		}
	}
}

// TestAnAdditionLeavesWhatIsThere: what comes from elsewhere may be older than what a key holds.
func TestAnAdditionLeavesWhatIsThere(t *testing.T) {
	o, source, secrets := openShop(t, `{"username":"app","api":{"key":"newer"}}`)
	given := map[string]secret.Value{"SHOP_USER": secret.New("app"), "SHOP_KEY": secret.New("older"), "SHOP_MODE": secret.New("test")}
	change, kept, err := o.NewAddition(t.Context(), source, given)
	if err != nil || !slices.Equal(kept, []string{"SHOP_KEY"}) || !slices.Equal(change.Names(), []string{"SHOP_MODE"}) {
		t.Fatalf("kept %q, put %q: %v", kept, change.Names(), err)
	}
	version, err := o.Put(t.Context(), change)
	if err != nil {
		t.Fatal(err)
	}
	text, _, err := secrets.Value(t.Context(), source.Secret, version)
	if err != nil || secret.Reveal(text) != `{"username":"app","api":{"key":"newer"},"mode":"test"}` {
		t.Errorf("it is now %q: %v", secret.Reveal(text), err)
	}
	if again, kept, err := o.NewAddition(t.Context(), source, given); err != nil || !again.IsEmpty() || len(kept) != 1 {
		t.Errorf("a second time it puts %q, keeps %q: %v", again.Names(), kept, err)
	}
}
