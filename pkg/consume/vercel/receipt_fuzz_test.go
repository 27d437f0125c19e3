package vercel

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// FuzzReceipt puts any text into a variable's comment and a deployment's meta. Only one that reads as rotary's, of
// this environment, makes anything rotary's.
func FuzzReceipt(f *testing.F) {
	for _, text := range []string{
		"rotary production v1", "rotary dev v1", " rotary  production\tv1\n", "rotary production", "rotary production v1 x", "Rotary production v1", "rotary", "", "rotary production canary<&>",
		"rotary canary<&> v1", "rotary production v1", "note: rotary production v1",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		list, err := json.Marshal(map[string]any{"envs": []any{map[string]any{
			"id": "env_9", "key": "FOREIGN", "type": "encrypted", "target": []string{production}, "comment": text, "createdAt": 1772359200000, "updatedAt": 1772359200000,
		}}})
		if err != nil {
			t.Fatal(err)
		}
		a := &forged{route: listing, status: http.StatusOK, header: http.Header{}, body: string(list)}
		b := newForgedBench(t, a)
		words := strings.Fields(strings.ToValidUTF8(text, "\ufffd"))
		ours := len(words) == 3 && words[0] == "rotary" && words[1] == "production"
		if seen, err := b.seeThrough(a); err == nil && !ours && (seen.Running != "" || slices.Contains(seen.Names, "FOREIGN")) {
			t.Fatal("it takes a comment for its receipt")
		}
		err = b.rollThrough(a, newVersion("v2", "FOREIGN=canary-2"))
		if !ours && (err == nil || len(a.writes) > 0) {
			t.Fatal("it overwrites what carries no receipt of its own")
		}
		_ = b.rollThrough(a, newVersion("v2", "A=canary-2"))
		if !ours && a.hasWritten("DELETE", "") {
			t.Fatal("it deletes what carries no receipt of its own")
		}
		inMeta(t, text, ours)
	})
}

// inMeta makes text the receipt of the deployment that is live.
func inMeta(t *testing.T, text string, ours bool) {
	t.Helper()
	a := &forged{route: deployment13, status: http.StatusOK, header: http.Header{}}
	b := newForgedBench(t, a)
	id, _ := b.readLive("")
	body, err := json.Marshal(map[string]any{"id": id, "readyState": "READY", "createdAt": 1972359200000, "meta": map[string]any{"rotary": text}})
	if err != nil {
		t.Fatal(err)
	}
	a.body = string(body)
	if seen, err := b.seeThrough(a); err == nil && !ours && (seen.Running != "" || seen.Unknown == "") {
		t.Fatal("it takes a deployment's meta for its receipt")
	}
}
