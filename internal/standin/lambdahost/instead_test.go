package lambdahost

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
)

func TestInsteadAnswersInPlaceOfTheFunctionWhereItHasDone(t *testing.T) {
	h := New(Config{Clock: sim.NewClock(time.Unix(0, 0)), Account: "111111111111", Region: "us-east-1"})
	h.Register(Function{
		Name:    "fn",
		Handler: func(context.Context, []byte) ([]byte, error) { return []byte(`"genuine"`), nil },
		Instead: func(_ context.Context, payload []byte) ([]byte, bool, error) {
			switch string(payload) {
			case "1":
				return []byte(`"instead"`), true, nil
			case "2":
				return nil, true, errors.New("refused")
			}
			return nil, false, nil
		},
	})
	for payload, want := range map[string]string{"0": `"genuine"`, "1": `"instead"`, "2": `{"errorMessage":"refused","errorType":"errorString"}`} {
		if r, err := h.Invoke(t.Context(), "fn", []byte(payload)); err != nil || string(r.Payload) != want {
			t.Errorf("%s: %s, %v; want %s", payload, r.Payload, err, want)
		}
	}
}
