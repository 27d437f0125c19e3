// Package vendorapi describes how a vendor's HTTP API makes, tests and revokes a credential, in the words of rotary.yaml.
// It is pure: pkg/manifest reads and checks descriptions with it, and pkg/rotate/httpapi makes the calls.
package vendorapi

import (
	"cmp"
	_ "embed" // vendors.yaml
	"maps"
	"slices"
)

// API describes the calls of a vendor's API that make, test and revoke a credential. Every text of a call is a
// template. docs/adr/0012 lists what a vendor has to be like.
type API struct {
	// Makes a credential. Default method: POST.
	// Refuses: `{}`.
	Create Create `yaml:"create" json:"create"`
	// Proves that the vendor accepts a credential. Default method: GET.
	// Refuses: `{}`.
	Test Test `yaml:"test" json:"test"`
	// Ends the credential of which {{owed.KEY}} speaks. Default method: DELETE. Without it, a credential ends by
	// itself, or a person revokes it.
	// Refuses: `{}`.
	Revoke *Revoke `yaml:"revoke,omitempty" json:"revoke,omitempty"`
	// Lists credentials by name. Those called {{marker}} are an earlier try's, and are revoked. Default method: GET.
	// Refuses: `{}`.
	Find *Find `yaml:"find,omitempty" json:"find,omitempty"`
	// Asks when the credential of which {{owed.KEY}} speaks was used last, immediately before it is revoked. A use after
	// every consumer was seen without it stops that, until a person accepts it. Default method: GET.
	// Refuses: `{}`.
	LastUsed *LastUsed `yaml:"last_used,omitempty" json:"last_used,omitempty"`
	// none: a new credential kills the old one at once. A duration, such as 24h: the old one lives so long. Default:
	// until it is revoked.
	// Example: `24h`. Refuses: `soon`.
	Overlap string `yaml:"overlap,omitempty" json:"overlap,omitempty"`
}

// Call is one request. Exactly one of JSON and Form may be its body.
type Call struct {
	// The HTTP method.
	// Example: `PUT`. Refuses: `FETCH`.
	Method string `yaml:"method,omitempty" json:"method,omitempty"`
	// An https address. Its host is made of literal text and settings only.
	// Example: `"https://api.partner.example/v1/tokens"`. Refuses: `"http://api.partner.example/v1/tokens"`, and a host
	// that a value decides, `"https://{{admin}}/"`.
	URL string `yaml:"url" json:"url"`
	// The headers of the request.
	// Example: `{X-Region: eu}`. Refuses: `{"X Region": eu}`.
	Headers map[string]string `yaml:"headers,omitempty" json:"headers,omitempty"`
	// user:password, for the Authorization header.
	// Example: `"rotary:{{admin}}"`. Refuses: what is no template, `"{{"`.
	Basic string `yaml:"basic,omitempty" json:"basic,omitempty"`
	// The body as JSON. A text that is one template may stand for a number or a list.
	// Example: `{name: "{{marker}}", scopes: [read]}`. Refuses: `[read]`.
	JSON JSON `yaml:"json,omitempty" json:"json,omitempty"`
	// The body, form-encoded.
	// Example: `{name: "{{marker}}"}`. Refuses: a name that stands for nothing, `{name: "{{NOBODY}}"}`.
	Form map[string]string `yaml:"form,omitempty" json:"form,omitempty"`
	// The statuses of success. Default: 200 to 299.
	// Example: `[201]`. Refuses: `[2010]`.
	Expect []int `yaml:"expect,omitempty" json:"expect,omitempty"`
	// never, throttled (where the answer says that nothing was done) or idempotent. Default: throttled for POST and
	// PATCH, idempotent for others.
	// Example: `never`. Refuses: `always`.
	Retry string `yaml:"retry,omitempty" json:"retry,omitempty"`
}

// Create makes a credential and answers with JSON.
type Create struct {
	Call
	// The source's key, and the JSONPath (RFC 9535) of its new value in the answer.
	// Example: `{PARTNER_TOKEN: $.token, PARTNER_TOKEN_ID: $.id}`. Refuses: `{GH_TOKEN: $.token}`.
	Set map[string]string `yaml:"set" json:"set"`
	// Asked again for one {{version}}, the vendor makes nothing more.
	// Example: `true`. Refuses: `"yes"`.
	Repeatable bool `yaml:"repeatable,omitempty" json:"repeatable,omitempty"`
}

// Test proves that the vendor accepts a credential. {{KEY}} is of the version in question.
type Test struct {
	Call
	// The statuses of a credential that is dead. Default: 401.
	// Example: `[401, 403]`. Refuses: `[4010]`.
	Refused []int `yaml:"refused,omitempty" json:"refused,omitempty"`
	// The source's key, and the JSONPath where the answer must say the same.
	// Example: `{PARTNER_TOKEN_ID: $.id}`. Refuses: `{GH_TOKEN: $.id}`.
	Same map[string]string `yaml:"same,omitempty" json:"same,omitempty"`
}

