// Package vendors has stand-ins of vendors' APIs for access tokens and keys, as far as the descriptions in
// pkg/manifest/vendors.yaml use them. They hold to what the vendors publish about authentication, required fields,
// statuses and answers, and refuse the rest. Their error answers repeat the credential that came with the request: a
// client that puts an answer into an error would be found out.
package vendors

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Key is a credential that a vendor has made.
type Key struct {
	ID, Name, Token string
	Scopes          []string
	Made, Ends      time.Time // Ends is zero for one that does not end by itself
	Revoked         bool
	Family          string // of tokens that came from each other
	Limited         bool   // it may not make others
}

// keyRing holds the credentials of one vendor. Safe for concurrent use, one request at a time.
type keyRing struct {
	mu     sync.Mutex
	now    func() time.Time
	prefix string
	keys   []*Key
	admins map[string]bool // tokens of people
}

func newRing(now func() time.Time, prefix string) keyRing {
	return keyRing{now: now, prefix: prefix, admins: map[string]bool{}}
}

// Make creates a credential by hand.
func (r *keyRing) Make(name string) Key {
	r.mu.Lock()
	defer r.mu.Unlock()
	return *r.addKey(Key{Name: name, Scopes: []string{"api"}})
}

// Limit removes a credential's right to create others.
func (r *keyRing) Limit(token string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.findLive(token).Limited = true
}

// Admin creates the token of a person who may do everything.
func (r *keyRing) Admin() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	token := r.prefix + "admin-" + digestOf("admin of "+r.prefix)
	r.admins[token] = true
	return token
}

// Accepts reports whether a credential opens anything.
func (r *keyRing) Accepts(token string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.findLive(token) != nil
}

// Accepted returns the credentials that open something, but those of people.
func (r *keyRing) Accepted() []Key {
	r.mu.Lock()
	defer r.mu.Unlock()
	var live []Key
	for _, k := range r.keys {
		if r.isAlive(k) {
			live = append(live, *k)
		}
	}
	return live
}

func (r *keyRing) addKey(k Key) *Key {
	n := len(r.keys) + 1
	k.ID, k.Token, k.Made = strconv.Itoa(5800+n), r.prefix+digestOf(fmt.Sprint(r.prefix, n)), r.now()
	if k.Family == "" {
		k.Family = k.ID
	}
	r.keys = append(r.keys, &k)
	return &k
}

func digestOf(of string) string {
	sum := sha256.Sum256([]byte(of))
	return hex.EncodeToString(sum[:12])
}

func (r *keyRing) isAlive(k *Key) bool {
	return !k.Revoked && (k.Ends.IsZero() || k.Ends.After(r.now()))
}

func (r *keyRing) findLive(token string) *Key {
	return r.findFirst(func(k *Key) bool { return k.Token == token && r.isAlive(k) })
}

func (r *keyRing) findByID(id string) *Key {
	return r.findFirst(func(k *Key) bool { return k.ID == id })
}

func (r *keyRing) findFirst(is func(*Key) bool) *Key {
	if i := slices.IndexFunc(r.keys, is); i >= 0 {
		return r.keys[i]
	}
	return nil
}

// writeJSON answers with JSON; nil is no body.
func writeJSON(w http.ResponseWriter, status int, value any) {
	w.Header().Set("X-Request-Id", "req-"+strconv.Itoa(status))
	if value == nil {
		w.WriteHeader(status)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(value)
}

// readObject reads a JSON object, with nothing else in the body.
func readObject(req *http.Request) (map[string]any, bool) {
	text, err := io.ReadAll(io.LimitReader(req.Body, 1<<20))
	if err != nil || req.Header.Get("Content-Type") != "application/json" {
		return nil, false
	}
	var object map[string]any
	return object, json.Unmarshal(text, &object) == nil
}

// hasOnly reports whether an object has only these fields.
func hasOnly(object map[string]any, fields ...string) bool {
	for name := range object {
		if !slices.Contains(fields, name) {
			return false
		}
	}
	return true
}
