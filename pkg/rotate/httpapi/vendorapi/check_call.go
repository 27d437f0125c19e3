package vendorapi

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/rotary-secrets/rotary/pkg/duration"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// checkCall checks one call, which may use keys, settings, env and source, admin where there is one, and these kinds of
// names.
func (s Scope) checkCall(name string, call Call, kinds ...Kind) {
	at := s.Path + "." + name
	s.requireOneOf(at+".method", call.Method, "GET", "POST", "PUT", "PATCH", "DELETE")
	s.requireOneOf(at+".retry", call.Retry, RetryNever, RetryThrottled, RetryIdempotent)
	s.checkStatuses(name+".expect", call.Expect, 200, 299)
	if call.JSON != nil && call.Form != nil {
		s.Report(at+".form", at+" has both json and form", "keep one of them")
	}
	if call.Method == "GET" && (call.JSON != nil || call.Form != nil) {
		s.Report(at, at+" is a GET with a body", "write the method, or remove the body")
	}
	s.checkHeaders(at, call)
	for _, text := range call.listTemplates() {
		s.checkTemplate(joinPath(at, text.path), text.text, kinds)
	}
	if s.requireValue(at+".url", call.URL, "write the address, like https://api.example.com/v1/tokens") {
		s.checkURL(at+".url", call.URL)
	}
}

// reservedHeaders returns the headers that the client writes itself.
func reservedHeaders() []string {
	return []string{"host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer"}
}

func (s Scope) checkHeaders(at string, call Call) {
	if call.Basic != "" && !strings.Contains(call.Basic, ":") {
		s.Report(at+".basic", at+".basic is not user:password", "write both, with a colon between them")
	}
	seen := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(call.Headers)) {
		lower := strings.ToLower(name)
		switch {
		case slices.Contains(reservedHeaders(), lower):
			s.Report(at+".headers."+name, "header "+secret.QuoteName(name)+" is written by rotary itself", "remove it")
		case seen[lower] || lower == "authorization" && call.Basic != "":
			s.Report(at+".headers."+name, "header "+secret.QuoteName(name)+" is there twice", "remove one of them")
		}
		seen[lower] = true
	}
}

func (s Scope) checkTemplate(at, text string, kinds []Kind) {
	if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		s.Report(at, at+" has a line break or another control character", "write it in one line")
	}
	t, err := ParseTemplate(text)
	if err != nil {
		s.Report(at, at+" has braces that are no name", err.Error())
		return
	}
	for _, part := range t {
		if what, do := s.explainUnknownName(part, kinds); what != "" {
			s.Report(at, at+" uses "+what, do)
		}
		if setting := part.Setting(); setting != "" || part.In != "" {
			s.checkDate(at, part)
		}
	}
}

// explainUnknownName returns what is wrong with a name and what to do about it, or empty texts.
func (s Scope) explainUnknownName(part Part, kinds []Kind) (what, do string) {
	_, set := s.Settings[part.Name]
	name := part.Name
	if secret.LooksLike(name) {
		name = "…"
	}
	switch part.Kind {
	case Literal, EnvName, SourceName:
	case KeyName, OwedName:
		if part.Kind == OwedName && !slices.Contains(kinds, OwedName) {
			return "{{owed." + name + "}}, and no credential ends here", "write {{" + name + "}}"
		}
		if !slices.Contains(s.Keys, part.Name) {
			return "{{" + name + "}}, which is not one of the source's keys", "list it under keys, or correct it"
		}
	case Setting:
		if !set {
			return "{{settings." + name + "}}, and there is no such setting", "write the text itself"
		}
	case AdminName:
		if !s.Admin {
			return "{{admin}}, and no admin is named", "name its source beside http: admin: …"
		}
	default:
		if !slices.Contains(kinds, part.Kind) {
			return "{{" + string(part.Kind) + "}}, which is only known while a credential is made",
				"use it in create and find"
		}
	}
	return "", ""
}

