package main

import (
	"slices"
	"strings"
	"time"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/screen"
)

// soon is how long before it a rotation is worth telling.
const soon = 24 * time.Hour

// describeSource returns what needs attention at a source, a line for each; "" where it is in order.
func (p page) describeSource(s plan.SourceReport) string {
	var lines []string
	add := func(line string) { lines = append(lines, line) }
	alarms := p.alarmsOf(s.Name)
	tell := func(name, words string) {
		if i := slices.IndexFunc(alarms, func(a plan.Alarm) bool { return a.Name == name }); i >= 0 {
			if words == "" {
				words = alarms[i].Detail
			}
			words += "\n" + plan.Page(name)
			alarms = slices.Delete(alarms, i, i+1)
		}
		if words != "" {
			add(words)
		}
	}
	switch {
	case s.Frozen != "":
		tell(plan.FrozenSecret, "FROZEN: "+s.Frozen)
	case s.Version == "":
		add("has no value yet: " + p.describeCommand("put", s.Name))
	}
	tell(plan.ValueNotAccepted, p.describeTaken(s))
	tell(plan.RotationDue, p.describeTooOld(s))
	if s.Pending != "" {
		add("is being rotated to " + history.Short(s.Pending))
	}
	switch n := len(s.Owed); {
	case n == 1:
		add("1 old one waits")
	case n > 1:
		add(countNoun(n, "old one") + " wait")
	}
	if s.Retained != nil {
		add("the current one is kept later: " + p.describeVeto(s, s.Retained))
	} else if slices.Contains(s.Kept, history.Rollback) {
		add("a rollback is in progress")
	}
	for _, o := range s.Obstacles {
		add("no rotation starts: " + o.Text)
	}
	if !s.Next.IsZero() && s.Next.Sub(p.report.At) < soon {
		add("rotation due at " + p.formatMoment(s.Next))
	}
	if s.Undeclared > 0 {
		tell(plan.UndeclaredKey, "holds "+countNoun(s.Undeclared, "key")+
			" that nobody declared; rotary keeps what is there")
	}
	for _, a := range alarms {
		add(a.Detail + "\n" + plan.Page(a.Name))
	}
	return strings.Join(lines, "\n")
}

// alarmsOf returns the alarms of a source that no row of an old credential tells.
func (p page) alarmsOf(source string) []plan.Alarm {
	return slices.DeleteFunc(slices.Clone(p.report.Alarms), func(a plan.Alarm) bool {
		return a.Subject != source || slices.ContainsFunc(p.report.Source(source).Owed, func(o plan.OwedReport) bool {
			return slices.Contains(o.Alarms, a.Name)
		})
	})
}

// describeTaken returns that a target has not accepted the current version; "" where it has.
func (p page) describeTaken(s plan.SourceReport) string {
	if s.Taken == "" {
		return ""
	}
	text := "NOT ACCEPTED: its target has not accepted " + history.Short(s.Version) + ". "
	if s.Taken == plan.TakenNone {
		text += "Buckets get no value of it"
	} else {
		text += "Buckets stay on " + history.Short(s.Taken)
	}
	if !s.AskedAgain.IsZero() {
		text += "; asked again at " + p.formatMoment(s.AskedAgain)
	}
	return text + ". Put another value, or, if this one is right: " + p.describeCommand("accept", s.Name+" --value")
}

// describeTooOld returns by how much the current version is too old; "" where it is not.
func (p page) describeTooOld(s plan.SourceReport) string {
	if s.Due.IsZero() || !p.report.At.After(s.Due) {
		return ""
	}
	return "TOO OLD by " + formatSpan(p.report.At.Sub(s.Due))
}

// renderOwed returns the table of old credentials and what each waits for; "" where there is none.
func (p page) renderOwed() string {
	t := screen.Table{Header: []string{"old credential", "for", "waits for"}}
	for _, s := range p.report.Sources {
		for _, o := range s.Owed {
			t.Rows = append(t.Rows, []string{
				s.Name + " " + history.Short(o.Version), p.formatSince(o.Since), p.keepCommands(p.describeOwed(s, o)),
			})
		}
	}
	return p.Table(t)
}

