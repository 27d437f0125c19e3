package terraform

import (
	"slices"
	"strings"

	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// nameSecrets gives every secret its canonical name. The key of an input of secrets is one. A secret that is a text of its
// own is called as the name under which it is read; where that is taken, as its variable.
func (d *drafting) nameSecrets() {
	taken := map[string]bool{}
	for _, input := range sortedKeys(d.known) {
		for _, key := range sortedKeys(d.known[input]) {
			d.nameSecret(secretID(input, key), []string{key, upper(input) + "__" + key}, taken)
		}
	}
	for _, m := range d.listUnused() {
		for _, key := range sortedKeys(m.Pairs) {
			d.nameSecret("mapping/"+key, []string{key}, taken)
		}
	}
	entries := map[string][]string{}
	for _, env := range d.envs {
		for _, id := range sortedKeys(d.found[env].sets) {
			s := d.found[env].sets[id]
			for _, name := range sortedKeys(s.values) {
				if at, is := readToken(ofSecret, s.values[name]); is && name != "" {
					entries[at] = append(entries[at], name)
				}
			}
		}
	}
	for _, id := range d.listSecrets() {
		if d.names[id] == "" {
			names := slices.Sorted(slices.Values(entries[id]))
			d.nameSecret(id, append(names, upper(id), upper(id)+"__2"), taken)
		}
	}
}

// nameSecret gives a secret the first of these names that is free.
func (d *drafting) nameSecret(id string, names []string, taken map[string]bool) {
	for _, name := range names {
		if !taken[name] && isCanonical(name) {
			d.names[id], taken[name] = name, true
			return
		}
	}
}

// isCanonical reports whether a name may stand in the manifest.
func isCanonical(name string) bool {
	return manifest.Limits(manifest.SecretsManager).Refuses(name) == "" && !secret.LooksLike(name)
}

// upper returns the name of an input, or of a resource, as a variable.
func upper(id string) string {
	id = strings.TrimPrefix(id, "var.")
	for _, attr := range []string{".result", ".private_key_pem", ".private_key_openssh", ".hex", ".b64_std"} {
		id = strings.TrimSuffix(id, attr)
	}
	if i := strings.LastIndexByte(id, '.'); i >= 0 {
		id = id[i+1:]
	}
	return strings.ToUpper(strings.ReplaceAll(dashed(id), "-", "_"))
}

// listSources groups the keys into sources by what their names begin with: a source is what is replaced together, and
// only a person knows that.
//
//	MY_APP__DB_SERVICE__URL   db-service: up to the last __, without what all such keys begin with
//	S3_AWS_REGION             s3: up to the first _
func (d *drafting) listSources() {
	ids := map[string]string{} // by canonical name
	for id, name := range d.names {
		ids[name] = id
	}
	d.listTexts(ids)
	common := commonPrefix(sortedKeys(ids))
	groups := map[string][]string{}
	for _, key := range sortedKeys(ids) {
		groups[groupOf(key, common)] = append(groups[groupOf(key, common)], key)
	}
	for _, group := range sortedKeys(groups) {
		s := Source{Name: group, Keys: groups[group]}
		if len(s.Keys) > 1 {
			s.Guess = "by prefix: what is replaced together is one source"
		}
		for _, key := range s.Keys {
			if input, _ := splitID(ids[key]); strings.HasPrefix(lastResource(input), "random_") && len(s.Keys) == 1 {
				s.Guess = "Terraform made it at random: rotate: {random: {}, every: 30d} would do so"
			}
		}
		for slices.ContainsFunc(d.Sources, func(other Source) bool { return other.Name == s.Name }) {
			s.Name += "-values"
		}
		d.Sources = append(d.Sources, s)
	}
	slices.SortFunc(d.Sources, func(a, b Source) int { return strings.Compare(a.Name, b.Name) })
}

// lastResource returns the address of an input that a resource made, without its modules.
func lastResource(input string) string {
	parts := strings.Split(input, ".")
	for len(parts) > 2 && parts[0] == "module" {
		parts = parts[2:]
	}
	return strings.Join(parts, ".")
}

// listTexts makes a source of each secret that is one text and there already.
func (d *drafting) listTexts(ids map[string]string) {
	for _, id := range sortedKeys(d.found[d.envs[0]].sets) {
		s := d.found[d.envs[0]].sets[id]
		if !s.text {
			continue
		}
		at, is := readToken(ofSecret, s.values[""])
		key := d.names[at]
		if !is || key == "" || ids[key] == "" {
			d.lost[makeProblem(s.at, "not carried: the text of "+quoteName(s.name)+": it is no secret of its own")] = true
			continue
		}
		named := d.generalize(d.perEnvironment(func(f *findings) string {
			if s := f.sets[id]; s != nil {
				return s.secret
			}
			return ""
		}), s.name)
		delete(ids, key)
		d.Sources = append(d.Sources, Source{Name: s.name, Keys: []string{key}, Text: true, Named: named})
	}
}

// commonPrefix returns what all keys with __ begin with, up to their first one; "" where there is no such thing.
func commonPrefix(keys []string) string {
	prefix, n := "", 0
	for _, key := range keys {
		first, _, found := strings.Cut(key, "__")
		switch {
		case !found:
		case n > 0 && first != prefix:
			return ""
		default:
			prefix, n = first, n+1
		}
	}
	if n < 2 {
		return ""
	}
	return prefix + "__"
}

func groupOf(key, common string) string {
	short := key
	if common != "" && strings.HasPrefix(key, common) {
		short = strings.TrimPrefix(key, common)
	}
	group, _, _ := strings.Cut(short, "_")
	if i := strings.LastIndex(short, "__"); i > 0 {
		group = short[:i]
	} else if short != key {
		group = short
	}
	name := strings.ToLower(strings.Trim(strings.ReplaceAll(group, "_", "-"), "-"))
	for strings.Contains(name, "--") {
		name = strings.ReplaceAll(name, "--", "-")
	}
	if name == "" {
		return "secrets"
	}
	return name
}

// sourceOf returns the source of a key.
func (d *drafting) sourceOf(key string) *Source {
	for i := range d.Sources {
		if slices.Contains(d.Sources[i].Keys, key) {
			return &d.Sources[i]
		}
	}
	return nil
}

// perEnvironment returns something of the findings of each environment.
func (d *drafting) perEnvironment(take func(*findings) string) map[string]string {
	all := map[string]string{}
	for _, env := range d.envs {
		all[env] = take(d.found[env])
	}
	return all
}

// generalize returns one text for all environments: the text that they share, with ${env} where the environment's name
// stands, or a variable that it adds to each. name is what the variable is called.
func (d *drafting) generalize(texts map[string]string, name string) string {
	first := texts[d.envs[0]]
	same, byName := true, true
	pattern := strings.ReplaceAll(first, d.envs[0], "${env}")
	for env, text := range texts {
		same = same && text == first
		byName = byName && strings.ReplaceAll(text, env, "${env}") == pattern
	}
	switch {
	case len(d.envs) == 1:
		if base, is := strings.CutSuffix(first, "-"+d.envs[0]); is {
			return base + "-${env}"
		}
		return first
	case same:
		return first
	case byName:
		return pattern
	case slices.Contains(sortedValues(texts), ""):
		return first
	}
	for _, variable := range sortedKeys(d.Environments[0].Vars) {
		if !d.hasVariable(variable, texts) {
			return "${" + variable + "}"
		}
	}
	variable := strings.ToLower(strings.ReplaceAll(strings.ReplaceAll(name, "-", "_"), "__", "_"))
	for d.hasVariable(variable, texts) {
		variable += "_2"
	}
	for i, env := range d.Environments {
		d.Environments[i].Vars[variable] = texts[env.Name]
	}
	return "${" + variable + "}"
}

func sortedValues(m map[string]string) (all []string) {
	for _, key := range sortedKeys(m) {
		all = append(all, m[key])
	}
	return all
}

// hasVariable reports whether a variable has other texts already.
func (d *drafting) hasVariable(name string, texts map[string]string) bool {
	for _, env := range d.Environments {
		if have, is := env.Vars[name]; is && have != texts[env.Name] {
			return true
		}
	}
	return slices.Contains([]string{"env", "region", "account"}, name)
}
