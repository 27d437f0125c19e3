package history

import (
	"strconv"
	"strings"
	"time"
)

// longestCaller is how many characters of a name a RETAINED label keeps. A label has 256 at most, and escaping makes
// three of one.
const longestCaller = 60

// RetainedLabel names the label that records who put RETAIN on version id, and when. It is a note for people: RETAIN
// alone decides.
func (h History) RetainedLabel(at time.Time, id, by string) string {
	name := EscapeTag(by[:min(longestCaller, len(by))], "")
	return Retained + strconv.FormatInt(at.Unix(), 10) + "-" + strings.ReplaceAll(name, "-", "=2D") + "-" +
		strings.TrimPrefix(h.LabelFor(Live, id), Live)
}

// RetainedBy returns who put RETAIN on v, and when; nothing where no label records it.
func (h History) RetainedBy(v Version) (by string, since time.Time) {
	label, has := v.Label(Retained)
	parts := strings.SplitN(strings.TrimPrefix(label, Retained), "-", 3)
	if !has || len(parts) < 3 {
		return "", time.Time{}
	}
	since, _ = v.TimeOf(Retained)
	by, _ = UnescapeTag(parts[1])
	return by, since
}