// describeOwed returns what an old credential waits for, and what a person can do: a line for each. Where a retirement
// fails it never says that the next pass does it.
//
//	the report has                         | said
//	---------------------------------------|---------------------------------------------------
//	an emergency's deadline                | when it dies, whoever uses it
//	a gate that is closed                  | the first, in the words of describeGate
//	a retirement that failed               | FAILED, how often, since when, the error
//	a use that its target saw              | who, from where, since when, how to accept it
//	neither                                | that nothing blocks it, and how to ask for a pass
//	alarms                                 | their pages
func (p page) describeOwed(s plan.SourceReport, o plan.OwedReport) string {
	var lines []string
	switch {
	case o.Dies.IsZero():
	case o.Dies.After(p.report.At):
		lines = append(lines, "dies at "+p.formatMoment(o.Dies)+", whoever uses it: an emergency")
	default:
		lines = append(lines, "OVERDUE: an emergency's deadline was at "+p.formatMoment(o.Dies))
	}
	i := slices.IndexFunc(o.Blocked, func(w plan.Wait) bool { return w.Reason != plan.RetryLater })
	if i >= 0 {
		lines = append(lines, p.describeGate(s, o, o.Blocked[i]))
	}
	if o.Failed != nil {
		lines = append(lines, p.describeFailed(o))
	}
	if i < 0 && o.Used != nil {
		lines = append(lines, p.describeUse(s, o, "; its target is asked again in the next pass"))
	}
	if i < 0 && o.Failed == nil && o.Used == nil {
		lines = append(lines, "nothing any more: "+p.describeCommand("apply", "")+" retires it now")
	}
	for _, name := range o.Alarms {
		lines = append(lines, plan.Page(name))
	}
	return strings.Join(lines, "\n")
}

// describeFailed returns how often a retirement has failed, and when it is tried again.
func (p page) describeFailed(o plan.OwedReport) string {
	f := o.Failed
	text := "FAILED " + countTimes(f.Count) + " since " + p.formatMoment(f.First)
	if f.Error != "" {
		text += ": " + f.Error
	}
	for _, w := range o.Blocked {
		if w.Reason == plan.RetryLater && w.Until.After(p.report.At) {
			text += "; tried again at " + p.formatMoment(w.Until)
		}
	}
	if !slices.Contains(o.Alarms, plan.RetirementFailed) {
		text += "\n" + plan.Page(plan.RetirementFailed)
	}
	return text
}

func countTimes(n int) string {
	if n == 1 {
		return "once"
	}
	return countNoun(n, "time")
}

// describeGate returns what the first closed gate of an old credential waits for, as something that a person can act
// on.
func (p page) describeGate(s plan.SourceReport, o plan.OwedReport, w plan.Wait) string {
	until := ""
	if w.Until.After(p.report.At) {
		until = ", until " + p.formatMoment(w.Until)
	}
	switch w.Reason {
	case plan.Retained:
		if o.Retained == nil {
			return "a rollback in progress: " + p.describeCommand("rollback", s.Name)
		}
		return p.describeVeto(s, o.Retained)
	case plan.ByHand:
		what, command, _ := strings.Cut(w.Detail, "; then: ")
		return joinNonEmpty("you: "+what+", then", screen.Whole(command))
	case plan.InUse:
		return p.describeUsers(o, w) + until
	case plan.Witness:
		if o.Used == nil {
			return w.Detail + until
		}
		return p.describeUse(s, o, "; asked again at "+p.formatMoment(w.Until))
	case plan.Settling:
		return "time" + until + ": " + w.Detail
	case plan.Frozen:
		return "its source, which is frozen: " + w.Detail
	case plan.PendingWork:
		return "the next pass, which does something else first: " + w.Detail
	case plan.Draining, plan.Deployable, plan.UnseenConsumer, plan.NotRolled, plan.Stranger:
		return w.Detail + until + p.describeOtherHolders(o, w)
	default:
		return w.Detail + until
	}
}

