package main

import (
	"slices"
	"strings"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/screen"
)

// renderSource returns where the versions of one source are: their labels, who runs on each, and what waits.
func (p page) renderSource(name string) string {
	s := p.report.Source(name)
	rotates := describeRotator(s)
	if !s.Next.IsZero() {
		rotates += ", next " + p.formatDay(s.Next)
	}
	parts := []string{p.Heading(p.place, "", s.Name+" in "+s.Secret, "rotates: "+rotates)}
	if state := p.describeSource(s); state != "" {
		parts = append(parts, p.Fill(p.Sign(screen.Attention)+" ", state))
	}
	if s.AtOnce {
		parts = append(parts, p.Fill(p.Sign(screen.Attention)+" ", describeAtOnce(s)))
	}
	if len(s.Versions) == 0 {
		return strings.Join(append(parts, p.Fill("", "No version of it carries a label.")), "\n\n")
	}
	parts = append(parts, p.renderVersions(s))
	only := p
	only.report.Sources = []plan.SourceReport{s}
	if owed := only.renderOwed(); owed != "" {
		parts = append(parts, owed)
	}
	return strings.Join(append(parts, p.Fill("", p.describeSpread(s))), "\n\n")
}

// renderVersions returns the table of a source's versions, the newest first.
func (p page) renderVersions(s plan.SourceReport) string {
	t := screen.Table{Header: []string{"version", "made", "is", "runs on it", "labels"}}
	for _, v := range slices.Backward(s.Versions) {
		runs := strings.Join(v.RunBy, ", ")
		if runs == "" {
			runs = "nobody"
		}
		t.Rows = append(t.Rows, []string{
			history.Short(v.Version), p.formatSince(v.Made), describeVersion(s, v), runs, strings.Join(v.Labels, " "),
		})
	}
	return p.Table(t)
}

// describeVersion returns what a version of a source is to its consumers.
func describeVersion(s plan.SourceReport, v plan.VersionReport) string {
	owed := slices.ContainsFunc(s.Owed, func(o plan.OwedReport) bool { return o.Version == v.Version })
	switch {
	case v.Version == s.Version && s.Taken != "":
		return "current, not accepted"
	case v.Version == s.Version:
		return "current"
	case v.Version == s.Pending:
		return "pending"
	case v.Version == s.Taken:
		return "in the buckets"
	case owed:
		return "old, lives"
	}
	return "old, dead"
}

// describeSpread returns which consumers of a source do not run on the version in use.
func (p page) describeSpread(s plan.SourceReport) string {
	used := s.Version
	if s.Taken != "" {
		used = s.Taken
	}
	var late []string
	for _, v := range s.Versions {
		if v.Version != used {
			continue
		}
		late = slices.DeleteFunc(slices.Clone(s.Consumers), func(c string) bool { return slices.Contains(v.RunBy, c) })
	}
	if len(late) == 0 {
		return "Every consumer was seen on " + history.Short(used) + "."
	}
	return "Not seen on " + history.Short(used) + ": " + strings.Join(late, ", ") + ". " + p.command("status", "")
}
