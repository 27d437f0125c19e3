package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/rotary-secrets/rotary/pkg/duration"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/rotate/httpapi/vendorapi"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// templateNames maps the names in a call's templates to their values.
type templateNames struct {
	source  manifest.Source
	env     string
	own     rotate.Values // of the version in question
	owed    rotate.Values // of the credential that ends, if one does
	version string        // the new version, if there is one
	since   time.Time
	admin   *administrator
}

// administrator is the value of {{admin}}, which is read when it is first needed.
type administrator struct {
	source string
	read   func(context.Context) (rotate.Values, error)
	text   secret.Value
}

func (n templateNames) markerText() string { return "rotary-" + n.version }

// resolvePart returns the value of a part: a text, a whole number, or whatever a setting may be. A value that is
// missing is an error and never "": without it an address would be another one.
func (n templateNames) resolvePart(ctx context.Context, p vendorapi.Part) (any, error) {
	switch p.Kind {
	case vendorapi.Literal:
		return p.Text, nil
	case vendorapi.KeyName:
		return n.valueOf(n.own, n.source.Rotate.HTTP.KeyFor(p.Name))
	case vendorapi.OwedName:
		return n.valueOf(n.owed, n.source.Rotate.HTTP.KeyFor(p.Name))
	case vendorapi.AdminName:
		return n.admin.readCredential(ctx)
	case vendorapi.Setting:
		return n.source.Rotate.HTTP.Settings[p.Name], nil
	case vendorapi.EnvName:
		return n.env, nil
	case vendorapi.SourceName:
		return n.source.Name, nil
	case vendorapi.Version:
		return n.version, nil
	case vendorapi.Marker:
		return n.markerText(), nil
	default:
		return n.resolveDate(p)
	}
}

func (n templateNames) valueOf(of rotate.Values, key string) (string, error) {
	text := secret.Reveal(of[key])
	if text == "" {
		return "", fmt.Errorf("the version has no %s", key)
	}
	return text, nil
}

func (a *administrator) readCredential(ctx context.Context) (string, error) {
	if secret.Reveal(a.text) != "" {
		return secret.Reveal(a.text), nil
	}
	if a.read == nil || a.source == "" {
		return "", errors.New("the source names no admin")
	}
	values, err := a.read(ctx)
	if err != nil {
		return "", err
	}
	for _, value := range values {
		a.text = value
	}
	if len(values) != 1 || secret.Reveal(a.text) == "" {
		return "", fmt.Errorf("source %s does not hold exactly one value", a.source)
	}
	return secret.Reveal(a.text), nil
}

// resolveDate returns a date that is counted from the beginning of the rotation, so that it is the same in every try.
func (n templateNames) resolveDate(p vendorapi.Part) (any, error) {
	in := p.In
	if setting := p.Setting(); setting != "" {
		in, _ = n.source.Rotate.HTTP.Settings[setting].(string)
	}
	after, err := duration.Parse(in)
	if err != nil {
		return nil, fmt.Errorf("a %s is not so far away as a duration says", p.Kind)
	}
	at := n.since.UTC().Add(after.Std())
	switch p.Kind {
	case vendorapi.Date:
		return at.Format(time.DateOnly), nil
	case vendorapi.RFC3339:
		return at.Format(time.RFC3339), nil
	case vendorapi.Unix:
		return at.Unix(), nil
	case vendorapi.UnixMS:
		return at.UnixMilli(), nil
	default:
		return nil, fmt.Errorf("nothing is known of the name %s", p.Kind)
	}
}

// expandText expands a template. write returns the form in which a part's value stands in the text.
func (n templateNames) expandText(
	ctx context.Context, text string, write func(p vendorapi.Part, value string) (string, error),
) (string, error) {
	t, err := vendorapi.ParseTemplate(text)
	if err != nil {
		return "", err
	}
	var out strings.Builder
	for _, p := range t {
		found, err := n.resolvePart(ctx, p)
		if err != nil {
			return "", err
		}
		value, err := asText(found)
		if err == nil {
			value, err = write(p, value)
		}
		if err != nil {
			return "", err
		}
		out.WriteString(value)
	}
	return out.String(), nil
}

// asText returns a text or a number as text.
func asText(value any) (string, error) {
	switch value := value.(type) {
	case string:
		return value, nil
	case int64:
		return fmt.Sprint(value), nil
	}
	return "", errors.New("what is no text stands inside one")
}

func keepValue(_ vendorapi.Part, value string) (string, error) { return value, nil }

// refuseControlCharacters returns an error for a value that would end a header.
func refuseControlCharacters(_ vendorapi.Part, value string) (string, error) {
	if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return "", errors.New("a value with a control character cannot stand in a header")
	}
	return value, nil
}

