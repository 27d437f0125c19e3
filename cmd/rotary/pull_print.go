package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/rotary-secrets/rotary/pkg/envfile"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// pullView is a pull as programs read it.
type pullView struct {
	Environment string   `json:"environment"`
	Bucket      string   `json:"bucket,omitempty"`
	Version     string   `json:"version,omitempty"`
	File        string   `json:"file"`
	Reader      string   `json:"reader,omitempty"`
	Written     bool     `json:"written"`
	Added       []string `json:"added"`
	Changed     []string `json:"changed"`
	Removed     []string `json:"removed"`
	Kept        []string `json:"kept"` // yours differs, or you removed it
	Same        int      `json:"same"`
	Yours       int      `json:"yours"`
	Skipped     []string `json:"skipped"`
	Empty       []string `json:"emptySources,omitempty"`
}

func (p *pulling) makeView(o mergeOutcome) pullView {
	v := pullView{
		Environment: p.env.Name, Bucket: p.bucket.Name, Version: o.read.version, File: p.file, Reader: string(p.reader),
		Written: o.written, Added: []string{}, Changed: []string{}, Removed: []string{}, Kept: []string{}, Skipped: []string{},
		Empty: o.read.empty,
	}
	for _, c := range o.changes {
		switch c.Outcome {
		case envfile.Added:
			v.Added = append(v.Added, c.Name)
		case envfile.Changed:
			v.Changed = append(v.Changed, c.Name)
		case envfile.Removed:
			v.Removed = append(v.Removed, c.Name)
		case envfile.Kept, envfile.LeftOut, envfile.Unmapped:
			v.Kept = append(v.Kept, c.Name)
		case envfile.Same:
			v.Same++
		case envfile.Yours:
			v.Yours++
		case envfile.Skipped:
			v.Skipped = append(v.Skipped, c.Name)
		}
	}
	return v
}

// printOutcome prints what was, or would be, changed.
func (p *pulling) printOutcome(o mergeOutcome) error {
	v := p.makeView(o)
	if p.json {
		return p.printJSON(v)
	}
	p.printHeading(p.out, o.read)
	p.printChanges(o.changes)
	p.printCounts(v)
	p.printEnd(o, v)
	return nil
}

// printHeading prints where the values come from and where they go.
func (p *pulling) printHeading(out io.Writer, r reading) {
	from := countNoun(r.sources, "source")
	if p.bucket.Name != "" {
		from = p.bucket.Name + " " + history.Short(r.version) + ", written " + formatAgo(p.now().Sub(r.created))
	}
	to := p.file
	switch {
	case p.file == stdout:
		to = "standard output"
	case p.encoding == "":
		to += " (read by " + p.reader.String() + ")"
	}
	fmt.Fprintf(out, "%s · %s → %s\n", p.env.Name, from, to)
	if len(r.empty) > 0 {
		fmt.Fprintf(out, "   without a value yet: %s\n", strings.Join(r.empty, ", "))
	}
}

// formatAgo returns how long ago something was, in its largest unit.
func formatAgo(d time.Duration) string {
	if d < time.Second {
		return "just now"
	}
	return formatSpan(d) + " ago"
}

// printChanges prints a line for each variable that is not the same, without values.
func (p *pulling) printChanges(changes []envfile.Change) {
	width := 0
	for _, c := range changes {
		if sign, _ := p.describeChange(c); sign != "" {
			width = max(width, len(c.Name))
		}
	}
	for _, c := range changes {
		if sign, note := p.describeChange(c); sign != "" {
			fmt.Fprintln(p.out, strings.TrimRight(fmt.Sprintf(" %s %-*s  %s", sign, width, c.Name, note), " "))
		}
	}
}

// describeChange returns the sign of a change, and what there is to say of it; no sign for what needs no line.
func (p *pulling) describeChange(c envfile.Change) (sign, note string) {
	switch c.Outcome {
	case envfile.Added:
		return "+", ""
	case envfile.Changed:
		if c.Moved {
			return "~", "changed at the source"
		}
		return "~", "yours is replaced"
	case envfile.Removed:
		return "-", "is no longer mapped"
	case envfile.Kept:
		if c.Moved {
			return "=", "both changed: yours is kept (--theirs)"
		}
		return "=", "yours differs: kept (--theirs)"
	case envfile.LeftOut:
		return "=", "you removed it: left out (--theirs)"
	case envfile.Unmapped:
		return "=", "is no longer mapped: yours is kept (--theirs)"
	default:
		return "", ""
	}
}

func (p *pulling) printCounts(v pullView) {
	var parts []string
	if v.Same > 0 {
		parts = append(parts, fmt.Sprintf("%d the same", v.Same))
	}
	if n := len(v.Skipped); n > 0 {
		parts = append(parts, fmt.Sprintf("%d skipped", n))
	}
	if v.Yours > 0 {
		parts = append(parts, countNoun(v.Yours, "line")+" of your own, and comments, stay")
	}
	if len(parts) > 0 {
		fmt.Fprintln(p.out, "   "+strings.Join(parts, " · "))
	}
}

// printEnd prints what is true now, and what comes next.
func (p *pulling) printEnd(o mergeOutcome, v pullView) {
	switch {
	case p.DryRun:
		fmt.Fprintln(p.out, "Nothing was written. "+p.commandLine())
		return
	case !o.written:
		fmt.Fprintf(p.out, "%s is up to date\n", p.file)
	default:
		was := ""
		if o.mode != "" {
			was = ", was " + o.mode
		}
		fmt.Fprintf(p.out, "wrote %s: %smode 0600%s\n", p.file, listCounts(v), was)
	}
	if p.bucket.Name != "" {
		fmt.Fprintf(p.out, "rotary exec %s --bucket %s -- CMD needs no file at all\n", p.env.Name, p.bucket.Name)
	}
}

func listCounts(v pullView) string {
	var text strings.Builder
	for _, part := range []struct {
		n    int
		what string
	}{
		{len(v.Added), "added"}, {len(v.Changed), "changed"}, {len(v.Removed), "removed"}, {len(v.Kept), "kept as you have it"}, {v.Same, "the same"},
	} {
		if part.n > 0 {
			fmt.Fprintf(&text, "%d %s, ", part.n, part.what)
		}
	}
	return text.String()
}

// commandLine returns the command that writes what a dry run has shown.
func (p *pulling) commandLine() string {
	line := "rotary pull " + p.env.Name + " --format " + p.name
	if p.File != "" {
		line += " --file " + p.File
	}
	for _, name := range p.Skip {
		line += " --skip " + name
	}
	if p.Theirs {
		line += " --theirs"
	}
	if p.Yes {
		line += " --yes"
	}
	return line
}

// printValues writes the values to standard output, which was asked for, and everything else to standard error.
func (p *pulling) printValues(r reading) error {
	text, err := p.encodeValues(r.dropNames(p.Skip))
	if err != nil {
		return p.explainForm(err)
	}
	p.printHeading(p.err, r)
	if p.DryRun {
		fmt.Fprintln(p.err, "Nothing was written. "+p.commandLine())
		return nil
	}
	_, err = io.WriteString(p.out, secret.Reveal(text))
	return err
}

// encodeValues returns the file that a pull into an empty place writes.
func (p *pulling) encodeValues(values map[string]secret.Value) (secret.Value, error) {
	if p.encoding != "" {
		return p.encoding.Encode(values)
	}
	file, err := envfile.Parse(p.reader, secret.Value{})
	if err != nil {
		return secret.Value{}, err
	}
	_, _, err = envfile.Merge{Theirs: values}.Apply(file)
	return file.Text(), err
}
