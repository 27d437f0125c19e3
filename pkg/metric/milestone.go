package metric

import (
	"encoding/json"
	"time"
)

// Milestone is a point in the life of a source's version that no label keeps once it is over. The function that reaches
// it writes it into its log, as a line of its own; rotary history reads these lines again. Names and ids only.
//
// Each is written once, by the pass or request that reaches it, right after the call that makes it so. A crash between the
// two loses the line, and nothing else: no decision is made from it.
type Milestone struct {
	Kind    MilestoneKind `json:"kind"`
	Source  string        `json:"source"`
	Version string        `json:"version"`
	At      time.Time     `json:"at"`
}

// MilestoneKind names a point in the life of a version that is logged once.
type MilestoneKind string

// The milestones. Followed and Retired are about the version that was replaced.
const (
	Rotated    MilestoneKind = "rotated"     // a rotation has made the version current
	RolledBack MilestoneKind = "rolled-back" // the version is current again
	Followed   MilestoneKind = "followed"    // every consumer has left the version: none runs it, or can start on it
	Retired    MilestoneKind = "retired"     // rotary has ended its credential
)

// milestoneMark is the field by which a milestone is found in a log.
const milestoneMark = "milestone"

// MilestonePattern finds the lines of milestones in a log, in the words of CloudWatch Logs
// (https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html).
const MilestonePattern = `{ $.msg = "` + milestoneMark + `" }`

type milestoneLine struct {
	Msg string `json:"msg"`
	Milestone
}

// Line returns the milestone as a line of a log.
func (m Milestone) Line() []byte {
	text, _ := json.Marshal(milestoneLine{milestoneMark, m}) // texts and a time: it cannot fail
	return append(text, '\n')
}

// ReadMilestone reads a line of a log. It reports false for a line that is no milestone, or one of a kind that this version
// does not know.
func ReadMilestone(line string) (Milestone, bool) {
	var read milestoneLine
	if json.Unmarshal([]byte(line), &read) != nil || read.Msg != milestoneMark || read.Source == "" || read.Version == "" {
		return Milestone{}, false
	}
	switch read.Kind {
	case Rotated, RolledBack, Followed, Retired:
		return read.Milestone, !read.At.IsZero()
	}
	return Milestone{}, false
}