// describeUse returns who uses an old credential, as its target saw last, and what a person can do about it.
func (p page) describeUse(s plan.SourceReport, o plan.OwedReport, again string) string {
	text := "its target, which sees it used: " + o.Used.Seen
	if !o.Used.Ends.IsZero() {
		text += "; older than the proof that everybody left: that counts until " + p.formatMoment(o.Used.Ends)
	}
	if !o.Used.Accepted.IsZero() && !o.Used.Accepted.Before(o.Used.Last) {
		return text + "; accepted at " + p.formatMoment(o.Used.Accepted) + again
	}
	return text + again + "\nif it may be cut off: " + p.describeCommand("accept", s.Name+" --sessions")
}

// describeVeto returns a person's RETAIN: whose, since when, and how it comes off.
func (p page) describeVeto(s plan.SourceReport, v *plan.Veto) string {
	text := history.Retain
	if v.By != "" {
		text += ", by " + v.By
	}
	if !v.Since.IsZero() {
		since := p.formatDay(v.Since)
		if since == "today" {
			since = p.formatMoment(v.Since)
		}
		text += " since " + since
	}
	return text + ": " + p.describeCommand("retain", s.Name+" --release")
}

// describeUsers returns which consumers still run an old credential, and why, where one's rollout failed.
func (p page) describeUsers(o plan.OwedReport, w plan.Wait) string {
	if len(o.HeldBy) == 0 {
		return w.Detail
	}
	verb := "runs"
	if len(o.HeldBy) > 1 {
		verb = "run"
	}
	text := strings.Join(o.HeldBy, ", ") + ", which still " + verb + " it"
	for _, name := range o.HeldBy {
		c := p.report.Consumer(name)
		switch {
		case c.Failed != nil && c.State == "failed":
			text += "\n" + name + ": its rollout failed; mend it and deploy it"
		case c.NotRolled != "":
			text += "\n" + name + ": " + c.NotRolled
		case c.Remembered:
			text += "\n" + name + ": it left the manifest"
		}
	}
	return text
}

// describeOtherHolders names the consumers that block it besides the one that the detail is about.
func (p page) describeOtherHolders(o plan.OwedReport, w plan.Wait) string {
	others := slices.DeleteFunc(slices.Clone(o.HeldBy), func(name string) bool {
		return strings.Contains(w.Detail, name)
	})
	if len(others) == 0 {
		return ""
	}
	return "; also " + strings.Join(others, ", ")
}

// renderOthers returns what no table tells: strangers, buckets, what left the manifest, and who could not be asked, a paragraph
// for each.
func (p page) renderOthers() string {
	var lines []string
	add := func(sign screen.Sign, words string) { lines = append(lines, p.fillWords(p.Sign(sign)+" ", words)) }
	for _, t := range p.report.Strangers {
		sign := screen.Attention
		if t.Dismissed != nil {
			sign = screen.Busy
		}
		add(sign, p.describeStranger(t))
	}
	for _, w := range p.listOtherWaits() {
		sign := screen.Busy
		if p.waitsForPerson(w) {
			sign = screen.Attention
		}
		add(sign, p.describeOtherWait(w))
	}
	for _, a := range p.report.Alarms {
		if p.isSource(a.Subject) || p.isToldWait(a) {
			continue
		}
		add(screen.Attention, a.Subject+": "+a.Detail+"\n"+plan.Page(a.Name))
	}
	for _, failed := range []string{p.report.TrailFailed, p.report.ReceiptsFailed} {
		if failed != "" {
			add(screen.Attention, failed)
		}
	}
	return strings.Join(lines, "\n")
}

// describeStranger says who runs what, and what to do about it, or who has dismissed it until when.
func (p page) describeStranger(t plan.StrangerReport) string {
	if t.Unseen {
		return t.Name + " is not seen: " + t.Detail
	}
	return "stranger " + t.Name + ": " + t.Detail
}

