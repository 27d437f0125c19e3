package operate_test

import (
	"errors"
	"testing"

	"github.com/rotary-secrets/rotary/pkg/operate"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

// owing is the report of a source that owes a version for each list of reasons why it is not retired.
func owing(blocked ...[]plan.Reason) plan.Report {
	var owed []plan.OwedReport
	for n, reasons := range blocked {
		o := plan.OwedReport{Version: string(rune('a'+n)) + "-version"}
		for _, reason := range reasons {
			o.Blocked = append(o.Blocked, plan.Wait{Reason: reason})
		}
		owed = append(owed, o)
	}
	return plan.Report{Sources: []plan.SourceReport{{Name: "db", Owed: owed}}}
}

// A person's word that a credential is revoked is taken where nobody could still need it, whatever rotates the source.
func TestAPersonRetiresWhatNobodyNeeds(t *testing.T) {
	for _, tt := range []struct {
		blocked []plan.Reason
		free    bool
	}{
		{nil, true}, {[]plan.Reason{plan.ByHand}, true}, {[]plan.Reason{plan.RetryLater}, true}, {[]plan.Reason{plan.ByHand, plan.RetryLater}, true},
		{[]plan.Reason{plan.InUse}, false}, {[]plan.Reason{plan.Settling, plan.ByHand}, false}, {[]plan.Reason{plan.RetryLater, plan.Retained}, false},
		{[]plan.Reason{plan.Frozen}, false}, {[]plan.Reason{plan.Mode}, false}, {[]plan.Reason{plan.UnseenConsumer, plan.RetryLater}, false},
	} {
		_, err := operate.FindRetirable(owing(tt.blocked), "db", "")
		blocked, is := errors.AsType[*operate.Blocked](err)
		if (err == nil) != tt.free || is == tt.free {
			t.Errorf("%q: %v", tt.blocked, err)
		}
		if is && (blocked.Why().Reason == plan.ByHand || blocked.Why().Reason == plan.RetryLater || blocked.Why().Reason == "") {
			t.Errorf("%q: it is kept because of %q", tt.blocked, blocked.Why().Reason)
		}
	}
}

func TestAPersonRetiresAllThatNobodyNeeds(t *testing.T) {
	free, err := operate.FindAllRetirable(owing([]plan.Reason{plan.ByHand}, []plan.Reason{plan.InUse}, nil), "db")
	if err != nil || len(free) != 2 || free[0].Version != "a-version" || free[1].Version != "c-version" {
		t.Errorf("%+v, %v", free, err)
	}
	_, err = operate.FindAllRetirable(owing([]plan.Reason{plan.InUse}, []plan.Reason{plan.Settling}), "db")
	if blocked, is := errors.AsType[*operate.Blocked](err); !is || blocked.Owed.Version != "a-version" {
		t.Errorf("nothing is free: %v", err)
	}
	_, err = operate.FindAllRetirable(owing(), "db")
	if _, invalid := errors.AsType[*operate.Invalid](err); !invalid {
		t.Errorf("nothing is owed: %v", err)
	}
	_, err = operate.FindRetirable(owing(nil, nil), "db", "")
	if _, invalid := errors.AsType[*operate.Invalid](err); !invalid {
		t.Errorf("two are owed, and none is named: %v", err)
	}
}
