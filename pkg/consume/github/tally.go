package github

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// tally is the progress of a work.
type tally struct {
	written, removed []string
	fresh            []string // written, and not yet in the receipt
	failed           []error
	stopped          bool // the next call would not fare better
}

// takeFresh returns the fresh names, and counts them as recorded from then on.
func (t *tally) takeFresh() []string {
	fresh := t.fresh
	t.fresh = nil
	return fresh
}

// addFailure notes a failed call. A server failure for one name does not stop the work; one for a second name does.
func (t *tally) addFailure(err error) {
	t.stopped = !isAboutOneName(err) || isServerFailure(err) && slices.ContainsFunc(t.failed, isServerFailure)
	t.failed = append(t.failed, err)
}

// joinFailures returns an error with all failures and with what of the work is done and what is not; nil where nothing
// failed.
func (t *tally) joinFailures(w work, failed ...error) error {
	err := errors.Join(append(t.failed, failed...)...)
	if err == nil {
		return nil
	}
	var parts []string
	for _, part := range []struct {
		did   string
		names []string
	}{
		{"written: ", t.written}, {"not written: ", excludeNames(w.push, t.written)},
		{"deleted: ", t.removed}, {"not deleted: ", excludeNames(w.remove, t.removed)},
	} {
		if len(part.names) > 0 {
			parts = append(parts, part.did+strings.Join(part.names, ", "))
		}
	}
	if len(parts) == 0 {
		return err
	}
	return fmt.Errorf("%s: %w", strings.Join(parts, "; "), err)
}

func excludeNames(names, some []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return slices.Contains(some, name) })
}
