package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

// describeAtOnce returns whom the rotation of a source without overlap refuses, and for how long.
func describeAtOnce(s plan.SourceReport) string {
	return fmt.Sprintf("%s: its rotation ends the old credential at once; refused until they have followed: %s",
		s.Name, consumersOf(s))
}

func consumersOf(s plan.SourceReport) string {
	if len(s.Consumers) == 0 {
		return "nobody, no consumer runs on it"
	}
	return strings.Join(s.Consumers, ", ")
}

// formatInstant returns a time in UTC, to the second.
func formatInstant(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 MST") }

// formatLeft returns how long it is to t, or that it is over.
func formatLeft(t, now time.Time) string {
	if d := t.Sub(now).Round(time.Second); d > 0 {
		return "in " + d.String()
	}
	return "now"
}

// describeOutage returns whom a planned rotation refuses although every consumer follows.
func describeOutage(source manifest.Source, s plan.SourceReport) []string {
	switch life := source.Overlap().Std(); {
	case source.AtOnce():
		return []string{describeAtOnce(s)}
	case life > 0:
		return []string{fmt.Sprintf("%s: its vendor ends the old credential %s after the rotation; "+
			"refused then, unless they have followed: %s", s.Name, life, consumersOf(s))}
	}
	return nil
}
