package vercel

import (
	"net/http"
	"strings"
	"testing"
)

const receiptsWithoutTimes = `{"envs":[{"id":"env_9","key":"A","target":["production"],"comment":"rotary production v1"},{"id":"env_8","key":"A","target":["preview"],"comment":"rotary production v1"}]}`

// A list that is not one is neither "nothing is there" nor "all is as it should be".
func TestAListThatCannotBeOneStopsARollBeforeItsFirstWrite(t *testing.T) {
	timed := strings.ReplaceAll(receiptsWithoutTimes, `"target"`, `"updatedAt":1772359200000,"target"`)
	for name, body := range map[string]string{
		"nothing": "", "null": "null", "no list": `{}`, "a list of nothing": `{"envs":[null]}`, "a variable without a key": `{"envs":[{"id":"env_9","target":["production"]}]}`,
		"a part of it": `{"envs":[],"pagination":{"count":2,"next":null}}`, "receipts without a time": receiptsWithoutTimes,
		"a time before there was any": strings.ReplaceAll(timed, "1772359200000", "-1772359200000"), "a receipt without an id": strings.Replace(timed, "env_9", "", 1),
		"an id that is a path": strings.Replace(timed, "env_9", "..", 1), "a name that is none": strings.ReplaceAll(timed, `"A"`, `"canary <&>"`),
	} {
		a := &forged{route: listing, status: http.StatusOK, header: http.Header{}, body: body}
		b := newForgedBench(t, a)
		if s, err := b.seeThrough(a); err == nil {
			t.Errorf("%s: running %q, settled %v", name, s.Running, s.Settled)
		}
		if err := b.rollThrough(a, newVersion("v2", "C=canary-2")); err == nil || len(a.writes) > 0 {
			t.Errorf("%s: it wrote %v", name, a.writes)
		}
	}
	a := &forged{route: listing, status: http.StatusOK, header: http.Header{}, body: timed}
	if s, err := newForgedBench(t, a).seeThrough(a); err != nil || s.Running != "v1" {
		t.Errorf("running %q, %v: the list itself is a good one", s.Running, err)
	}
}

func TestAnAnswerAboutAnotherDeploymentProvesNothing(t *testing.T) {
	for _, body := range []string{`{"readyState":"READY","createdAt":9772359200000}`, `{"id":"dpl_other","readyState":"READY","createdAt":9772359200000}`} {
		a := &forged{route: deployment13, status: http.StatusOK, header: http.Header{}, body: body}
		if s, err := newForgedBench(t, a).seeThrough(a); err == nil || !strings.Contains(err.Error(), "another one") {
			t.Errorf("running %q, %v", s.Running, err)
		}
	}
}

func TestWhatIsNoIdIsNotRepeated(t *testing.T) {
	for body, route := range map[string]int{
		`{"id":"prj_dashboard","name":"canary <&>"}`: reading, `{"id":"prj_dashboard","name":"dashboard","targets":{"production":{"id":"canary <&>"}}}`: reading,
		`{"deployments":[{"uid":"canary <&>","state":"BUILDING"}]}`: production6, `{"deployments":[null]}`: preview6,
	} {
		a := &forged{route: route, status: http.StatusOK, header: http.Header{}, body: body}
		if _, err := newForgedBench(t, a).seeThrough(a); err == nil {
			t.Errorf("%s is accepted", body)
		}
	}
}

// A person's comment may begin like a receipt.
func TestAReceiptIsThreeWordsLikeThoseThatRotaryWrites(t *testing.T) {
	for text, want := range map[string]bool{"rotary production v1": true, "rotary production": false, "rotary production canary<&>": false, "rotary canary<&> v1": false, "rotary production v1 x": false} {
		if _, _, ok := parseReceipt(text); ok != want {
			t.Errorf("%q is a receipt: %v", text, ok)
		}
	}
}

func TestAWaitOfMoreThanAMinuteIsLeftToTheNextPass(t *testing.T) {
	for after, calls := range map[string]int{"1": tries, "60": tries, "61": 1} {
		a := &forged{route: listing, status: http.StatusTooManyRequests, header: http.Header{"Retry-After": {after}}}
		b := newForgedBench(t, a)
		b.slept = nil
		if _, err := b.seeThrough(a); err == nil || a.calls != calls {
			t.Errorf("Retry-After %s: %d calls, want %d, %v", after, a.calls, calls, err)
		}
		for _, d := range b.slept {
			if d <= 0 || d > longestWait {
				t.Errorf("Retry-After %s: it slept %v", after, d)
			}
		}
	}
}
