package github_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"testing"

	gh "github.com/google/go-github/v92/github"

	contract "github.com/rotary-secrets/rotary/internal/contract/github"
	"github.com/rotary-secrets/rotary/internal/standin/sim"
)

// GitHub opens what it gets with libsodium. So does this: values that an encoding on the way could change, and the
// largest one.
func TestLibsodiumOpensWhatIsSent(t *testing.T) {
	folder := contract.Folder(t)
	w := newWorld(t)
	texts := map[string]string{
		"ACCENTS": "grüße, 秘密 🔑", "COMBINED": "e\u0301 \u202e \ufeff", "QUOTES": `"'` + "`" + `\"\\ $(x) ${{ secrets.A }} %s &amp;`,
		"LINES": "-----BEGIN KEY-----\r\n\tx\n\n-----END KEY-----\n", "JSON": `{"a":["b",null,1.23456789e+08]}`, "SPACES": "  x  ", "ONE": "x",
		"BYTES": "\x01\x7f\xff\xfe not UTF-8", "LARGEST": strings.Repeat("ü", 24_000), "ENCODED": "aGVsbG8=",
	}
	var sent []string
	s := w.openOver(roundTrip(func(r *http.Request) (*http.Response, error) {
		if r.Method == http.MethodPut {
			sent = append(sent, w.readBody(r).EncryptedValue)
		}
		return sim.Transport{Handler: w.server}.RoundTrip(r)
	}))
	if err := s.Roll(t.Context(), w.addVersion("v1", texts)); err != nil {
		t.Fatal(err)
	}
	opened := w.unsealAll(folder, sent)
	var want []string
	for name := range texts {
		want = append(want, name)
	}
	slices.Sort(want)
	if len(opened) != len(want) {
		t.Fatalf("%d values were opened, want %d", len(opened), len(want))
	}
	for i, name := range want {
		if opened[i] != texts[name] {
			t.Errorf("%s is not what the bucket has", name)
		}
	}
}

// readBody reads a PUT's body and leaves it to be sent.
func (w *world) readBody(r *http.Request) (in gh.SecretRequest) {
	w.Helper()
	copied, err := r.GetBody()
	if err == nil {
		err = json.NewDecoder(copied).Decode(&in)
	}
	if err != nil {
		w.Fatal(err)
	}
	return in
}

// unsealAll opens boxes with libsodium, in Node.
func (w *world) unsealAll(folder string, sealed []string) (texts []string) {
	w.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		w.Fatal("npm is here and node is not")
	}
	public, private := w.server.KeyPair(repo, w.consumer.GitHub.Environment)
	in, err := json.Marshal(map[string]any{"public": public[:], "private": private[:], "sealed": sealed})
	if err != nil {
		w.Fatal(err)
	}
	command := exec.CommandContext(w.Context(), node, "unseal.mjs")
	command.Dir, command.Stdin = folder, bytes.NewReader(in)
	out, err := command.Output()
	if err != nil {
		w.Fatalf("libsodium does not open them: %v", err)
	}
	var encoded []string
	if err := json.Unmarshal(out, &encoded); err != nil {
		w.Fatal("what Node says cannot be read")
	}
	for _, text := range encoded {
		raw, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			w.Fatal("what Node says cannot be read")
		}
		texts = append(texts, string(raw))
	}
	return texts
}
