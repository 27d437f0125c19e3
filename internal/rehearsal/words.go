package rehearsal

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// most is how many violations of one act are told: more of them say the same.
const most = 3

// describeViolations returns the violations in words.
func describeViolations(violations []string) (all []string) {
	for i, v := range violations {
		if i == most {
			return append(all, fmt.Sprintf("and %d more like these", len(violations)-most))
		}
		rule, what, _ := strings.Cut(v, " ")
		all = append(all, describeRule(rule)+": "+what)
	}
	return all
}

// describeRule returns what a rule of the simulation forbids, in words: see World.check and Finish.
func describeRule(name string) string {
	text, known := map[string]string{
		"S1": "somebody was refused", "S2": "somebody could be started, and would be refused", "S3": "what somebody may start on can be deleted",
		"S4": "retired too early", "S6": "lost from sight", "S7": "a label moved back", "S8": "another environment was touched",
		"S9": "a bucket holds what it should not", "S11": "it does not come to rest", "S13": "a value came out", "S14": "somebody else's entry was touched",
		"L1": "it takes too many passes", "L2": "it does not settle", "L3": "something is left over",
	}[name]
	if !known {
		return name
	}
	return text
}

// findHint returns what to look at after an act that did not hold.
func findHint(a Act) string {
	held := ""
	if a.HeldUp != "" {
		held = "; it waited for " + a.HeldUp + " the longest"
	}
	switch a.Name {
	case FirstDeploy:
		return "no rotation was played: see what the consumers named here read, and whether each value there has a source"
	case Undisturbed:
		return "nothing went wrong in this act, so each rotation would end like this" + held +
			": see the consumers named here, their drain, and what they read of the source"
	case LongRun:
		return "the run went on for as long as the consumer's drain allows: compare the drain with what the vendor allows" + held
	case MissingKey:
		return "a value was put without that key: see who maps it, and whether the source may be without it" + held
	case Rollout:
		return "the consumer could not start with the new value, and then could: see what else it needs from the source" + held
	case Ending:
		return "rotary left something behind or touched what is not its own: that is rotary's fault, please report it"
	}
	return "sinks that fail and crashes must change nothing in the end: that is rotary's fault, please report it" + held
}

// findAdvice returns what in the manifest is likely to make the rotation of a source end badly; "" where nothing there
// explains it.
func findAdvice(env *manifest.Environment, s manifest.Source, told []Act) string {
	if s.Symmetric() != "" && s.Random().Pair == "" && len(listReaders(env, s.Symmetric())) == 0 {
		return fmt.Sprintf("nobody reads %s: give it to everybody who verifies %s, so that they accept the next key before anybody sends it",
			s.Symmetric(), s.Random().Key)
	}
	if overlap := s.Overlap(); overlap > 0 {
		return fmt.Sprintf("the vendor ends the old one by itself after %s: whoever reads it must have followed by then", Span(overlap))
	}
	if name, drain := findSlowest(env, s); drain > 0 && isSlow(s, told) {
		return fmt.Sprintf("%s drains for %s after each change: rotate less often, or shorten the drain", name, Span(drain))
	}
	return ""
}

// listReaders returns the consumers whose bucket has a key.
func listReaders(env *manifest.Environment, key string) (names []string) {
	for _, bucket := range listHolders(env, key) {
		for _, c := range env.Readers(bucket) {
			names = append(names, c.Name)
		}
	}
	return names
}

// isSlow reports whether a source's old credential lives on when the next rotation is due: that one is refused.
func isSlow(s manifest.Source, told []Act) bool {
	every := s.Rotate.Every.Std()
	return every > 0 && s.Rotate.Kind() != manifest.Manual && len(told) > 0 && told[0].Name == Undisturbed && time.Duration(told[0].Dead) >= every
}

// findSlowest returns the consumer of a source that drains for the longest, and for how long.
func findSlowest(env *manifest.Environment, s manifest.Source) (name string, drain time.Duration) {
	all := env.SourceReaders(s.Name)
	for _, key := range s.KeyNames() {
		for _, reader := range listReaders(env, key) {
			c, _ := env.Consumer(reader)
			all = append(all, c)
		}
	}
	for _, c := range all {
		if d := c.Drain().Std(); d > drain {
			name, drain = c.Name, d
		}
	}
	return name, drain
}

// joinNames joins names as people do.
func joinNames(names []string) string {
	names = slices.Compact(slices.Sorted(slices.Values(names)))
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}