// Revoke ends a credential. {{owed.KEY}} is of the one that ends, {{KEY}} of the current one.
type Revoke struct {
	Call
	// The statuses of a credential that had ended before. Test decides whether it has.
	// Example: `[404]`. Refuses: `[4040]`.
	Gone []int `yaml:"gone,omitempty" json:"gone,omitempty"`
}

// LastUsed asks when a credential was used last. {{owed.KEY}} is of the one that is to end, {{KEY}} of the current one.
type LastUsed struct {
	Call
	// The JSONPath of the time in the answer: a text (RFC 3339), or seconds since 1970. Nothing there, null and "": it was
	// never used.
	// Example: `$.last_used_at`. Refuses: `last_used_at`.
	At string `yaml:"at" json:"at"`
	// The statuses of a credential that has ended.
	// Example: `[404]`. Refuses: `[4040]`.
	Gone []int `yaml:"gone,omitempty" json:"gone,omitempty"`
}

// Find lists credentials by name. Those called {{marker}} are an earlier try's, and are revoked.
type Find struct {
	Call
	// The JSONPath of the list in the answer.
	// Example: `$.tokens`. Refuses: `tokens`.
	Entries string `yaml:"entries" json:"entries"`
	// The JSONPath of the name in an entry.
	// Example: `$.name`. Refuses: `name`.
	Name string `yaml:"name" json:"name"`
	// The key, and the JSONPath in an entry of what revoke needs as {{owed.KEY}}.
	// Example: `{PARTNER_TOKEN_ID: $.id}`. Refuses: `{GH_TOKEN: $.id}`.
	Set map[string]string `yaml:"set" json:"set"`
	// The JSONPath of what is there only where the list goes on: then nothing is made.
	// Example: `$.next`. Refuses: `next`.
	More string `yaml:"more,omitempty" json:"more,omitempty"`
}

// JSON is an object whose texts are templates: texts, whole numbers, truth values, nulls, lists and objects.
type JSON map[string]any

// Vendor is a ready-made description: an API, and what a source must set to use it.
type Vendor struct {
	About    string   `yaml:"about" json:"about"`                           // what it rotates
	Rights   string   `yaml:"rights" json:"rights"`                         // what the credential must be allowed
	Links    []string `yaml:"links" json:"links"`                           // pages of the vendor about it
	Keys     []string `yaml:"keys" json:"keys"`                             // the names that keys_for maps
	Admin    string   `yaml:"admin,omitempty" json:"admin,omitempty"`       // what admin holds; "": it takes none
	Settings JSON     `yaml:"settings,omitempty" json:"settings,omitempty"` // with defaults; null: to be given
	API
}

// The words for Overlap and Retry.
const (
	OverlapNone     = "none"
	RetryNever      = "never"
	RetryThrottled  = "throttled"
	RetryIdempotent = "idempotent"
)

// ReadyMade is a YAML document, {vendors: {NAME: Vendor}}, of the ready-made descriptions.
//
//go:embed vendors.yaml
var ReadyMade []byte

// MergeSettings returns the vendor's settings, those that are given before their defaults.
func (v Vendor) MergeSettings(given JSON) JSON {
	settings := JSON{}
	maps.Copy(settings, v.Settings)
	maps.Copy(settings, given)
	return settings
}

// WithDefaults fills in methods, statuses and retries that a leaves out.
func (a API) WithDefaults() API {
	if a.Create.Retry == "" && !a.Create.Repeatable {
		a.Create.Retry = RetryThrottled
	}
	a.Create.Call = a.Create.withDefaults("POST", a.Create.Repeatable)
	a.Test.Call = a.Test.withDefaults("GET", false)
	if len(a.Test.Refused) == 0 {
		a.Test.Refused = []int{401}
	}
	if a.Revoke != nil {
		revoke := *a.Revoke
		revoke.Call = revoke.withDefaults("DELETE", false)
		a.Revoke = &revoke
	}
	if a.LastUsed != nil {
		last := *a.LastUsed
		last.Call = last.withDefaults("GET", false)
		a.LastUsed = &last
	}
	if a.Find != nil {
		find := *a.Find
		find.Call = find.withDefaults("GET", false)
		a.Find = &find
	}
	return a
}

func (c Call) withDefaults(method string, repeatable bool) Call {
	c.Method = cmp.Or(c.Method, method)
	if c.Retry == "" {
		c.Retry = RetryIdempotent
		if !repeatable && (c.Method == "POST" || c.Method == "PATCH") {
			c.Retry = RetryThrottled
		}
	}
	return c
}

// Succeeds reports whether a status means that the call did what it is for.
func (c Call) Succeeds(status int) bool {
	if len(c.Expect) == 0 {
		return status >= 200 && status <= 299
	}
	return slices.Contains(c.Expect, status)
}
