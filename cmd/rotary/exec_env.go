package main

import (
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"

	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// basicNames are the variables of the shell that a command gets with --pristine too: without them few programs find
// themselves, their user or the terminal. None of them carries a credential.
var basicNames = []string{
	"PATH", "HOME", "USER", "LOGNAME", "SHELL", "PWD", "TERM", "COLORTERM", "NO_COLOR", "LANG", "LC_*", "TZ", "TMPDIR",
	"SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "PATHEXT", "TEMP", "TMP", "USERNAME", "USERPROFILE", "APPDATA",
	"LOCALAPPDATA", "PROGRAMDATA", "PROGRAMFILES",
}

// environRule decides which variables of a bucket and of the shell a command gets.
type environRule struct {
	only     []string // of the bucket; none means all
	pristine bool     // nothing of the shell but basicNames
	override bool     // the bucket's variables replace those of the shell
}

// environ is the environment of a command.
type environ struct {
	entries []string        // NAME=value
	names   []string        // the variables of the bucket in it, sorted
	kept    []string        // names of the bucket for which the shell's own value, another one, stays; sorted
	ofShell map[string]bool // the names that come from the shell
}

// makeEnviron joins the variables of a shell and what a bucket holds:
//
//	both have a name   | with --override | without
//	-------------------|-----------------|------------------------------------
//	and the same value | the bucket's    | the shell's, and nobody is told
//	and other values   | the bucket's    | the shell's, and kept has the name
//
// It fails for a name of only that the bucket does not hold, and for a name or value that no environment can carry.
func makeEnviron(shell []string, held map[string]secret.Value, rule environRule) (environ, error) {
	names, err := chooseNames(held, rule.only)
	if err != nil {
		return environ{}, err
	}
	e := environ{ofShell: map[string]bool{}}
	given := map[string]string{}
	for _, name := range names {
		if given[foldName(name)], err = revealEntry(name, held[name]); err != nil {
			return environ{}, err
		}
	}
	for _, entry := range shell {
		name := nameOf(entry)
		if rule.pristine && !isBasic(name) {
			continue
		}
		own, both := given[foldName(name)]
		if both && rule.override {
			continue
		}
		if both && own != nameOf(own)+strings.TrimPrefix(entry, name) {
			e.kept = append(e.kept, name)
		}
		delete(given, foldName(name))
		e.entries, e.ofShell[name] = append(e.entries, entry), true
	}
	for _, folded := range slices.Sorted(maps.Keys(given)) {
		e.entries = append(e.entries, given[folded])
	}
	e.names = slices.DeleteFunc(names, func(name string) bool { return slices.Contains(e.kept, name) })
	slices.Sort(e.kept)
	return e, nil
}

// chooseNames returns the names of what a bucket holds, sorted, or those of them that are wanted.
func chooseNames(held map[string]secret.Value, only []string) ([]string, error) {
	names := slices.Sorted(maps.Keys(held))
	for _, name := range only {
		if _, has := held[name]; !has {
			return nil, invalid{fmt.Errorf("--only %s: the bucket holds no such variable%s", manifest.Quote(name),
				manifest.DescribeKnown(name, names))}
		}
	}
	if len(only) == 0 {
		return names, nil
	}
	return slices.Compact(slices.Sorted(slices.Values(only))), nil
}

// revealEntry returns a variable as environments hold it. It refuses what none can, and does not quote the value.
func revealEntry(name string, value secret.Value) (string, error) {
	text := secret.Reveal(value)
	switch {
	case name == "" || strings.ContainsAny(name, "=\x00"):
		return "", errors.New("the bucket holds a key that is no name of a variable: leave it out with --only")
	case strings.Contains(text, "\x00"):
		return "", fmt.Errorf("the value of %s holds a NUL, which no environment variable can: "+
			"leave it out with --only", manifest.Quote(name))
	}
	return name + "=" + text, nil
}

// nameOf returns the name of an entry NAME=value. On Windows some begin with =, like =C:=C:\folder.
func nameOf(entry string) string {
	if i := strings.IndexByte(entry[min(1, len(entry)):], '='); i >= 0 {
		return entry[:i+1]
	}
	return entry
}

// foldName returns a name as the system compares it.
func foldName(name string) string {
	if runtime.GOOS == "windows" {
		return strings.ToUpper(name)
	}
	return name
}

func isBasic(name string) bool {
	return slices.ContainsFunc(basicNames, func(basic string) bool {
		before, prefix := strings.CutSuffix(basic, "*")
		return foldName(name) == basic || prefix && strings.HasPrefix(foldName(name), before)
	})
}

// describeLargest names the largest entries of an environment, with their sizes in bytes.
func (e environ) describeLargest() string {
	const shown = 3
	largest := slices.SortedStableFunc(slices.Values(e.entries), func(a, b string) int { return len(b) - len(a) })
	var all []string
	for _, entry := range largest[:min(shown, len(largest))] {
		whose := "the bucket's"
		if e.ofShell[nameOf(entry)] {
			whose = "your shell's"
		}
		all = append(all, fmt.Sprintf("%s (%s, %d bytes)", nameOf(entry), whose, len(entry)))
	}
	return strings.Join(all, ", ")
}

// countBytes returns how many bytes the entries have, each with the NUL that ends it.
func (e environ) countBytes() (n int) {
	for _, entry := range e.entries {
		n += len(entry) + 1
	}
	return n
}
