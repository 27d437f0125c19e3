package github_test

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

const dated = "Date: Thu, 01 Jan 2026 00:10:00 GMT\n"

func TestAnAnswerWithoutAListIsNotAnEmptyList(t *testing.T) {
	for path, names := range map[string]string{`/secrets$`: "list secrets", `/actions/runs$`: "list workflow runs"} {
		for _, body := range []string{"", "{}", "null", `{"secrets":[],"workflow_runs":[]}`} {
			w := newSettledWorld(t, nil)
			seen, err := w.seeThrough(&forged{route: route{"GET", path}, status: http.StatusOK, header: parseHeaders(dated), body: body})
			if err == nil || !strings.Contains(err.Error(), names) {
				t.Errorf("%s with %q: settled %v, %v", path, body, seen.Settled, err)
			}
		}
	}
	w := newSettledWorld(t, nil)
	if _, err := w.seeThrough(&forged{route: routes[0], status: http.StatusOK, header: parseHeaders(dated), body: `{"total_count":1,"secrets":[null]}`}); err != nil {
		t.Errorf("a secret without a name: %v", err)
	}
}

func TestAListThatDoesNotEndIsLeft(t *testing.T) {
	header := parseHeaders(dated + `Link: <https://github.standin/x?page=2>; rel="next"`)
	w := newSettledWorld(t, nil)
	a := &forged{route: routes[0], status: http.StatusOK, header: header, body: `{"total_count":1,"secrets":[{"name":"A"}]}`}
	if _, err := w.seeThrough(a); err == nil || !strings.Contains(err.Error(), "does not end within 10 pages") || a.calls != 10 {
		t.Errorf("secrets: %d calls, %v", a.calls, err)
	}
	a = &forged{route: routes[2], status: http.StatusOK, header: header, body: `{"total_count":1,"workflow_runs":[{"created_at":"2026-01-01T00:09:00Z"}]}`}
	if seen, err := w.seeThrough(a); err != nil || seen.Settled || a.calls != 12 {
		t.Errorf("runs: %d calls, settled %v, %v", a.calls, seen.Settled, err)
	}
}

func TestAWaitOfMoreThanTwoMinutesIsLeftToTheNextPass(t *testing.T) {
	for after, calls := range map[string]int{"1": 4, "120": 4, "121": 1} {
		w := newSettledWorld(t, nil)
		w.waited = nil
		a := &forged{route: routes[0], status: http.StatusServiceUnavailable, header: parseHeaders("Retry-After: " + after)}
		if _, err := w.seeThrough(a); err == nil || a.calls != calls {
			t.Errorf("Retry-After %s: %d calls, want %d", after, a.calls, calls)
		}
		for _, d := range w.waited {
			if d <= 0 || d > 2*time.Minute {
				t.Errorf("Retry-After %s: it waited %v", after, d)
			}
		}
	}
}

func TestAReceiptThatRotaryCannotHaveWrittenIsNone(t *testing.T) {
	const good = `{"environment":"dev","version":"v2","done":true,"names":{"B":"2026-01-01T00:00:03Z"}}`
	for name, text := range map[string]string{
		"something follows": good + " x", "a bracket follows": good + "]", "twice": good + good,
		"another environment's, not a name": strings.Replace(good, "dev", "canary <&>", 1),
		"a version that is no id":           strings.Replace(good, "v2", "v2 canary-", 1),
		"a name that is a path":             strings.Replace(good, `"B"`, `"../B"`, 1),
		"an earlier version that is no id":  strings.Replace(good, `"done"`, `"previous":{"canary <":"2026-01-01T00:00:03Z"},"done"`, 1),
	} {
		w := newSettledWorld(t, nil)
		w.server.SetVariableByHand(repo, "prod/eu", "ROTARY_RECEIPT", text)
		none := &forged{route: route{"NONE", ""}}
		if seen, err := w.seeThrough(none); err != nil || !strings.Contains(seen.Unknown, "is no receipt of rotary's") {
			t.Errorf("%s: %+v, %v", name, seen, err)
		}
		if err := w.rollThrough(none, w.addVersion("v3", map[string]string{"A": "canary-3"})); err == nil || len(none.writes) > 0 {
			t.Errorf("%s: it wrote %v", name, none.writes)
		}
	}
}

// The quiet period begins when the receipt was written.
func TestAReceiptWithoutATimeIsNotBelieved(t *testing.T) {
	w := newSettledWorld(t, nil)
	a := &forged{route: routes[1], status: http.StatusOK, header: parseHeaders(dated), body: `{"name":"ROTARY_RECEIPT","value":"{\"environment\":\"dev\",\"version\":\"v2\",\"names\":{}}"}`}
	if _, err := w.seeThrough(a); err == nil || !strings.Contains(err.Error(), "does not say when it was written") {
		t.Errorf("error is %v", err)
	}
}
