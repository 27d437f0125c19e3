package main

import (
	"slices"
	"strings"
	"testing"
)

// TestARotationByAnotherFunctionIsReplacedOnlyWhereThatIsSaid, and which function it was is kept for the way back.
func TestARotationByAnotherFunctionIsReplacedOnlyWhereThatIsSaid(t *testing.T) {
	t.Parallel()
	const theirs = "arn:aws:lambda:us-east-1:111111111111:function:theirs"
	const own = "arn:aws:lambda:us-east-1:111111111111:function:rotary-dev-rotate"
	both := []string{"--replace-rotation", "app-db", "--replace-rotation", "handshake"}
	for name, c := range map[string]struct {
		by        string
		arguments []string
		deploys   bool
	}{
		"nobody rotates them":    {"", nil, true},
		"rotary does already":    {own, nil, true},
		"another does":           {theirs, nil, false},
		"one of them is named":   {theirs, both[:2], false},
		"both of them are named": {theirs, both, true},
	} {
		a := cloud{
			account: "111111111111", bootstrap: "6", rotatedBy: c.by, values: []string{"source/dev/app-db", "source/dev/handshake"},
		}
		r := runDeploy(t, place(t, append(all, "dev-schedules")...), "dev", "", a, c.arguments)
		if did := slices.Contains(r.asked, deployed); did != c.deploys || (r.code == 0) != c.deploys {
			t.Errorf("%s: deployed %v, exit code %d: %s", name, did, r.code, r.said)
		}
		if !c.deploys && !strings.Contains(r.said, "source handshake is rotated by "+theirs+"; to let rotary do that: --replace-rotation handshake") {
			t.Errorf("%s: it says %s", name, r.said)
		}
		kept := slices.ContainsFunc(r.seen, func(request string) bool {
			return strings.HasPrefix(request, "TagResource ") && strings.Contains(request, "rotary:rotation-before") && strings.Contains(request, theirs)
		})
		if kept != (len(c.arguments) > 0) {
			t.Errorf("%s: kept %v in a tag: %q", name, kept, r.seen)
		}
	}
}
