package httpapi

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"github.com/theory/jsonpath"

	"github.com/rotary-secrets/rotary/pkg/rotate"
)

// judgeUse returns a *rotate.InUse where the vendor tells of a use of the owed credential that vetoes its end. Without
// last_used in the description nobody asks.
func (r *Rotator) judgeUse(ctx context.Context, e rotate.End) error {
	last := r.api.LastUsed
	if last == nil || e.Forced {
		return nil
	}
	n := r.namesFor(e.Current)
	n.owed = e.Owed
	answer, err := r.callVendor(ctx, last.Call, n, last.Gone)
	if err != nil || !last.Succeeds(answer.status) {
		return err
	}
	at, used, err := answer.selectTime(last.At)
	if err != nil || !used {
		return err
	}
	return e.Witness.Judge([]rotate.Use{{Ago: e.Witness.Now.Sub(at), Certain: true}})
}

// selectTime returns the time that a JSONPath finds: a text (RFC 3339), or seconds since 1970. used is false where there
// is none.
func (a answer) selectTime(path string) (at time.Time, used bool, err error) {
	if err := a.parseJSON(); err != nil {
		return at, false, err
	}
	parsed, err := jsonpath.Parse(path)
	if err != nil {
		return at, false, a.failBecause("its description has a JSONPath that is none")
	}
	found := parsed.Select(a.value)
	if len(found) == 0 || len(found) == 1 && (found[0] == nil || found[0] == "") {
		return at, false, nil
	}
	if len(found) == 1 {
		switch value := found[0].(type) {
		case string:
			if at, err = time.Parse(time.RFC3339, value); err == nil {
				return at, true, nil
			}
		case json.Number:
			if seconds, err := strconv.ParseInt(value.String(), 10, 64); err == nil {
				return time.Unix(seconds, 0), true, nil
			}
		}
	}
	return at, false, a.failBecause("its answer has no time at " + path)
}
