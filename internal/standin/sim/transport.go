package sim

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
)

// Transport carries requests to a handler in memory, without a socket: an http.RoundTripper for the genuine
// clients. A handler that aborts looks like a broken connection.
type Transport struct{ Handler http.Handler }

// RoundTrip implements http.RoundTripper. It waits for the handler.
func (t Transport) RoundTrip(req *http.Request) (resp *http.Response, err error) {
	defer func() {
		if p := recover(); p != nil {
			if p != http.ErrAbortHandler { //nolint:errorlint // a panic value, compared as net/http does
				panic(p)
			}
			resp, err = nil, io.ErrUnexpectedEOF
		}
	}()
	in, err := inboundRequest(req)
	if err != nil {
		return nil, err
	}
	rec := httptest.NewRecorder()
	t.Handler.ServeHTTP(rec, in)
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	resp = rec.Result()
	resp.Request = req
	return resp, nil
}

// inboundRequest turns a client's request into what a server would see.
func inboundRequest(req *http.Request) (*http.Request, error) {
	var body []byte
	if req.Body != nil {
		defer req.Body.Close()
		var err error
		if body, err = io.ReadAll(req.Body); err != nil {
			return nil, err
		}
	}
	in := req.Clone(req.Context())
	in.Body, in.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	if in.Host == "" {
		in.Host = req.URL.Host
	}
	in.RequestURI = req.URL.RequestURI()
	return in, nil
}