func (p page) describeOtherWait(w plan.Wait) string {
	text := w.Subject
	if w.Version != "" {
		text += " " + history.Short(w.Version)
	}
	text += ": " + w.Detail
	if w.Detail == "" {
		text += string(w.Reason)
	}
	if w.Until.After(p.report.At) {
		text += ", until " + p.formatMoment(w.Until)
	}
	return text
}

// isToldWait reports whether an alarm about what is no source is told already: what left the manifest by a wait, strangers
// by a line of their own.
func (p page) isToldWait(a plan.Alarm) bool {
	return a.Name == plan.StrangerRuns || a.Name == plan.RetirementOwed && slices.ContainsFunc(p.report.Waits, func(w plan.Wait) bool {
		return w.Subject == a.Subject && w.Reason == plan.LeftManifest
	})
}

func (p page) isSource(name string) bool {
	return slices.ContainsFunc(p.report.Sources, func(s plan.SourceReport) bool { return s.Name == name })
}

// ofConsumers are the reasons of what a consumer waits for: the table of consumers tells it.
var ofConsumers = []plan.Reason{
	plan.Foreign, plan.Rolling, plan.RolloutFailed, plan.Unreadable, plan.Draining, plan.NotRolled, plan.InUse,
}

// listOtherWaits returns the waits that no table tells.
func (p page) listOtherWaits() []plan.Wait {
	told := map[string]bool{}
	for _, s := range p.report.Sources {
		for _, o := range s.Owed {
			told[s.Name+" "+o.Version] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(p.report.Waits), func(w plan.Wait) bool {
		c := p.report.Consumer(w.Subject)
		switch {
		case told[w.Subject+" "+w.Version]:
			return true
		case p.isStranger(w.Subject):
			return true
		case p.isSource(w.Subject) && (w.Reason == plan.NotAccepted || w.Reason == plan.Frozen):
			return true
		}
		return c.State != "" && !c.Remembered && slices.Contains(ofConsumers, w.Reason)
	})
}

// needsPerson reports whether what waits for this reason goes on by a person's doing alone.
func needsPerson(r plan.Reason) bool {
	return slices.Contains([]plan.Reason{
		plan.Brake, plan.LabelsFull, plan.TagsFull, plan.LostMemory, plan.LeftManifest, plan.RolloutFailed, plan.Frozen,
		plan.FrozenBucket, plan.Retained, plan.NotAccepted, plan.Shared, plan.Stranger, plan.NotRolled, plan.ByHand,
		plan.UnseenConsumer, plan.Unreadable,
	}, r)
}

// waitsForPerson is needsPerson for what left the manifest too: whatever that waits for.
func (p page) waitsForPerson(w plan.Wait) bool {
	return needsPerson(w.Reason) || w.Reason == plan.InUse && p.report.Consumer(w.Subject).Remembered
}

// countForPeople counts the things of a status that go on by a person's doing alone.
func (p page) countForPeople() (n int) {
	for _, t := range p.report.Strangers {
		if t.Dismissed == nil {
			n++
		}
	}
	for _, c := range p.report.Consumers {
		if consumerState(c) == isUnknown || c.State == "failed" {
			n++
		}
	}
	for _, s := range p.report.Sources {
		if s.Version == "" || len(p.alarmsOf(s.Name))+len(s.Obstacles) > 0 || s.Frozen != "" || s.Taken != "" {
			n++
		}
		for _, o := range s.Owed {
			if len(o.Alarms) > 0 || o.Failed != nil || len(o.Blocked) > 0 && needsPerson(o.Blocked[0].Reason) {
				n++
			}
		}
	}
	for _, w := range p.listOtherWaits() {
		if p.waitsForPerson(w) {
			n++
		}
	}
	for _, a := range p.report.Alarms {
		if !p.isSource(a.Subject) && !p.isToldWait(a) {
			n++
		}
	}
	return n
}
