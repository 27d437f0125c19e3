package vercel

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
)

// faithful makes emulate answer as Vercel does, in what the driver sees of it. What it mends stands in deviations, with
// a test for each that emulate still deviates.
type faithful struct {
	http.RoundTripper
	commentsStay bool // as the stand-in's CommentsStay
	writes       []string
}

func (f *faithful) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Header.Get("Authorization") != "Bearer tok" { // emulate takes any token, and reads without one
		return newAnswer(req, http.StatusForbidden, map[string]any{"error": map[string]any{"code": "forbidden", "message": "Not authorized"}}), nil
	}
	if req.Method != http.MethodGet {
		f.writes = append(f.writes, req.Method+" "+req.URL.Path)
	}
	onVariables := strings.HasSuffix(req.URL.Path, "/env")
	switch {
	case onVariables && req.Method == http.MethodPost:
		return f.upsertVariables(req)
	case onVariables: // emulate shows 20 at a time
		req = req.Clone(req.Context())
		query := req.URL.Query()
		query.Set("limit", "100")
		req.URL.RawQuery = query.Encode()
	}
	return f.RoundTripper.RoundTrip(req)
}

// upsertVariables sends on what Vercel would take. emulate would put an item over every variable of its key that shares a target,
// with the item's targets, type and branch.
func (f *faithful) upsertVariables(req *http.Request) (*http.Response, error) {
	var items, good []map[string]any
	if err := json.NewDecoder(req.Body).Decode(&items); err != nil {
		return nil, err
	}
	there, err := f.listVariables(req)
	if err != nil {
		return nil, err
	}
	failed := []any{}
	for _, item := range items {
		old := findOverlapping(there, item)
		if old != nil && fmt.Sprint(old["target"]) != fmt.Sprint(item["target"]) {
			refusal := map[string]any{"code": "ENV_CONFLICT", "message": "It exists", "key": item["key"], "envVarId": old["id"]}
			failed = append(failed, map[string]any{"error": refusal})
			continue
		}
		if old != nil {
			item["type"] = old["type"]
			if f.commentsStay {
				item["comment"] = old["comment"]
			}
		}
		good = append(good, item)
	}
	if len(good) == 0 {
		return newAnswer(req, http.StatusBadRequest, map[string]any{"error": failed[0].(map[string]any)["error"], "failed": failed}), nil
	}
	return f.createVariables(req, good, failed)
}

// createVariables sends good on and turns the answer into Vercel's: 201 with created and failed.
func (f *faithful) createVariables(req *http.Request, good []map[string]any, failed []any) (*http.Response, error) {
	body, err := json.Marshal(good)
	if err != nil {
		return nil, err
	}
	var out struct{ Envs []any }
	status, err := f.askServer(req, http.MethodPost, req.URL.RawQuery, body, &out)
	if err != nil || status != http.StatusOK {
		return nil, fmt.Errorf("emulate answered an upsert with %d: %w", status, err)
	}
	return newAnswer(req, http.StatusCreated, map[string]any{"created": out.Envs, "failed": failed}), nil
}

func (f *faithful) listVariables(req *http.Request) ([]map[string]any, error) {
	var out struct{ Envs []map[string]any }
	_, err := f.askServer(req, http.MethodGet, req.URL.RawQuery+"&limit=100", nil, &out)
	return out.Envs, err
}

// askServer makes another call of req's address.
func (f *faithful) askServer(req *http.Request, method, query string, body []byte, into any) (int, error) {
	other := req.Clone(req.Context())
	other.Method, other.URL.RawQuery = method, query
	other.Body, other.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	resp, err := f.RoundTripper.RoundTrip(other)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	return resp.StatusCode, json.NewDecoder(resp.Body).Decode(into)
}

func findOverlapping(there []map[string]any, item map[string]any) map[string]any {
	targets, _ := item["target"].([]any)
	for _, v := range there {
		theirs, _ := v["target"].([]any)
		if v["key"] == item["key"] && slices.ContainsFunc(targets, func(t any) bool { return slices.Contains(theirs, t) }) {
			return v
		}
	}
	return nil
}

func newAnswer(req *http.Request, status int, body any) *http.Response {
	text, err := json.Marshal(body)
	if err != nil {
		panic(err)
	}
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(text)), Request: req}
}
