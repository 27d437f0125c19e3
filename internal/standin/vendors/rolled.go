package vendors

import (
	"net/http"
	"strings"
	"time"
)

// Rolled is a vendor whose keys are rolled in the style of Stripe's API for keys (POST /v2/iam/api_keys/{id}/rotate and
// /expire), but answers in the clear. A request with the Idempotency-Key of an earlier one gets the earlier answer.
type Rolled struct {
	ring
	answers map[string]any
}

// NewRolled returns a vendor without keys. now is its clock.
func NewRolled(now func() time.Time) *Rolled {
	return &Rolled{newRing(now, "rk_test_"), map[string]any{}}
}

// sevenDays is how long an old key may live on, in minutes.
const sevenDays = 10080

// ServeHTTP answers one request.
func (r *Rolled) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	token, _ := strings.CutPrefix(req.Header.Get("Authorization"), "Bearer ")
	rest, found := strings.CutPrefix(req.URL.Path, "/v2/iam/api_keys/")
	id, action, _ := strings.Cut(rest, "/")
	k := r.byID(id)
	switch {
	case r.live(token) == nil:
		r.refuse(w, 401, "Invalid API Key provided", token)
	case !found || k == nil:
		r.refuse(w, 404, "No such key", token)
	case req.Method == http.MethodGet && action == "":
		write(w, 200, r.present(k))
	case req.Method == http.MethodPost && action == "rotate":
		r.rotate(w, req, token, k)
	case req.Method == http.MethodPost && action == "expire":
		r.expire(w, token, k)
	default:
		r.refuse(w, 404, "Unrecognized request", token)
	}
}

func (r *Rolled) refuse(w http.ResponseWriter, status int, message, token string) {
	write(w, status, map[string]any{"error": map[string]any{"message": message + ": " + token}})
}

func (r *Rolled) rotate(w http.ResponseWriter, req *http.Request, token string, k *Key) {
	in, ok := read(req)
	minutes, is := in["expire_current_key_in_minutes"].(float64)
	once := req.Header.Get("Idempotency-Key")
	switch {
	case !ok || !is || !only(in, "expire_current_key_in_minutes") || minutes < 0 || minutes > sevenDays:
		r.refuse(w, 400, "Invalid request", token)
	case once != "" && r.answers[once] != nil:
		write(w, 200, r.answers[once])
	case !r.alive(k):
		r.refuse(w, 400, "The key has expired", token)
	default:
		k.Ends = r.now().Add(time.Duration(minutes) * time.Minute)
		made := r.add(Key{Name: k.Name})
		out := r.present(made)
		out["secret_key"] = map[string]any{"token": made.Token}
		r.answers[once] = out
		write(w, 200, out)
	}
}

func (r *Rolled) expire(w http.ResponseWriter, token string, k *Key) {
	if !r.alive(k) {
		r.refuse(w, 400, "The key has expired", token)
		return
	}
	k.Revoked = true
	write(w, 200, r.present(k))
}

func (r *Rolled) present(k *Key) map[string]any {
	return map[string]any{"id": k.ID, "object": "v2.iam.api_key", "name": k.Name, "status": map[bool]string{true: "active", false: "expired"}[r.alive(k)]}
}
