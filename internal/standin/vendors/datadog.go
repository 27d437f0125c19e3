package vendors

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Datadog is its API of API keys: docs.datadoghq.com/api/latest/key-management and /authentication. People's tokens are
// application keys.
type Datadog struct{ keyRing }

// NewDatadog returns an organization without keys. now is its clock.
func NewDatadog(now func() time.Time) *Datadog { return &Datadog{newRing(now, "")} }

// ServeHTTP answers one request.
func (d *Datadog) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	d.mu.Lock()
	defer d.mu.Unlock()
	key, app := req.Header.Get("DD-API-KEY"), req.Header.Get("DD-APPLICATION-KEY")
	id, one := strings.CutPrefix(req.URL.Path, "/api/v2/api_keys/")
	switch {
	case d.findLive(key) == nil:
		d.refuseRequest(w, 403, "Forbidden", key)
	case req.Method == http.MethodGet && req.URL.Path == "/api/v1/validate":
		writeJSON(w, 200, map[string]any{"valid": true})
	case !d.admins[app]:
		d.refuseRequest(w, 403, "Forbidden", app)
	case req.Method == http.MethodPost && req.URL.Path == "/api/v2/api_keys":
		d.createKey(w, req, key)
	case req.Method == http.MethodGet && req.URL.Path == "/api/v2/api_keys":
		d.listKeys(w, req)
	case req.Method == http.MethodDelete && one:
		d.deleteKey(w, id, key)
	default:
		d.refuseRequest(w, 404, "Not Found", key)
	}
}

func (d *Datadog) refuseRequest(w http.ResponseWriter, status int, message, key string) {
	writeJSON(w, status, map[string]any{"errors": []string{message, key}})
}

func (d *Datadog) createKey(w http.ResponseWriter, req *http.Request, key string) {
	in, ok := readObject(req)
	data, _ := in["data"].(map[string]any)
	attributes, _ := data["attributes"].(map[string]any)
	name, _ := attributes["name"].(string)
	if !ok || !hasOnly(in, "data") || !hasOnly(data, "type", "attributes") || data["type"] != "api_keys" || name == "" {
		d.refuseRequest(w, 400, "Bad Request", key)
		return
	}
	made := d.addKey(Key{Name: name})
	out := d.describeKey(made)
	out["attributes"].(map[string]any)["key"] = made.Token
	writeJSON(w, 201, map[string]any{"data": out})
}

func (d *Datadog) listKeys(w http.ResponseWriter, req *http.Request) {
	q := req.URL.Query()
	size, err := strconv.Atoi(q.Get("page[size]"))
	if err != nil || size > 100 {
		size = 10
	}
	found := []any{}
	for _, k := range d.keys {
		if d.isAlive(k) && strings.Contains(k.Name, q.Get("filter")) && len(found) < size {
			found = append(found, d.describeKey(k))
		}
	}
	writeJSON(w, 200, map[string]any{"data": found})
}

func (d *Datadog) deleteKey(w http.ResponseWriter, id, key string) {
	k := d.findByID(id)
	if k == nil || !d.isAlive(k) {
		d.refuseRequest(w, 404, "API key not found", key)
		return
	}
	k.Revoked = true
	writeJSON(w, 204, nil)
}

func (d *Datadog) describeKey(k *Key) map[string]any {
	return map[string]any{"id": k.ID, "type": "api_keys", "attributes": map[string]any{"name": k.Name, "last4": k.Token[len(k.Token)-4:], "created_at": k.Made}}
}
