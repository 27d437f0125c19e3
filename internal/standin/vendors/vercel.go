package vendors

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// Vercel is its API of access tokens: vercel.com/docs/rest-api/authentication.
type Vercel struct{ ring }

// NewVercel returns an account without tokens. now is its clock.
func NewVercel(now func() time.Time) *Vercel { return &Vercel{newRing(now, "vcp_")} }

const vercelPage = 20

// ServeHTTP answers one request.
func (v *Vercel) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	v.mu.Lock()
	defer v.mu.Unlock()
	token, _ := strings.CutPrefix(req.Header.Get("Authorization"), "Bearer ")
	k := v.live(token)
	id, one := strings.CutPrefix(req.URL.Path, "/v5/user/tokens/")
	gone, ends := strings.CutPrefix(req.URL.Path, "/v3/user/tokens/")
	switch {
	case k == nil:
		v.refuse(w, 403, "forbidden", "Not authorized", token)
	case req.Method == http.MethodPost && req.URL.Path == "/v3/user/tokens":
		v.create(w, req, k)
	case req.Method == http.MethodGet && req.URL.Path == "/v6/user/tokens":
		v.list(w)
	case req.Method == http.MethodGet && one:
		v.one(w, token, v.named(id, k), func(k *Key) any { return map[string]any{"token": v.present(k)} })
	case req.Method == http.MethodDelete && ends:
		v.one(w, token, v.named(gone, k), func(k *Key) any { k.Revoked = true; return map[string]any{"tokenId": k.ID} })
	default:
		v.refuse(w, 404, "not_found", "The requested API endpoint was not found", token)
	}
}

func (v *Vercel) refuse(w http.ResponseWriter, status int, code, message, token string) {
	write(w, status, map[string]any{"error": map[string]any{"code": code, "message": message + ": " + token, "invalidToken": status == 403}})
}

// named finds a token by its id, or the one that asks.
func (v *Vercel) named(id string, own *Key) *Key {
	if id == "current" {
		return own
	}
	return v.byID(id)
}

func (v *Vercel) one(w http.ResponseWriter, token string, k *Key, answer func(*Key) any) {
	if k == nil || !v.alive(k) {
		v.refuse(w, 404, "not_found", "Token not found", token)
		return
	}
	write(w, 200, answer(k))
}

func (v *Vercel) create(w http.ResponseWriter, req *http.Request, own *Key) {
	in, ok := read(req)
	name, _ := in["name"].(string)
	ends, dated := in["expiresAt"].(float64)
	at := time.UnixMilli(int64(ends))
	switch {
	case own.Limited:
		v.refuse(w, 403, "forbidden", "You don't have permission", own.Token)
	case !ok || name == "" || !only(in, "name", "expiresAt") || in["expiresAt"] != nil && (!dated || !at.After(v.now())):
		v.refuse(w, 400, "bad_request", "Invalid request", own.Token)
	default:
		made := v.add(Key{Name: name, Ends: at})
		write(w, 200, map[string]any{"token": v.present(made), "bearerToken": made.Token})
	}
}

// list has the newest first.
func (v *Vercel) list(w http.ResponseWriter) {
	tokens := []any{}
	for _, k := range slices.Backward(v.keys) {
		if v.alive(k) {
			tokens = append(tokens, v.present(k))
		}
	}
	page := map[string]any{"count": len(tokens), "next": nil, "prev": nil}
	if len(tokens) > vercelPage {
		tokens, page["next"] = tokens[:vercelPage], v.keys[0].Made.UnixMilli()
	}
	write(w, 200, map[string]any{"tokens": tokens, "pagination": page})
}

func (v *Vercel) present(k *Key) map[string]any {
	made := k.Made.UnixMilli()
	return map[string]any{"id": k.ID, "name": k.Name, "type": "token", "activeAt": made, "createdAt": made}
}
