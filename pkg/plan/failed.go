package plan

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// RetryLater is the reason of an owed version whose retirement has failed: it is tried again after a while.
const RetryLater Reason = "retry-later"

// Failure is what is remembered of a retirement that has failed, in one label of the owed version:
//
//	FAILED-<count>-<unix time of the first>-<unix time of the last>-<start of the version id>-<the last error in short>
//
// It goes over into the next one with each attempt that fails, and off once the version is not owed any more.
type Failure struct {
	Count int       `json:"count"`
	First time.Time `json:"first"`
	Last  time.Time `json:"last"`
	Error string    `json:"error"` // the last one, in short: letters, digits and blanks, and no value
}

// FailureOf returns what the label of an owed version tells of its retirement, and the label.
func FailureOf(v history.Version) (f Failure, label string) {
	label, has := v.Label(history.Failed)
	if !has {
		return Failure{}, ""
	}
	parts := strings.SplitN(strings.TrimPrefix(label, history.Failed), "-", 5)
	for len(parts) < 5 {
		parts = append(parts, "")
	}
	f.Count, _ = strconv.Atoi(parts[0])
	f.First, f.Last = parseUnix(parts[1]), parseUnix(parts[2])
	f.Error = strings.ReplaceAll(parts[4], "-", " ")
	return f, label
}

func parseUnix(text string) time.Time {
	unix, _ := strconv.ParseInt(text, 10, 64)
	return time.Unix(unix, 0).UTC()
}

// After returns what is to be remembered when the retirement fails once more with err.
func (f Failure) After(now time.Time, err error) Failure {
	if f.Count == 0 {
		f.First = now
	}
	return Failure{Count: f.Count + 1, First: f.First, Last: now, Error: shortenError(err)}
}

// Label returns the label of f for an owed version.
func (f Failure) Label(h history.History, v history.Version) string {
	label := fmt.Sprintf("%s%d-%d-%d-%s", history.Failed, f.Count, f.First.Unix(), f.Last.Unix(),
		strings.TrimPrefix(h.LabelFor(history.Live, v.ID), history.Live))
	if f.Error != "" {
		label += "-" + strings.ReplaceAll(f.Error, " ", "-")
	}
	return label
}

// shortError is how many characters of an error a label keeps. A label has 256 at most.
const shortError = 120

// shortenError returns the end of an error, where its cause stands, in letters, digits and blanks. What looks like a
// credential is left out.
func shortenError(err error) string {
	words := strings.FieldsFunc(err.Error(), func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	})
	words = slices.DeleteFunc(words, secret.LooksLike)
	text := strings.Join(words, " ")
	if len(text) > shortError {
		_, text, _ = strings.Cut(text[len(text)-shortError:], " ")
	}
	return text
}

// retryAfter is how long a retirement is left alone after so many failures; the last one holds for all that follow.
var retryAfter = []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour}

// nextTry is when the retirement is tried again.
func (f Failure) nextTry() time.Time {
	if f.Count == 0 {
		return time.Time{}
	}
	return f.Last.Add(retryAfter[min(f.Count, len(retryAfter))-1])
}

// String describes a failure for people; "" where there is none.
func (f Failure) String() string {
	if f.Count == 0 {
		return ""
	}
	return fmt.Sprintf("its retirement failed %d times since %s: %s",
		f.Count, f.First.UTC().Format("2006-01-02 15:04 MST"), f.Error)
}

// checkRetryLater objects after a failed attempt until the next one is due.
func checkRetryLater(s State, _ Plan, d debt) (Wait, bool) {
	f, _ := FailureOf(d.version)
	return Wait{Reason: RetryLater, Detail: f.String(), Until: f.nextTry()}, f.nextTry().After(s.Now)
}

// failedOften is how many failures raise RetirementFailed.
const failedOften = 3

func alarmsOfFailure(source Source, v history.Version) []Alarm {
	f, _ := FailureOf(v)
	if f.Count < failedOften {
		return nil
	}
	return []Alarm{{RetirementFailed, source.Name, "version " + history.Short(v.ID) + ": " + f.String()}}
}

// forgetFailures takes what is remembered of a retirement off versions that are not owed any more: FAILED, USED, and
// SESSIONS, which a person has put.
func (p *Plan) forgetFailures(s State, source Source) {
	if s.Mode == manifest.Observe || source.Frozen != "" {
		return
	}
	owed := source.Owed()
	for _, kind := range []string{history.Failed, history.Used, history.Sessions} {
		for _, m := range source.Placements(kind) {
			if !slices.ContainsFunc(owed, func(v history.Version) bool { return v.ID == m.Version }) {
				p.Drops = append(p.Drops, Mark{Secret: source.Secret, Label: m.Label, From: m.Version})
			}
		}
	}
}

// failureOf returns what the label of an owed version tells of its retirement; nil where it has not failed.
func failureOf(v history.Version) *Failure {
	f, _ := FailureOf(v)
	if f.Count == 0 {
		return nil
	}
	return &f
}

// listKept returns the labels of v that veto its retirement.
func listKept(v history.Version) []string {
	var kept []string
	for _, label := range []string{history.Retain, history.Rollback} {
		if v.Has(label) {
			kept = append(kept, label)
		}
	}
	return kept
}

// retireCommand returns the command by which a person takes an owed version off: it names the version where several are
// owed.
func (s Source) retireCommand(environment string, v history.Version) string {
	command := "rotary retire " + environment + " " + s.Name + " --revoked"
	if len(s.Owed()) > 1 {
		command += " --version " + history.Short(v.ID)
	}
	return command
}