// checkDate checks how far away a date is: what ends before it is replaced is an outage.
func (s Scope) checkDate(at string, part Part) {
	in := part.In
	if setting := part.Setting(); setting != "" {
		if s.Open != "" {
			at = s.Open + "." + setting
		}
		in, _ = s.Settings[setting].(string)
	}
	d, err := duration.Parse(in)
	switch {
	case err != nil:
		s.Report(at, at+" is not a duration", "write one like 90d")
	case s.Every != 0 && d <= s.Every:
		s.Report(at, at+" is over before the next rotation", "make it longer than every")
	}
}

var (
	urlShape = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^(https?)://([^/?#]*)([/?][A-Za-z0-9!$%&'()*+,./:;=?@\[\]_~-]*)?$`)
	})
	hostShape = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^([A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:]+\])(:[0-9]{1,5})?$`)
	})
	loopback = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^(localhost|127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?$`)
	})
)

// checkURL reports an address that is not https, or whose host is not known from the manifest alone: a credential goes
// there. http is for tests on the machine itself.
func (s Scope) checkURL(at, text string) {
	t, err := ParseTemplate(text)
	if err != nil {
		return // reported
	}
	scheme, host := "", ""
	if m := urlShape().FindStringSubmatch(s.fillSettings(t)); m != nil {
		scheme, host = m[1], m[2]
	}
	switch {
	case scheme == "" || scheme == "http" && !loopback().MatchString(host):
		s.Report(at, at+" is not an https address", "write one like https://api.example.com/v1/tokens")
	case strings.Contains(host, unsettled):
		s.Report(at, at+" has a host that is not known from this file", "write the host itself: it gets the credential")
	case !hostShape().MatchString(host):
		if setting := findHostSetting(t); setting != "" && s.Open != "" {
			at = s.Open + "." + setting
		}
		s.Report(at, at+" is not a host", "write one like api.example.com")
	}
}

// unsettled stands in an address for what only a request will know.
const unsettled = "~"

// fillSettings returns a text with its settings filled in, and unsettled for every other name.
func (s Scope) fillSettings(t Template) string {
	var out strings.Builder
	for _, part := range t {
		switch value := s.Settings[part.Name]; {
		case part.Kind == Literal:
			out.WriteString(part.Text)
		case part.Kind == Setting && isScalarSetting(value):
			out.WriteString(strings.NewReplacer("/", "%2F", "?", "%3F", "#", "%23", "@", "%40", " ",
				"%20").Replace(fmt.Sprint(value)))
		default:
			out.WriteString(unsettled)
		}
	}
	return out.String()
}

// findHostSetting returns the setting that stands in the host, or "".
func findHostSetting(t Template) string {
	if len(t) > 1 && t[1].Kind == Setting && strings.Count(t[0].Text, "/") == 2 {
		return t[1].Name
	}
	return ""
}

// placed is a text of a call, and where it stands.
type placed struct{ path, text string }

// listTemplates returns every template of c.
func (c Call) listTemplates() []placed {
	all := []placed{{"url", c.URL}, {"basic", c.Basic}}
	for _, name := range slices.Sorted(maps.Keys(c.Headers)) {
		all = append(all, placed{"headers." + name, c.Headers[name]})
	}
	for _, name := range slices.Sorted(maps.Keys(c.Form)) {
		all = append(all, placed{"form." + name, c.Form[name]})
	}
	return append(all, listTexts("json", map[string]any(c.JSON))...)
}

// listTexts returns the texts inside a JSON value.
func listTexts(path string, value any) (all []placed) {
	switch value := value.(type) {
	case string:
		return []placed{{path, value}}
	case []any:
		for i, item := range value {
			all = append(all, listTexts(indexPath(path, i), item)...)
		}
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(value)) {
			all = append(all, listTexts(joinPath(path, name), value[name])...)
		}
	}
	return all
}

// listNames returns the names of a kind that c uses.
func (c Call) listNames(kind Kind) []string {
	var all []string
	for _, text := range c.listTemplates() {
		t, _ := ParseTemplate(text.text) // an error is reported
		for _, part := range t {
			if part.Kind == kind {
				all = append(all, part.Name)
			}
		}
	}
	return all
}

// Keys returns the names of the keys that c sends, sorted.
func (c Call) Keys() []string {
	return slices.Compact(slices.Sorted(slices.Values(c.listNames(KeyName))))
}
