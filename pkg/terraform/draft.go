package terraform

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// Draft is a manifest that computes what a configuration computes.
type Draft struct {
	Environments []Environment
	SignIn       map[string]string // by kind of consumer, the key of its token
	Sources      []Source
	Public       []string
	Mappings     []Mapping
	Buckets      []Bucket
	Consumers    []Consumer
	Lost         []Problem  // what is not carried, and why
	Guessed      []Problem  // what was guessed
	Holders      []Resource // what holds values in Terraform's state
	Changed      []Resource // what Terraform has to leave to rotary in part
}

// Environment is an environment of a draft.
type Environment struct {
	Name, Account, Region string
	Vars                  map[string]string
	Guess                 string
}

// Source is a source of a draft.
type Source struct {
	Name  string
	Keys  []string
	Text  bool   // its secret is one text, of the one key
	Named string // the name of its secret, which is there already; or ""
	Guess string
}

// Mapping is a mapping of a draft.
type Mapping struct {
	Name  string
	Pairs manifest.Mapping
}

// Bucket is a bucket of a draft. Own mappings and texts stand in it.
type Bucket struct {
	Name   string
	Bucket manifest.Bucket
	Guess  string
	of     string // the id of its set; "" where there is none
	pairs  []pair
}

// Consumer is a consumer of a draft: a bucket's reader.
type Consumer struct {
	Name, Bucket, Guess string
	ECS                 *ECSService
	GitHub              *GitHubSecrets
	Vercel              *VercelProject
}

// ECSService names a service.
type ECSService struct{ Cluster, Service string }

// GitHubSecrets names the secrets of a repository, or of one of its environments.
type GitHubSecrets struct{ Repository, Environment string }

// VercelProject names the variables of a project.
type VercelProject struct {
	Project string
	Targets map[string][]string // by environment
}

// Resource is a resource of the configuration, by its address in the root module, without keys.
type Resource struct {
	Address string
	Lines   string // that its lifecycle block needs
}

// drafting is a draft in the making.
type drafting struct {
	*Draft
	config   *Configuration
	envs     []string
	known    map[string]map[string]bool
	inputs   map[string]role
	found    map[string]*findings // by environment
	mappings []Mapping            // that the configuration declares
	names    map[string]string    // canonical names, by secret's id
	depends  map[string][]string  // of an entry's id, the secrets below the one that wins
	places   []placement          // where Terraform copies buckets to
	lost     map[Problem]bool
	guessed  map[Problem]bool
}

// placement is a bucket, and the set that says where it goes.
type placement struct{ bucket, id string }

// Draft returns a manifest for the configuration, in environments of these names; none: those that it tells apart.
func (c *Configuration) Draft(environments []string) *Draft {
	d := &drafting{
		Draft: &Draft{SignIn: map[string]string{}}, config: c, envs: environments, known: map[string]map[string]bool{}, inputs: map[string]role{},
		found: map[string]*findings{}, names: map[string]string{}, depends: map[string][]string{}, lost: map[Problem]bool{}, guessed: map[Problem]bool{},
	}
	if len(d.envs) == 0 {
		d.envs = c.findEnvironments()
		d.guess(fmt.Sprintf("the environments: %s", strings.Join(d.envs, ", ")))
	}
	d.listMappings()
	d.evaluateAll()
	d.nameSecrets()
	d.listSources()
	d.listBuckets()
	d.listConsumers()
	d.finish()
	return d.Draft
}

func (d *drafting) guess(what string) {
	d.guessed[Problem{firstFile(d.config), 1, 1, what}] = true
}

func firstFile(c *Configuration) string {
	if len(c.files) == 0 {
		return ""
	}
	return c.files[0]
}

// newWorld returns an environment, without the secrets of these ids.
func (d *drafting) newWorld(env string, missing ...string) *world {
	w := &world{
		config: d.config, env: env, known: d.known, missing: map[string]bool{}, inputs: d.inputs,
		losses: map[Problem]bool{}, guesses: map[Problem]bool{},
	}
	for _, id := range missing {
		w.missing[id] = true
	}
	return w
}

