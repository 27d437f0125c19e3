package manifest

import (
	"encoding/json"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// Check is the manifest's condition on a key's value. Exactly one of Word, Pattern and Call is set.
type Check struct {
	Word    string     // url, json, pem, bool or int
	Pattern string     // a regular expression (RE2), without its slashes
	Call    *CheckCall // a request that the value must be accepted by
}

// CheckCall is a GET that proves that a value is accepted.
type CheckCall struct {
	// An https address.
	// Example: `"https://api.vendor-a.example/v1/me"`. Refuses: `"http://api.vendor-a.example"`, and addresses without
	// a name, `"https://127.0.0.1/me"`.
	Get string `yaml:"get" json:"get"`
	// The value is sent as Authorization: Bearer.
	// Example: `true`. Refuses: `false` without header.
	Bearer bool `yaml:"bearer,omitempty" json:"bearer,omitempty"`
	// The header in which the value is sent instead.
	// Example: `X-Api-Key`. Refuses: `"X Api Key"`.
	Header string `yaml:"header,omitempty" json:"header,omitempty"`
	// The status of the answer. Default: 200.
	// Example: `204`. Refuses: `404`.
	Expect int `yaml:"expect,omitempty" json:"expect,omitempty"`
}

// CheckWords returns the words that a check may be.
func CheckWords() []string { return []string{"bool", "int", "json", "pem", "url"} }

func (k *Check) decodeYAML(r *report, node ast.Node, path string) {
	if _, is := node.(*ast.MappingNode); is {
		k.Call = &CheckCall{}
		r.decodeStruct(node, path, reflect.ValueOf(k.Call).Elem())
		return
	}
	text, is := readText(node)
	pattern, opens := strings.CutPrefix(text, "/")
	pattern, closes := strings.CutSuffix(pattern, "/")
	switch {
	case !is || text == "":
		r.addWrongKind(node, path, "a word, a /regular expression/ or a call",
			"write one of "+strings.Join(CheckWords(), ", ")+", \"/^sk_/\", or {get: …, bearer: true}")
	case opens && closes && pattern != "":
		k.Pattern = pattern
	default:
		k.Word = text
	}
}

// MarshalJSON writes k as the file has it.
func (k Check) MarshalJSON() ([]byte, error) { return json.Marshal(k.writtenForm()) }

// MarshalYAML writes k as the file has it.
func (k Check) MarshalYAML() (any, error) { return k.writtenForm(), nil }

func (k Check) writtenForm() any {
	switch {
	case k.Call != nil:
		return k.Call
	case k.Pattern != "":
		return "/" + k.Pattern + "/"
	}
	return k.Word
}

var (
	headerShape   = newShape("^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}$")
	checkURLShape = newShape(`^https://([A-Za-z0-9-]+\.)+[A-Za-z][A-Za-z0-9-]*(:[0-9]{1,5})?(/[^\s?#@]*)?(\?[^\s#]*)?$`)
)

func (c checker) checkChecks(path string, source Source) {
	for _, key := range slices.Sorted(maps.Keys(source.Check)) {
		at, check := joinPath(path, key), source.Check[key]
		if !source.Declares(key) {
			c.add(at, at+" is not one of the source's keys", "list it under keys, or correct it")
		}
		switch {
		case check.Call != nil:
			c.checkCallOf(at, *check.Call)
		case check.Pattern != "":
			if _, err := regexp.Compile(check.Pattern); err != nil {
				c.add(at, at+" is not a regular expression", "write one that RE2 knows (https://github.com/google/re2/wiki/Syntax)")
			}
		case check.Word != "":
			c.requireOneOf(at, check.Word, append(CheckWords(), "/…/")...)
			if slices.Contains(CheckWords(), check.Word) && source.neverWrites(key, check.Word) {
				c.add(at, at+" is "+check.Word+", and no value that the source's rotator writes is", "remove the check")
			}
		}
	}
}

// neverWrites reports whether no value that the rotator of s puts into a key is what a word says.
func (s Source) neverWrites(key, word string) bool {
	switch r := s.Rotate; {
	case !slices.Contains(s.Writes(), key):
		return false
	case r.Random != nil && r.Random.Pair != "":
		return word != "pem"
	case r.Random != nil:
		alphabet, _ := r.Random.Characters()
		return word != "int" || strings.Trim(alphabet, digits) != ""
	case r.AWSAccessKey != nil:
		return true
	case slices.Contains(s.Database().URL, key):
		return word != "url"
	}
	return false
}

func (c checker) checkCallOf(path string, call CheckCall) {
	if c.requireValue(path+".get", call.Get, "write the address, like https://api.example.com/v1/me") &&
		!checkURLShape.MatchString(call.Get) {
		c.add(path+".get", path+".get is not an https address of a host with a name",
			"write one like https://api.example.com/v1/me")
	}
	switch {
	case call.Bearer == (call.Header != ""):
		c.add(path, path+" does not say how the value is sent, or says it twice",
			"write bearer: true, or name the header with header")
	case call.Header != "" && !headerShape.MatchString(call.Header):
		c.add(path+".header", path+".header is not the name of a header", "write one like X-Api-Key")
	}
	if call.Expect != 0 && (call.Expect < 200 || call.Expect > 299) {
		c.add(path+".expect", path+".expect is not a status of success", "write 200 to 299")
	}
	c.addNote(path, path+" has no effect yet: the call is not made", "leave it, or remove it")
}
