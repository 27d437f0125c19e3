package github

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"sync"
	"time"

	gh "github.com/google/go-github/v92/github"
)

const receiptName = "ROTARY_RECEIPT"

// errReceipt is returned for a receipt that rotary did not write.
var errReceipt = errors.New("the variable " + receiptName + " is no receipt of rotary's: " +
	"delete it, and every secret is written again (those that exist must then be adopted)")

// receipt is the content of the variable that the scope carries. It is written before the secrets, as intent, and after
// them, as proof. At every moment, a secret whose updated_at is the one in Names has the value of Version.
type receipt struct {
	Environment string `json:"environment"`
	Version     string `json:"version"`
	// Previous maps each version that workflow runs may still hold to when the last of its values was replaced; year 1
	// until then.
	Previous map[string]time.Time `json:"previous,omitempty"`
	Done     bool                 `json:"done"`
	Names    map[string]time.Time `json:"names"` // updated_at; year 1 where it is not proven
	// Readers has, for an organization's secrets, the repositories that could read each version when it was written, as
	// owner/name; anyRepository for more than are named.
	Readers map[string][]string `json:"readers,omitempty"`
}

// unmanaged is the key in Previous for secrets that were there before rotary adopted them.
const unmanaged = ""

// parseReceipt reads a receipt, strictly. It returns errReceipt for any text that rotary cannot have written.
func parseReceipt(text string) (*receipt, error) {
	var r receipt
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.DisallowUnknownFields()
	if d.Decode(&r) != nil || !r.isPlausible() {
		return nil, errReceipt
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errReceipt
	}
	return &r, nil
}

// wordShape matches environments, version ids and names of secrets. Any other text in a receipt could be anything, and
// must not get into a message or a path.
var wordShape = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^[A-Za-z0-9_-]{1,256}$`)
})

// isPlausible reports whether rotary can have written r.
func (r receipt) isPlausible() bool {
	words := []string{r.Environment, r.Version}
	for version := range r.Previous {
		if version != unmanaged {
			words = append(words, version)
		}
	}
	for version, readers := range r.Readers {
		isReader := func(name string) bool { return name == anyRepository || repositoryShape().MatchString(name) }
		if version != unmanaged && !wordShape().MatchString(version) || !allOf(readers, isReader) {
			return false
		}
	}
	return r.Names != nil && allOf(words, wordShape().MatchString) && allOf(r.ownedNames(), isSecretName)
}

func allOf(words []string, is func(string) bool) bool {
	return !slices.ContainsFunc(words, func(w string) bool { return !is(w) })
}

// encodeJSON returns the variable's content, or an error where it is larger than GitHub allows.
func (r receipt) encodeJSON() (string, error) {
	b, err := json.Marshal(r)
	if err != nil {
		return "", errors.New("write the receipt: it cannot be encoded")
	}
	if allowed := secretLimits().ValueBytes; len(b) > allowed {
		return "", fmt.Errorf("write the receipt: it would take %d bytes and GitHub allows %d: "+
			"use fewer or shorter names",
			len(b), allowed)
	}
	return string(b), nil
}

// equals reports whether both have the same content.
func (r receipt) equals(other receipt) bool {
	return r.Environment == other.Environment && r.Version == other.Version && r.Done == other.Done &&
		maps.EqualFunc(r.Previous, other.Previous, time.Time.Equal) &&
		maps.EqualFunc(r.Names, other.Names, time.Time.Equal) && maps.EqualFunc(r.Readers, other.Readers, slices.Equal)
}

// ownedNames returns the names that rotary owns in the scope, sorted.
func (r receipt) ownedNames() []string { return slices.Sorted(maps.Keys(r.Names)) }

// unprovenNames returns the names that are not written, or not deleted, as far as the receipt knows, sorted.
func (r receipt) unprovenNames() []string {
	return slices.DeleteFunc(r.ownedNames(), func(name string) bool { return !r.Names[name].IsZero() })
}

// driftedNames returns the proven names that are not as they were left, sorted.
func (r receipt) driftedNames(listed map[string]time.Time) (changed []string) {
	for _, name := range r.ownedNames() {
		if !r.Names[name].IsZero() && !r.provesValue(name, listed) {
			changed = append(changed, name)
		}
	}
	return changed
}

// provesValue reports whether a secret certainly has the value of r.Version.
func (r receipt) provesValue(name string, listed map[string]time.Time) bool {
	proven, found := r.Names[name], listed[name]
	return !proven.IsZero() && proven.Equal(found)
}

// readReceipt returns the receipt and when it was written; nil where there is none.
func (s *Scope) readReceipt(ctx context.Context) (*receipt, time.Time, error) {
	var held gh.ActionsVariable
	_, err := s.client.callAPI(ctx, request{
		doing: "read the receipt", method: http.MethodGet, path: s.path + "/variables/" + receiptName, out: &held,
	})
	if hasStatus(err, http.StatusNotFound) {
		return nil, time.Time{}, nil
	}
	if err == nil && held.GetUpdatedAt().IsZero() {
		err = errors.New("read the receipt: GitHub's answer does not say when it was written")
	}
	if err != nil {
		return nil, time.Time{}, err
	}
	r, err := parseReceipt(held.Value)
	return r, held.GetUpdatedAt().UTC(), err
}

// writeReceipt replaces the receipt, or creates it where the scope had none. Repeatable, except that a creation
// whose answer was lost fails the Roll; the next one finds the receipt and goes on from there.
func (s *Scope) writeReceipt(ctx context.Context, r receipt, exists bool) error {
	text, err := r.encodeJSON()
	if err != nil {
		return err
	}
	q := request{
		doing: "create the receipt", method: http.MethodPost, path: s.path + "/variables",
		in: s.newReceiptRequest(text),
	}
	if exists {
		q = request{
			doing: "update the receipt", method: http.MethodPatch, path: s.path + "/variables/" + receiptName,
			in: gh.ActionsUpdateVariableRequest{Value: &text},
		}
	}
	return s.callPaced(ctx, q)
}
