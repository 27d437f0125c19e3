package terraform

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// findings are what one environment's configuration makes.
type findings struct {
	sets      map[string]*set // by id
	services  []service
	secrets   map[string]string // names of secrets, by address
	retained  []string          // addresses of what holds values
	pinned    []pasted
	addresses map[string]placed
}

// set is a map of names to values that somebody reads.
type set struct {
	id     string            // the same in every environment
	name   string            // what it may be called
	secret string            // the name of its secret; "" where there is none
	values map[string]string // by name; with tokens
	text   bool              // it is one text, under ""
	where  place             // whoever reads it
	at     hcl.Range
	guess  string
}

// place is where Terraform puts a set, besides Secrets Manager.
type place struct {
	kind        string // github, vercel or ""
	repository  string
	environment string
	project     string
	targets     []string
}

// service is an ECS service, and the addresses of the secrets that its task definition names.
type service struct {
	name, cluster string
	secrets       []string
	at            hcl.Range
}

// pasted is a resource that needs lines in its own block.
type pasted struct{ address, lines string }

// placed is a block in its instance.
type placed struct {
	in *instance
	b  *block
}

// collect returns what the configuration makes in an environment.
func (w *world) collect() *findings {
	f := &findings{sets: map[string]*set{}, secrets: map[string]string{}, addresses: map[string]placed{}}
	var all []*instance
	for _, folder := range w.config.roots() {
		all = append(all, w.newRoot(folder).listAll()...)
	}
	for _, in := range all {
		in.nameResources(f)
	}
	for _, in := range all {
		for _, b := range in.module.resources {
			for _, each := range in.listEachOf(b) {
				in.withEach(each).readResource(f, b, each)
			}
		}
	}
	f.joinServices()
	for _, in := range all {
		in.guessSets(f)
	}
	return f
}

// listAll returns an instance and all that it calls.
func (in *instance) listAll() []*instance {
	all := []*instance{in}
	for _, call := range in.module.calls {
		instances, _ := in.listInstances(call.name)
		for _, called := range instances {
			all = append(all, called.listAll()...)
		}
	}
	return all
}

// nameResources notes where each resource is, and the names of secrets.
func (in *instance) nameResources(f *findings) {
	for _, b := range slices.Concat(in.module.resources, in.module.data) {
		if !slices.Contains([]string{"aws_secretsmanager_secret", "aws_ecs_task_definition", "aws_ecs_cluster"}, b.typ) {
			continue
		}
		for _, each := range in.listEach(b) {
			at, one := in.path+b.address(), in.withEach(each)
			if key, is := textOf(each["key"]); is {
				at += "[" + key + "]"
			}
			f.addresses[at] = placed{one, b}
			if b.typ != "aws_secretsmanager_secret" {
				continue
			}
			if name, is := one.evaluateText(b.attrs["name"]); is {
				f.secrets[at] = name
			}
		}
	}
}

// evaluateText returns the text of an expression, in which region and account are the manifest's variables.
func (in *instance) evaluateText(e hcl.Expression) (string, bool) {
	if e == nil {
		return "", false
	}
	text, is := textOf(in.evaluate(e))
	if !is {
		return "", false
	}
	return writeVariables(text)
}

// holders are the kinds of resources that hold values, and where they put them.
var holders = map[string]string{
	"aws_secretsmanager_secret_version": "secret", "github_actions_secret": "github", "github_actions_environment_secret": "github",
	"vercel_project_environment_variable": "vercel", "vercel_project_environment_variables": "vercel",
}

// listEachOf is listEach for the resources that are read.
func (in *instance) listEachOf(b *block) []map[string]cty.Value {
	if holders[b.typ] == "" && b.typ != "aws_ecs_service" && b.typ != "aws_secretsmanager_secret" {
		return nil
	}
	return in.listEach(b)
}

// readResource notes what a resource holds.
func (in *instance) readResource(f *findings, b *block, each map[string]cty.Value) {
	address := in.path + b.address()
	if holders[b.typ] != "" && !slices.Contains(f.retained, address) {
		f.retained = append(f.retained, address)
	}
	switch {
	case b.typ == "aws_ecs_service":
		in.readService(f, b)
	case b.typ == "aws_secretsmanager_secret":
		f.paste(address, "ignore_changes = [tags, tags_all]")
	case b.typ == "aws_secretsmanager_secret_version":
		in.readVersion(f, b, each)
	case holders[b.typ] == "github":
		in.readGitHub(f, b)
	case b.typ == "vercel_project_environment_variables":
		in.readVercelList(f, b)
	case b.typ == "vercel_project_environment_variable":
		in.readVercel(f, b)
	}
}

// paste notes lines that a resource needs, once.
func (f *findings) paste(address, lines string) {
	if p := (pasted{address, lines}); !slices.Contains(f.pinned, p) {
		f.pinned = append(f.pinned, p)
	}
}

