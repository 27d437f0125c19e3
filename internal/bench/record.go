package bench

import (
	"cmp"
	"slices"
	"time"
)

// Call is one request that the Lambda made, as the proxy in front of its service saw it.
type Call struct {
	Service   string
	Operation string // the vendor's name for it: PutSecretValue, "PUT /repos/{owner}/{repo}/actions/secrets/{name}"
	Resource  string // what it was about, as the Lambda named it; never a value
	Write     bool
	Status    int           // HTTP status of the answer
	Throttled bool          // it was refused for its rate
	Begin     time.Duration // when the request was there, since the first pass began
	End       time.Duration // when its answer had left
	Sent      int           // bytes of the request's body
	Answered  int           // bytes of the answer's body
}

// Name returns a call's service and operation: secretsmanager.PutSecretValue.
func (c Call) Name() string { return c.Service + "." + c.Operation }

// String returns a call's name with what it was about.
func (c Call) String() string {
	if c.Resource == "" {
		return c.Name()
	}
	return c.Name() + " " + c.Resource
}

// Operation sums the calls of one operation up.
type Operation struct {
	Calls     int `json:"calls"`
	Throttled int `json:"throttled,omitempty"`
	Sent      int `json:"bytes_sent"`
	Answered  int `json:"bytes_answered"`
}

// sumByOperation sums calls up by name.
func sumByOperation(calls []Call) map[string]Operation {
	sums := map[string]Operation{}
	for _, c := range calls {
		o := sums[c.Name()]
		o.Calls, o.Sent, o.Answered = o.Calls+1, o.Sent+c.Sent, o.Answered+c.Answered
		if c.Throttled {
			o.Throttled++
		}
		sums[c.Name()] = o
	}
	return sums
}

// countInFlight returns how many calls were under way at once at most, and how many on average over a time.
func countInFlight(calls []Call, over time.Duration) (most int, mean float64) {
	type edge struct {
		at   time.Duration
		step int
	}
	var edges []edge
	var busy time.Duration
	for _, c := range calls {
		edges = append(edges, edge{c.Begin, 1}, edge{c.End, -1})
		busy += c.End - c.Begin
	}
	// A call that begins when another ends is not beside it.
	slices.SortFunc(edges, func(a, b edge) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.step, b.step)) })
	now := 0
	for _, e := range edges {
		now += e.step
		most = max(most, now)
	}
	if over > 0 {
		mean = float64(busy) / float64(over)
	}
	return most, mean
}

// findObservedChain returns the longest list of calls of which each began after the one before it had been answered. A
// call that needs an answer begins after it, so no chain of calls that depend on each other is longer; calls that only
// happen to be made one after the other are in it too.
func findObservedChain(calls []Call) []Call {
	byBegin, byEnd := slices.Clone(calls), make([]int, len(calls))
	slices.SortStableFunc(byBegin, func(a, b Call) int { return cmp.Compare(a.Begin, b.Begin) })
	for i := range byEnd {
		byEnd[i] = i
	}
	slices.SortStableFunc(byEnd, func(a, b int) int { return cmp.Compare(byBegin[a].End, byBegin[b].End) })
	length, before := make([]int, len(calls)), make([]int, len(calls))
	ended, best, last := 0, -1, -1 // best is the end of the longest chain among the calls that have ended
	for i, c := range byBegin {
		for ; ended < len(byEnd) && byBegin[byEnd[ended]].End <= c.Begin; ended++ {
			if done := byEnd[ended]; best < 0 || length[done] > length[best] {
				best = done
			}
		}
		length[i], before[i] = 1, best
		if best >= 0 {
			length[i] += length[best]
		}
		if last < 0 || length[i] > length[last] {
			last = i
		}
	}
	var chain []Call
	for i := last; i >= 0; i = before[i] {
		chain = append(chain, byBegin[i])
	}
	slices.Reverse(chain)
	return chain
}
