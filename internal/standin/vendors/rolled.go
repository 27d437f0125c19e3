package vendors

import (
	"net/http"
	"strings"
	"time"
)

// Rolled is a vendor whose keys are rolled in the style of Stripe's API for keys (POST /v2/iam/api_keys/{id}/rotate and
// /expire), but answers in the clear. A request with the Idempotency-Key of an earlier one gets the earlier answer.
type Rolled struct {
	keyRing
	answers map[string]any
}

// NewRolled returns a vendor without keys. now is its clock.
func NewRolled(now func() time.Time) *Rolled {
	return &Rolled{newRing(now, "rk_test_"), map[string]any{}}
}

// sevenDays is the longest time that an old key may live on, in minutes.
const sevenDays = 10080

// ServeHTTP answers one request.
func (r *Rolled) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	token, _ := strings.CutPrefix(req.Header.Get("Authorization"), "Bearer ")
	rest, found := strings.CutPrefix(req.URL.Path, "/v2/iam/api_keys/")
	id, action, _ := strings.Cut(rest, "/")
	k := r.findByID(id)
	switch {
	case r.findLive(token) == nil:
		r.refuseRequest(w, 401, "Invalid API Key provided", token)
	case !found || k == nil:
		r.refuseRequest(w, 404, "No such key", token)
	case req.Method == http.MethodGet && action == "":
		writeJSON(w, 200, r.describeToken(k))
	case req.Method == http.MethodPost && action == "rotate":
		r.rotateToken(w, req, token, k)
	case req.Method == http.MethodPost && action == "expire":
		r.expireToken(w, token, k)
	default:
		r.refuseRequest(w, 404, "Unrecognized request", token)
	}
}

func (r *Rolled) refuseRequest(w http.ResponseWriter, status int, message, token string) {
	writeJSON(w, status, map[string]any{"error": map[string]any{"message": message + ": " + token}})
}

func (r *Rolled) rotateToken(w http.ResponseWriter, req *http.Request, token string, k *Key) {
	in, ok := readObject(req)
	minutes, is := in["expire_current_key_in_minutes"].(float64)
	once := req.Header.Get("Idempotency-Key")
	switch {
	case !ok || !is || !hasOnly(in, "expire_current_key_in_minutes") || minutes < 0 || minutes > sevenDays:
		r.refuseRequest(w, 400, "Invalid request", token)
	case once != "" && r.answers[once] != nil:
		writeJSON(w, 200, r.answers[once])
	case !r.isAlive(k):
		r.refuseRequest(w, 400, "The key has expired", token)
	default:
		k.Ends = r.now().Add(time.Duration(minutes) * time.Minute)
		made := r.addKey(Key{Name: k.Name})
		out := r.describeToken(made)
		out["secret_key"] = map[string]any{"token": made.Token}
		r.answers[once] = out
		writeJSON(w, 200, out)
	}
}

func (r *Rolled) expireToken(w http.ResponseWriter, token string, k *Key) {
	if !r.isAlive(k) {
		r.refuseRequest(w, 400, "The key has expired", token)
		return
	}
	k.Revoked = true
	writeJSON(w, 200, r.describeToken(k))
}

func (r *Rolled) describeToken(k *Key) map[string]any {
	return map[string]any{"id": k.ID, "object": "v2.iam.api_key", "name": k.Name, "status": map[bool]string{true: "active", false: "expired"}[r.isAlive(k)]}
}
