package manifest

import (
	"maps"
	"slices"
)

var (
	environmentShape = newShape(`^[A-Za-z]([A-Za-z0-9-]{0,30}[A-Za-z0-9])?$`)
	accountShape     = newShape(`^[0-9]{12}$`)
	regionShape      = newShape(`^[a-z]{2,4}(-[a-z]+){1,2}-[0-9]{1,2}$`)
	variableName     = newShape(`^[A-Za-z_][A-Za-z0-9_]*$`)
)

func (r *report) checkEnvironments(f *File) {
	for _, section := range []struct {
		name  string
		empty bool
	}{{"environments", len(f.Environments) == 0}, {"sources", len(f.Sources) == 0}, {"buckets", len(f.Buckets) == 0}} {
		if section.empty {
			r.add(section.name, "there are no "+section.name, "declare at least one under "+section.name)
		}
	}
	for _, name := range f.Names() {
		r.checkEnvironment("environments."+name, name, f.Environments[name])
		r.checkImages("environments."+name+".infra.reference_services.images", f,
			f.Environments[name].Infra.ReferenceServices)
		r.checkReleases("environments."+name+".infra.access.github.releases", f, f.Environments[name].Infra.Access)
	}
}

func (r *report) checkEnvironment(path, name string, spec EnvironmentSpec) {
	if !environmentShape.MatchString(name) {
		r.add(path, "environment "+Quote(name)+" is not up to 32 letters, digits and -",
			"CloudFormation takes no _ in a stack's name: rename it, a letter first and no - last")
	}
	if !accountShape.MatchString(spec.Account) {
		r.add(path+".account", path+".account is not an AWS account id",
			`write its 12 digits in quotes, like "111111111111"`)
	}
	if !regionShape.MatchString(spec.Region) {
		r.add(path+".region", path+".region is not an AWS region", "write one like us-east-1")
	}
	if spec.Mode != "" {
		r.requireOneOf(path+".mode", string(spec.Mode), string(Observe), string(Propagate), string(Retire))
	}
	for _, variable := range slices.Sorted(maps.Keys(spec.Vars)) {
		at := path + ".vars." + variable
		if isBuiltin(variable) || !variableName.MatchString(variable) {
			r.add(at, Quote(variable)+" cannot be a variable",
				"env, account and region are always set; others are letters, digits and _")
		}
	}
	if spec.Readers != "" {
		r.requireOneOf(path+".readers", spec.Readers, ReadersIgnore, ReadersReport, ReadersVeto)
	}
	r.checkOnLeak(path+".on_leak", spec.OnLeak)
	r.checkInfra(path+".infra", spec.Region, spec.Infra)
	if access := spec.Infra.Access; spec.Protected && access != nil && len(access.Sandboxes) > 0 {
		r.add(path+".infra.access.sandboxes", "environment "+Quote(name)+" is protected, and has sandboxes",
			"people who develop have nothing to do there: give them to another environment")
	}
}

// The words for readers.
const (
	ReadersIgnore = "ignore"
	ReadersReport = "report" // the default
	ReadersVeto   = "veto"
)

func (r *report) checkOnLeak(path, word string) {
	if word == "" {
		return
	}
	r.requireOneOf(path, word, "page", "rotate", "emergency")
	r.addNote(path, path+" has no effect yet: nothing hears of leaks", "leave it, or remove it")
}