// evaluateAll evaluates every environment, again as long as keys are found that were not known before.
func (d *drafting) evaluateAll() {
	for range 10 {
		before := d.countKnown()
		clear(d.lost)
		for _, env := range d.envs {
			w := d.newWorld(env)
			d.found[env] = w.collect()
			maps.Copy(d.lost, w.losses)
			maps.Copy(d.guessed, w.guesses)
		}
		d.addMappedKeys()
		if d.countKnown() == before {
			break
		}
	}
	d.findDependencies()
}

func (d *drafting) countKnown() (n int) {
	for _, keys := range d.known {
		n += len(keys)
	}
	return n
}

// addMappedKeys gives the one input of secrets, where there is no other, every key that a mapping renames.
func (d *drafting) addMappedKeys() {
	if len(d.known) != 1 {
		return
	}
	for _, keys := range d.known {
		for _, m := range d.mappings {
			for key := range m.Pairs {
				keys[key] = true
			}
		}
	}
}

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,254}$`)

var mappingSuffix = regexp.MustCompile(`_?(secrets?_)?(mappings?|map|names)$`)

// shortenMapping returns what a mapping is called whose variable has this name.
func shortenMapping(name string) string { return dashed(mappingSuffix.ReplaceAllString(name, "")) }

// listMappings lists the variables, and the locals that depend on nothing, that give names to names.
func (d *drafting) listMappings() {
	taken := map[string]bool{manifest.LayerOriginals: true, manifest.LayerOnly: true, manifest.LayerComputed: true}
	for _, folder := range sortedKeys(d.config.modules) {
		m := d.config.modules[folder]
		add := func(name string, value cty.Value) {
			pairs := readPairs(value)
			short := shortenMapping(name)
			if len(pairs) == 0 || short == "" || taken[short] {
				return
			}
			taken[short] = true
			d.mappings = append(d.mappings, Mapping{short, pairs})
		}
		for _, name := range sortedKeys(m.declared) {
			if v := m.declared[name]; v.standard != cty.NilVal && mappingSuffix.MatchString(name) {
				add(name, v.standard)
			}
		}
		for _, name := range sortedKeys(m.locals) {
			if value, diags := m.locals[name].Value(nil); !diags.HasErrors() && mappingSuffix.MatchString(name) {
				add(name, value)
			}
		}
	}
}

// readPairs returns a map of names to names, or nil.
func readPairs(v cty.Value) manifest.Mapping {
	pairs := manifest.Mapping{}
	for _, key := range listNames(v) {
		name, is := textOf(v.AsValueMap()[key])
		if !is || !variableName.MatchString(key) || !variableName.MatchString(name) || secret.LooksLike(name) || secret.LooksLike(key) {
			return nil
		}
		pairs[key] = manifest.Names{name}
	}
	return pairs
}

// findEnvironments returns the environments that files of values name, and those that conditions tell apart.
func (c *Configuration) findEnvironments() []string {
	found := map[string]bool{}
	for _, file := range c.values {
		if env, is := file.findEnvironment(); is {
			found[env] = true
		}
	}
	if len(found) == 0 {
		for _, m := range c.modules {
			for _, e := range m.all {
				findCompared(e, found)
			}
		}
	}
	for name := range found {
		if !environmentName.MatchString(name) || secret.LooksLike(name) {
			delete(found, name)
		}
	}
	all := sortedKeys(found)
	switch {
	case len(all) == 0:
		return []string{"dev"}
	case len(all) == 1 && strings.HasPrefix(all[0], "dev"):
		return []string{all[0], "production"}
	case len(all) == 1:
		return []string{"dev", all[0]}
	}
	return all
}

var environmentName = regexp.MustCompile(`^[A-Za-z]([A-Za-z0-9-]{0,30}[A-Za-z0-9])?$`)

// findCompared notes the texts that an environment's name is compared with.
func findCompared(e hcl.Expression, found map[string]bool) {
	native, is := e.(hclsyntax.Node)
	if !is {
		return
	}
	_ = hclsyntax.VisitAll(native, func(n hclsyntax.Node) hcl.Diagnostics {
		switch n := n.(type) {
		case *hclsyntax.BinaryOpExpr:
			if n.Op == hclsyntax.OpEqual || n.Op == hclsyntax.OpNotEqual {
				noteCompared(n.LHS, n.RHS, found)
				noteCompared(n.RHS, n.LHS, found)
			}
		case *hclsyntax.FunctionCallExpr:
			if n.Name == "contains" && len(n.Args) == 2 && isEnvironment(n.Args[1]) {
				if list, diags := n.Args[0].Value(nil); !diags.HasErrors() {
					for _, name := range listTexts(list) {
						found[name] = true
					}
				}
			}
		}
		return nil
	})
}

func noteCompared(e, other hclsyntax.Expression, found map[string]bool) {
	if text, is := literalText(other); is && isEnvironment(e) {
		found[text] = true
	}
}

// isEnvironment reports whether an expression is the name of the environment.
func isEnvironment(e hclsyntax.Expression) bool {
	t, is := e.(*hclsyntax.ScopeTraversalExpr)
	if !is {
		return false
	}
	root, name := readTraversal(t.Traversal)
	return root == "var" && slices.Contains(environmentNames, name) || root == "terraform" && name == "workspace"
}

// findDependencies finds what would stand under each name if the secret that wins there were missing. Any two secrets
// differ in a bit of their numbers, so that evaluating once without those that have a bit, and once without those that
// have it not, shows every name under which there is another.
func (d *drafting) findDependencies() {
	env, ids := d.envs[0], d.listSecrets()
	whole, suspects := d.found[env].sets, map[string]bool{}
	for bit := 1; bit < len(ids); bit *= 2 {
		for _, without := range []int{0, bit} {
			var missing []string
			for i, id := range ids {
				if i&bit == without {
					missing = append(missing, id)
				}
			}
			for _, id := range findReplaced(whole, d.newWorld(env, missing...).collect().sets, missing) {
				suspects[id] = true
			}
		}
	}
	if len(ids) == 1 {
		suspects[ids[0]] = true
	}
	for _, id := range sortedKeys(suspects) {
		d.findBelow(env, whole, id, nil)
	}
}

// findReplaced returns the missing secrets under whose names something else stands now.
func findReplaced(whole, now map[string]*set, missing []string) (ids []string) {
	for setID, s := range whole {
		for name, text := range s.values {
			id, is := readToken(ofSecret, text)
			if is && slices.Contains(missing, id) && now[setID] != nil && now[setID].values[name] != "" {
				ids = append(ids, id)
			}
		}
	}
	return ids
}

// deepestOverride is how many secrets under one name are told apart.
const deepestOverride = 4

func (d *drafting) findBelow(env string, whole map[string]*set, id string, above []string) {
	missing := append(slices.Clone(above), id)
	without := d.newWorld(env, missing...).collect().sets
	for _, setID := range sortedKeys(whole) {
		for _, name := range sortedKeys(whole[setID].values) {
			var now string
			if s := without[setID]; s != nil {
				now = s.values[name]
			}
			if was, is := readToken(ofSecret, whole[setID].values[name]); !is || was != missing[0] || now == "" {
				continue
			}
			next, is := readToken(ofSecret, now)
			entry := setID + " " + name
			switch {
			case !is:
				of := whole[setID]
				d.lost[makeProblem(of.at, "not carried: "+quoteName(name)+" of "+quoteName(of.name)+" where "+quoteName(lastKey(id))+
					" is missing: a manifest has no default")] = true
			case len(d.depends[entry]) == len(above) && !slices.Contains(missing, next) && len(above) < deepestOverride:
				d.depends[entry] = append(d.depends[entry], next)
				d.findBelow(env, map[string]*set{setID: {values: map[string]string{name: whole[setID].values[name]}, at: whole[setID].at, name: whole[setID].name}}, next, missing)
			}
		}
	}
}

func lastKey(id string) string {
	input, key := splitID(id)
	if key != "" {
		return key
	}
	return input
}

// listSecrets returns the ids of the secrets that are in a set.
func (d *drafting) listSecrets() []string {
	found := map[string]bool{}
	for _, f := range d.found {
		for _, s := range f.sets {
			for _, text := range s.values {
				for _, id := range findTokens(ofSecret, text) {
					found[id] = true
				}
			}
		}
	}
	return sortedKeys(found)
}
