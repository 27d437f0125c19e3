package main

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/internal/standin/cloudwatch"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// measured sums up what was written since the last time, by name and source.
func (w *world) measured() map[string]float64 {
	w.t.Helper()
	points, err := cloudwatch.Metrics(w.out.Bytes())
	must(w.t, err)
	w.out.Reset()
	all := map[string]float64{}
	for _, p := range points {
		if p.Namespace != "rotary" || p.Dimensions["Environment"] != "dev" || len(p.Dimensions) != 2 || p.At.After(w.Clock.Now()) {
			w.t.Errorf("%s is of %s, %v, at %v", p.Name, p.Namespace, p.Dimensions, p.At)
		}
		all[p.Name+" "+p.Dimensions["Source"]] += p.Values[0]
	}
	return all
}

func TestEveryRequestIsMeasuredWithItsEnd(t *testing.T) {
	w := newWorld(t)
	wants := func(what string, requests, refused, failed float64) {
		t.Helper()
		want := map[string]float64{"Requests handshake": requests, "RequestsRefused handshake": refused, "RequestsFailed handshake": failed}
		if diff := cmp.Diff(want, w.measured()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	w.begin()
	w.Advance(history.Deregistered + time.Minute)
	wants("a rotation is four steps", 4, 0, 0)

	_, err := w.ask(`{"advance":{"source":"handshake","version":"` + first + `","current":"` + token + `"}}`)
	must(t, err)
	wants("an advance", 1, 0, 0)

	w.h.open = func(manifest.Source) (rotate.Rotator, error) { return nil, errors.New("this build has none") }
	w.fails(`{"Step":"createSecret","SecretId":"` + handshake + `","ClientRequestToken":"` + token + `"}`)
	wants("a rotator that cannot be opened", 1, 0, 1)
}

func TestARefusedRotationIsMeasuredAsRefused(t *testing.T) {
	w := newWorld(t)
	must(t, w.store.Put(t.Context(), handshake, "33333333-0000-4000-8000-000000000003", secret.New(`{"MY_APP__AUTH_SERVICE__HANDSHAKE_KEY":"`+canary+`"}`)))
	w.Advance(time.Minute)
	w.begin()
	w.fails(`{"Step":"createSecret","SecretId":"` + handshake + `","ClientRequestToken":"` + token + `"}`)
	want := map[string]float64{"Requests handshake": 1, "RequestsRefused handshake": 1, "RequestsFailed handshake": 0}
	if diff := cmp.Diff(want, w.measured()); diff != "" {
		t.Errorf("metrics (-want +got):\n%s", diff)
	}
}

// TestARequestAboutNoSourceIsNotMeasured: its name could be anything, and every new one would be a new metric.
func TestARequestAboutNoSourceIsNotMeasured(t *testing.T) {
	w := newWorld(t)
	w.fails(`{"advance":{"source":"` + canary + `"}}`)
	w.fails(`{"Step":"createSecret","SecretId":"` + canary + `"}`)
	if got := w.measured(); len(got) > 0 {
		t.Errorf("metrics are %v", got)
	}
}

func TestRequestsAreMeasuredWithAllMetricsOnly(t *testing.T) {
	for _, choice := range []string{"", manifest.MetricsNone, manifest.MetricsFew} {
		w := newWorld(t)
		w.h.environment.Infra.Metrics = choice
		w.begin()
		w.Advance(history.Deregistered + time.Minute)
		if got := w.measured(); len(got) > 0 {
			t.Errorf("%q: metrics are %v", choice, got)
		}
	}
}