// readVersion notes the content of a secret.
func (in *instance) readVersion(f *findings, b *block, each map[string]cty.Value) {
	e := cmp.Or(b.attrs["secret_string"], b.attrs["secret_string_wo"])
	secretAt := in.readAddress(b.attrs["secret_id"])
	s := &set{id: in.path + b.address(), secret: f.secrets[secretAt], at: b.at}
	if key, is := textOf(each["key"]); is {
		s.id += "[" + key + "]"
	}
	if s.secret == "" {
		if name, known := in.evaluateText(b.attrs["secret_id"]); known {
			s.secret = name
		}
	}
	s.name = nameFromAddress(cmp.Or(secretAt, s.id))
	if e == nil {
		in.lose(b.at, b.address(), "it has no secret_string")
		return
	}
	value := in.evaluate(e)
	text, is := textOf(value)
	if !is {
		in.lose(exprRange(e), "secret_string of "+b.address(), in.explain(e))
		return
	}
	if s.values, is = readObject(text); !is {
		s.values, s.text = map[string]string{"": text}, true
	}
	f.sets[s.id] = s
}

// readAddress returns the address of the resource that an expression names, or "".
func (in *instance) readAddress(e hcl.Expression) string {
	if e == nil {
		return ""
	}
	text, _ := textOf(in.evaluate(e))
	address, _ := readToken(ofResource, text)
	return address
}

// readObject reads a JSON object of scalars.
func readObject(text string) (map[string]string, bool) {
	var values map[string]any
	if !strings.HasPrefix(strings.TrimSpace(text), "{") {
		return nil, false
	}
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	if decoder.Decode(&values) != nil {
		return nil, false
	}
	all := map[string]string{}
	for name, value := range values {
		switch value := value.(type) {
		case string:
			all[name] = value
		case json.Number:
			all[name] = value.String()
		case bool:
			all[name] = map[bool]string{true: "true", false: "false"}[value]
		}
	}
	return all, true
}

// readService notes an ECS service and what its task definition names.
func (in *instance) readService(f *findings, b *block) {
	name, known := in.evaluateText(b.attrs["name"])
	if !known {
		in.lose(b.at, b.address(), "its name is not known")
		return
	}
	s := service{name: name, at: b.at}
	if cluster, known := in.evaluateText(b.attrs["cluster"]); known {
		s.cluster = cluster
	} else if at := in.readAddress(b.attrs["cluster"]); at != "" {
		if placed, is := f.addresses[at]; is {
			if name, known := placed.in.evaluateText(placed.b.attrs["name"]); known {
				s.cluster = name
			}
		}
	}
	s.cluster = lastPart(cmp.Or(s.cluster, "default"))
	if placed, is := f.addresses[in.readAddress(b.attrs["task_definition"])]; is {
		s.secrets = placed.in.findSecrets(placed.b.attrs["container_definitions"])
	}
	f.services = append(f.services, s)
	f.paste(in.path+b.address(), "ignore_changes = [task_definition]")
}

// findSecrets returns the addresses of the secrets that a task definition's containers name.
func (in *instance) findSecrets(e hcl.Expression) []string {
	if e == nil {
		return nil
	}
	if text, is := textOf(in.evaluate(e)); is {
		return slices.Compact(slices.Sorted(slices.Values(findTokens(ofResource, text))))
	}
	var all []string
	for _, t := range e.Variables() {
		if root, name := readTraversal(t); root == "aws_secretsmanager_secret" {
			all = append(all, in.path+root+"."+name)
		}
	}
	return slices.Compact(slices.Sorted(slices.Values(all)))
}

// joinServices keeps the services that read one of the secrets.
func (f *findings) joinServices() {
	f.services = slices.DeleteFunc(f.services, func(s service) bool {
		return !slices.ContainsFunc(s.secrets, func(at string) bool { return f.secrets[at] != "" })
	})
}

// lastPart returns what stands behind the last / or : of a name.
func lastPart(name string) string {
	if i := strings.LastIndexAny(name, "/:"); i >= 0 {
		return name[i+1:]
	}
	return name
}

// nameFromAddress returns what something may be called: the last name of its address, or that of its module where the
// last says nothing.
func nameFromAddress(address string) string {
	address, key, keyed := strings.Cut(address, "[")
	parts := strings.Split(address, ".")
	name := parts[len(parts)-1]
	if slices.Contains([]string{"this", "main", "default", "secret", "secrets", "current"}, name) && len(parts) >= 4 {
		name = parts[len(parts)-3]
	}
	if keyed {
		name = strings.TrimSuffix(key, "]")
	}
	return dashed(name)
}

// dashed returns a name as the manifest has names.
func dashed(name string) string {
	return strings.Trim(strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r >= 'A' && r <= 'Z':
			return r
		}
		return '-'
	}, name), "-")
}
