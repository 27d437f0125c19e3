package manifest

import (
	"fmt"
	"slices"
	"strings"
)

// checkNames reports what AWS or an environment's policies would refuse, or take for another, of the names that are
// made of the manifest's: DerivedNames. An environment whose own name is refused has no others.
func (r *report) checkNames(all []*Environment) {
	all = slices.DeleteFunc(slices.Clone(all), func(e *Environment) bool { return !environmentShape.MatchString(e.Name) })
	neighbours := r.checkNeighbours(all)
	taken := map[string]DerivedName{}
	for _, env := range all {
		for _, name := range env.DerivedNames() {
			first, ok := taken[env.nameScope(name)]
			switch {
			case name.kind == secretKind: // checkClaims reports those, with the secrets that were there before
			case !ok:
				taken[env.nameScope(name)] = name
			case !neighbours[[2]string{first.env, name.env}]: // their names follow from the environments'
				r.addEqualNames(first, name)
			}
		}
		r.checkLengths(env.DerivedNames())
	}
}

// nameScope returns a text that two names share if they cannot both exist.
func (e *Environment) nameScope(n DerivedName) string {
	if n.kind.wide {
		return strings.Join([]string{n.Kind, e.Account, strings.ToLower(n.Name)}, " ")
	}
	return strings.Join([]string{n.Kind, e.Account, e.Region, n.within, n.Name}, " ")
}

// addEqualNames reports two entries that get the same name, at the one that stands later in the file.
func (r *report) addEqualNames(a, b DerivedName) {
	if r.standsLater(a.path, b.path) {
		a, b = b, a
	}
	r.add(b.path, a.owner+" and "+b.owner+" would both make the "+b.Kind+" "+Quote(b.Name), "rename one of them")
}

func (r *report) standsLater(path, other string) bool {
	a, b := r.findPosition(path), r.findPosition(other)
	return a.line > b.line || a.line == b.line && a.col > b.col
}

// checkLengths reports the longest name of each kind that an entry gives to something and AWS does not take.
func (r *report) checkLengths(names []DerivedName) {
	longest := map[[2]string]DerivedName{}
	for _, n := range names {
		key := [2]string{n.path, n.Kind}
		if len(n.Name) > max(n.kind.limit, len(longest[key].Name)) {
			longest[key] = n
		}
	}
	for _, n := range longest {
		r.add(n.path, fmt.Sprintf("the name of the %s of %s has %d characters, and AWS takes %d",
			n.Kind, n.owner, len(n.Name), n.kind.limit),
			fmt.Sprintf("shorten a name that it is made of by %d", len(n.Name)-n.kind.limit))
	}
}

// checkNeighbours reports two environments of one account where the words of one's name, between hyphens, stand in the
// other's: a pattern like rotary-a-* in a policy of environment a would reach what belongs to a-b. IAM does not tell
// upper from lower case. It returns the pairs that it reports, in the order of all.
func (r *report) checkNeighbours(all []*Environment) map[[2]string]bool {
	reported := map[[2]string]bool{}
	for i, a := range all {
		for _, b := range all[i+1:] {
			if a.Account != b.Account || !accountShape.MatchString(a.Account) || !sharesWords(a.Name, b.Name) {
				continue
			}
			reported[[2]string{a.Name, b.Name}] = true
			first, later := a, b
			if r.standsLater("environments."+a.Name, "environments."+b.Name) {
				first, later = b, a
			}
			r.add("environments."+later.Name, "environments "+Quote(first.Name)+" and "+Quote(later.Name)+
				" share an account, and one's name stands in the other's: a policy for one would reach the other",
				"rename one, or give each an account of its own")
		}
	}
	return reported
}

// sharesWords reports whether the words of one name, in a row, are in the other.
func sharesWords(a, b string) bool {
	a, b = "-"+strings.ToLower(a)+"-", "-"+strings.ToLower(b)+"-"
	return strings.Contains(a, b) || strings.Contains(b, a)
}
