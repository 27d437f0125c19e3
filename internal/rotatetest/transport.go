package rotatetest

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
)

// Transport is an http.RoundTripper whose every request is a call of its own: the process may end before the target
// gets it, or when it was answered and nobody has heard. base carries it. The call's name is the method and the path,
// and the Action where the body has one, as AWS's query protocol does.
func Transport(base http.RoundTripper, calls Calls) http.RoundTripper { return transport{base, calls} }

type transport struct {
	base  http.RoundTripper
	calls Calls
}

// RoundTrip implements http.RoundTripper. An answer that nobody hears is closed.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	r, name, err := nameRequest(r)
	if err != nil {
		return nil, err
	}
	var answer *http.Response
	err = t.calls(name, func() (err error) { answer, err = t.base.RoundTrip(r); return err }) //nolint:bodyclose // it is the caller's, or closed below
	if err != nil && answer != nil {
		_ = answer.Body.Close()
		return nil, err
	}
	return answer, err
}

// nameRequest returns a copy of a request whose body can be read, and its name.
func nameRequest(r *http.Request) (same *http.Request, name string, err error) {
	name = r.Method + " " + r.URL.Path
	if r.Body == nil {
		return r, name, nil
	}
	body, err := io.ReadAll(r.Body)
	_ = r.Body.Close()
	if err != nil {
		return nil, name, err
	}
	same = r.Clone(r.Context())
	same.Body = io.NopCloser(bytes.NewReader(body))
	if form, err := url.ParseQuery(string(body)); err == nil && form.Has("Action") {
		name += " " + form.Get("Action")
	}
	return same, name, nil
}