// newAddressEscaper returns a function for expandText that escapes each value for its place: in the host, which is
// made of settings only, in the path, or in the query.
func newAddressEscaper() func(vendorapi.Part, string) (string, error) {
	slashes, query := 0, false
	return func(p vendorapi.Part, value string) (string, error) {
		switch {
		case p.Kind == vendorapi.Literal:
			slashes += strings.Count(value, "/")
			query = query || strings.Contains(value, "?")
			return value, nil
		case query:
			return url.QueryEscape(value), nil
		case slashes < 3:
			return value, nil
		case value == "." || value == "..":
			return "", errors.New("a value that is only dots cannot stand in an address")
		}
		return url.PathEscape(value), nil
	}
}

// buildRequest returns the request that a call describes.
func (n templateNames) buildRequest(ctx context.Context, c vendorapi.Call) (*http.Request, error) {
	where, err := n.expandText(ctx, c.URL, newAddressEscaper())
	if err != nil {
		return nil, err
	}
	kind, body, err := n.buildBody(ctx, c)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, c.Method, where, body)
	if err != nil {
		return nil, errors.New("its address is not a URL") // the error quotes it
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "rotary")
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	for _, name := range slices.Sorted(maps.Keys(c.Headers)) {
		value, err := n.expandText(ctx, c.Headers[name], refuseControlCharacters)
		if err != nil {
			return nil, err
		}
		req.Header.Set(name, value)
	}
	return req, n.setBasicAuth(ctx, c, req)
}

// setBasicAuth sets the header Authorization where the call describes a user and a password.
func (n templateNames) setBasicAuth(ctx context.Context, c vendorapi.Call, req *http.Request) error {
	if c.Basic == "" {
		return nil
	}
	user, password, _ := strings.Cut(c.Basic, ":")
	user, err := n.expandText(ctx, user, keepValue)
	if err != nil {
		return err
	}
	if password, err = n.expandText(ctx, password, keepValue); err != nil {
		return err
	}
	if strings.Contains(user, ":") {
		return errors.New("a user's name with a colon cannot stand before a password")
	}
	req.SetBasicAuth(user, password)
	return nil
}

// buildBody returns a call's body and its content type; "" for a call without a body.
func (n templateNames) buildBody(ctx context.Context, c vendorapi.Call) (kind string, body io.Reader, err error) {
	switch {
	case c.JSON != nil:
		filled, err := n.expandJSON(ctx, map[string]any(c.JSON))
		if err != nil {
			return "", nil, err
		}
		text, err := json.Marshal(filled)
		return "application/json", bytes.NewReader(text), err
	case c.Form != nil:
		form := url.Values{}
		for _, name := range slices.Sorted(maps.Keys(c.Form)) {
			value, err := n.expandText(ctx, c.Form[name], keepValue)
			if err != nil {
				return "", nil, err
			}
			form.Set(name, value)
		}
		return "application/x-www-form-urlencoded", strings.NewReader(form.Encode()), nil
	}
	return "", nil, nil
}

// expandJSON expands the texts of a JSON value. A text that is a single name becomes the name's value, which may be a
// number or a list.
func (n templateNames) expandJSON(ctx context.Context, value any) (any, error) {
	switch value := value.(type) {
	case string:
		if t, err := vendorapi.ParseTemplate(value); err == nil && len(t) == 1 {
			return n.resolvePart(ctx, t[0])
		}
		return n.expandText(ctx, value, keepValue)
	case []any:
		list := []any{}
		for _, item := range value {
			filled, err := n.expandJSON(ctx, item)
			if err != nil {
				return nil, err
			}
			list = append(list, filled)
		}
		return list, nil
	case map[string]any:
		object := map[string]any{}
		for _, name := range slices.Sorted(maps.Keys(value)) {
			filled, err := n.expandJSON(ctx, value[name])
			if err != nil {
				return nil, err
			}
			object[name] = filled
		}
		return object, nil
	}
	return value, nil
}

// describePlace returns where a call goes, for people: names stay names, and the query is left out.
func (n templateNames) describePlace(c vendorapi.Call) string {
	t, _ := vendorapi.ParseTemplate(c.URL) // it was expanded before
	var out strings.Builder
	for _, p := range t {
		switch setting, err := asText(n.source.Rotate.HTTP.Settings[p.Name]); {
		case p.Kind == vendorapi.Literal:
			out.WriteString(p.Text)
		case p.Kind == vendorapi.Setting && err == nil:
			out.WriteString(setting)
		case p.Kind == vendorapi.KeyName:
			out.WriteString("{{" + p.Name + "}}")
		default:
			out.WriteString("{{" + strings.Trim(string(p.Kind)+"."+p.Name, ".") + "}}")
		}
	}
	where, _, _ := strings.Cut(out.String(), "?")
	return c.Method + " " + where
}

// holdsValue reports whether a text has any of the values in it, but those too short to be secret.
func (n templateNames) holdsValue(text string) bool {
	for _, values := range []rotate.Values{n.own, n.owed, {"admin": n.admin.text}} {
		for _, value := range values {
			if v := secret.Reveal(value); len(v) >= 8 && strings.Contains(text, v) {
				return true
			}
		}
	}
	return false
}
