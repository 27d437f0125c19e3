package bench

import (
	"slices"
	"testing"
	"time"
)

// at returns a call that is under way from one millisecond to another.
func at(begin, end time.Duration, operation, resource string) Call {
	service, operation := "secretsmanager", operation
	return Call{Service: service, Operation: operation, Resource: resource, Begin: begin * time.Millisecond, End: end * time.Millisecond}
}

func TestTheObservedChainIsTheLongestThatWaits(t *testing.T) {
	for name, tt := range map[string]struct {
		calls []Call
		want  []string
	}{
		"none":                           {nil, nil},
		"one after the other":            {[]Call{at(10, 20, "B", ""), at(0, 10, "A", ""), at(25, 30, "C", "")}, []string{"A", "B", "C"}},
		"all at once":                    {[]Call{at(0, 10, "A", ""), at(1, 9, "B", ""), at(2, 11, "C", "")}, []string{"A"}},
		"a long one beside short ones":   {[]Call{at(0, 100, "long", ""), at(0, 10, "A", ""), at(10, 20, "B", ""), at(100, 110, "C", "")}, []string{"A", "B", "C"}},
		"two that follow the same":       {[]Call{at(0, 10, "A", ""), at(10, 30, "B", ""), at(10, 20, "C", ""), at(20, 40, "D", "")}, []string{"A", "C", "D"}},
		"one begins as another is ended": {[]Call{at(0, 10, "A", ""), at(10, 10, "B", "")}, []string{"A", "B"}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, c := range findObservedChain(tt.calls) {
				got = append(got, c.Operation)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("%v, want %v", got, tt.want)
			}
		})
	}
}

func TestCallsInFlight(t *testing.T) {
	calls := []Call{at(0, 10, "A", ""), at(5, 15, "B", ""), at(10, 20, "C", ""), at(30, 40, "D", "")}
	most, mean := countInFlight(calls, 40*time.Millisecond)
	if most != 2 || mean != 1 {
		t.Errorf("at most %d, %v on average, want 2 and 1", most, mean)
	}
	if most, mean := countInFlight(nil, 0); most != 0 || mean != 0 {
		t.Errorf("no call: %d, %v", most, mean)
	}
}

func TestOperationsAreSummedUp(t *testing.T) {
	refused := at(0, 1, "Put", "x")
	refused.Throttled, refused.Sent, refused.Answered = true, 10, 100
	done := at(1, 2, "Put", "y")
	done.Sent, done.Answered = 1, 2
	if got, want := sumByOperation([]Call{refused, done})["secretsmanager.Put"], (Operation{2, 1, 11, 102}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}
