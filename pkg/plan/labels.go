package plan

import (
	"fmt"

	"github.com/rotary-secrets/rotary/pkg/history"
)

// labelsFilling is how many labels of a secret raise LabelsFilling.
const labelsFilling = 15

// alarmsOfLabels returns the alarm of a secret that has little room for labels left.
func alarmsOfLabels(name string, h history.History) []Alarm {
	if h.HasRoom(history.MaxLabels - labelsFilling + 1) {
		return nil
	}
	n := 0
	for _, v := range h.Versions {
		n += len(v.Labels)
	}
	return []Alarm{{LabelsFilling, name, fmt.Sprintf(
		"its secret carries %d of %d labels: at %d nothing is written there any more", n, history.MaxLabels, history.MaxLabels)}}
}

// checkRoom objects where an emergency's deadline would retire the version while a bucket in reach has no room for the labels of a
// Write that it needs: its consumers could not follow. Without a deadline checkPendingWork objects to the same.
func checkRoom(s State, _ Plan, d debt) (Wait, bool) {
	for _, b := range d.listReach(s) {
		if wait, refused := b.refuseWrite(s); refused && wait.Reason == LabelsFull {
			return Wait{Reason: LabelsFull, Detail: "bucket " + b.Want.Name + " cannot be written: " + wait.Detail}, true
		}
	}
	return Wait{}, false
}
