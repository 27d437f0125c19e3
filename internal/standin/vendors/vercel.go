package vendors

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// Vercel is its API of access tokens: vercel.com/docs/rest-api/authentication.
type Vercel struct{ keyRing }

// NewVercel returns an account without tokens. now is its clock.
func NewVercel(now func() time.Time) *Vercel { return &Vercel{newRing(now, "vcp_")} }

const vercelPage = 20

// ServeHTTP answers one request.
func (v *Vercel) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	v.mu.Lock()
	defer v.mu.Unlock()
	token, _ := strings.CutPrefix(req.Header.Get("Authorization"), "Bearer ")
	k := v.findLive(token)
	id, one := strings.CutPrefix(req.URL.Path, "/v5/user/tokens/")
	gone, ends := strings.CutPrefix(req.URL.Path, "/v3/user/tokens/")
	switch {
	case k == nil:
		v.refuseRequest(w, 403, "forbidden", "Not authorized", token)
	case req.Method == http.MethodPost && req.URL.Path == "/v3/user/tokens":
		v.createToken(w, req, k)
	case req.Method == http.MethodGet && req.URL.Path == "/v6/user/tokens":
		v.listTokens(w)
	case req.Method == http.MethodGet && one:
		v.serveToken(w, token, v.findToken(id, k), func(k *Key) any { return map[string]any{"token": v.describeToken(k)} })
	case req.Method == http.MethodDelete && ends:
		v.serveToken(w, token, v.findToken(gone, k), func(k *Key) any { k.Revoked = true; return map[string]any{"tokenId": k.ID} })
	default:
		v.refuseRequest(w, 404, "not_found", "The requested API endpoint was not found", token)
	}
}

func (v *Vercel) refuseRequest(w http.ResponseWriter, status int, code, message, token string) {
	writeJSON(w, status, map[string]any{"error": map[string]any{"code": code, "message": message + ": " + token, "invalidToken": status == 403}})
}

// findToken finds a token by its id, or the one that asks.
func (v *Vercel) findToken(id string, own *Key) *Key {
	if id == "current" {
		return own
	}
	return v.findByID(id)
}

func (v *Vercel) serveToken(w http.ResponseWriter, token string, k *Key, answer func(*Key) any) {
	if k == nil || !v.isAlive(k) {
		v.refuseRequest(w, 404, "not_found", "Token not found", token)
		return
	}
	writeJSON(w, 200, answer(k))
}

func (v *Vercel) createToken(w http.ResponseWriter, req *http.Request, own *Key) {
	in, ok := readObject(req)
	name, _ := in["name"].(string)
	ends, dated := in["expiresAt"].(float64)
	at := time.UnixMilli(int64(ends))
	switch {
	case own.Limited:
		v.refuseRequest(w, 403, "forbidden", "You don't have permission", own.Token)
	case !ok || name == "" || !hasOnly(in, "name", "expiresAt") || in["expiresAt"] != nil && (!dated || !at.After(v.now())):
		v.refuseRequest(w, 400, "bad_request", "Invalid request", own.Token)
	default:
		made := v.addKey(Key{Name: name, Ends: at})
		writeJSON(w, 200, map[string]any{"token": v.describeToken(made), "bearerToken": made.Token})
	}
}

// listTokens answers with all live tokens, newest first.
func (v *Vercel) listTokens(w http.ResponseWriter) {
	tokens := []any{}
	for _, k := range slices.Backward(v.keys) {
		if v.isAlive(k) {
			tokens = append(tokens, v.describeToken(k))
		}
	}
	page := map[string]any{"count": len(tokens), "next": nil, "prev": nil}
	if len(tokens) > vercelPage {
		tokens, page["next"] = tokens[:vercelPage], v.keys[0].Made.UnixMilli()
	}
	writeJSON(w, 200, map[string]any{"tokens": tokens, "pagination": page})
}

func (v *Vercel) describeToken(k *Key) map[string]any {
	made := k.Made.UnixMilli()
	return map[string]any{"id": k.ID, "name": k.Name, "type": "token", "activeAt": made, "createdAt": made}
}
