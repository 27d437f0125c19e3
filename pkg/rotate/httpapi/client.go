package httpapi

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/rotary-secrets/rotary/pkg/httpcall"
	"github.com/rotary-secrets/rotary/pkg/retry"
	"github.com/rotary-secrets/rotary/pkg/rotate/httpapi/vendorapi"
)

const (
	tries       = 4                // of a call, and of a question whose answer may change
	longestWait = 20 * time.Second // after a longer one Secrets Manager, or the next pass, comes back
)

// newCaller returns the caller of a vendor's API.
func newCaller(r Reach) httpcall.Caller {
	c := httpcall.Caller{
		Transport: r.Transport, Wait: r.Pause,
		Tries: tries, Timeout: 15 * time.Second, LongestWait: longestWait, LargestBody: 1 << 20,
	}
	if c.Wait == nil {
		c.Wait = retry.Sleep
	}
	if c.Transport == nil {
		c.Transport = newTransport()
	}
	return c
}

// newTransport returns a transport that connects anew for every request: a connection that breaks was broken during
// this request, and not before it.
func newTransport() *http.Transport {
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    5 * time.Second,
		DisableKeepAlives:      true,
		MaxResponseHeaderBytes: 64 << 10,
	}
}

// retryClasses are the manifest's words for the classes of httpcall.
var retryClasses = map[string]httpcall.Retry{
	vendorapi.RetryNever:      httpcall.Never,
	vendorapi.RetryThrottled:  httpcall.Throttled,
	vendorapi.RetryIdempotent: httpcall.Idempotent,
}

// callVendor makes a call that the manifest describes. It returns the answer where its status is one of success or one
// of also, and an *httpcall.Error otherwise.
func (r *Rotator) callVendor(ctx context.Context, call vendorapi.Call, n templateNames, also []int) (answer, error) {
	got, err := r.caller.Do(ctx, httpcall.Call{
		Doing: n.describePlace(call), Retry: retryClasses[call.Retry], Withhold: n.holdsValue,
		Build:   func(ctx context.Context) (*http.Request, error) { return n.buildRequest(ctx, call) },
		Expects: func(status int) bool { return call.Succeeds(status) || slices.Contains(also, status) },
	})
	if err != nil {
		return answer{}, err
	}
	return answer{
		status: got.Status, raw: got.Body, goesOn: httpcall.HasNextPage(got.Header),
		failed: func(why string) error { return got.Fail(why) },
	}, nil
}
