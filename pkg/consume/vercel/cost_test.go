package vercel

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
	standin "github.com/rotary-secrets/rotary/internal/standin/vercel"
	"github.com/rotary-secrets/rotary/pkg/bucket"
)

// meter counts what goes over the network: bodies only.
type meter struct {
	http.RoundTripper
	calls     []string
	sent, got int
}

func (m *meter) RoundTrip(req *http.Request) (*http.Response, error) {
	m.sent += int(req.ContentLength)
	resp, err := m.RoundTripper.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(resp.Body)
	m.got += len(body)
	m.calls = append(m.calls, req.Method+" "+strings.NewReplacer("prj_dashboard", "dashboard").Replace(req.URL.Path))
	resp.Body = io.NopCloser(strings.NewReader(string(body)))
	return resp, err
}

// newKeyedVersion is a bucket of keys of 100 bytes each. The first changed ones differ from version to version.
func newKeyedVersion(version string, keys, changed int) bucket.Bucket {
	var pairs []string
	for n := range keys {
		value := strings.Repeat("x", 88)
		if n < changed {
			value = version + value[len(version):]
		}
		pairs = append(pairs, fmt.Sprintf("KEY_%08d=%s", n, value))
	}
	return newVersion(version, pairs...)
}

var (
	looks = []string{"GET /v10/projects/dashboard/env", "GET /v7/deployments", "GET /v9/projects/dashboard", "GET /v13/deployments"}
	again = []string{"GET /v7/deployments", "GET /v9/projects/dashboard", "GET /v13/deployments", "POST /v13/deployments"}
)

// A pass looks once; it rolls where something changed.
func TestWhatAPassCostsDoesNotGrowWithTheKeys(t *testing.T) {
	push := []string{"POST /v10/projects/dashboard/env"}
	for _, keys := range []int{50, 500} {
		for _, c := range []struct {
			what    string
			targets []string
			changed int
			roll    bool
			want    []string
		}{
			{"nothing changed", []string{production}, 0, false, looks},
			{"nothing changed", []string{preview, production}, 0, false, slices.Concat(looks, []string{"GET /v7/deployments"})},
			{"one key changed", []string{production}, 1, true, slices.Concat(looks, push, again)},
			{"all keys changed", []string{production}, keys, true, slices.Concat(looks, push, again)},
			{"all keys changed", []string{preview, production}, keys, true, slices.Concat(looks, []string{"GET /v7/deployments"}, push, push, again)},
		} {
			b := newBench(t, c.targets, nil)
			b.rollAndBuild(newKeyedVersion("v1", keys, c.changed))
			m := &meter{RoundTripper: sim.Transport{Handler: b.Server}}
			WithTransport(m)(b.Project)
			if c.roll {
				b.mustRoll(newKeyedVersion("v2", keys, c.changed))
			} else {
				b.mustSee()
			}
			for n, call := range m.calls { // without the deployment's id
				m.calls[n], _, _ = strings.Cut(call, "/dpl_")
			}
			if diff := cmp.Diff(c.want, m.calls); diff != "" {
				t.Errorf("%d keys, %s (-want +got):\n%s", keys, c.what, diff)
			}
			if !c.roll && m.sent != 0 {
				t.Errorf("%d keys, %s: %d bytes sent", keys, c.what, m.sent)
			}
			t.Logf("%d keys, %v, %s: %d calls, %d bytes sent, %d received", keys, c.targets, c.what, len(m.calls), m.sent, m.got)
			b.clock.Advance(standin.BuildTime)
		}
	}
}
