package manifest

import (
	"maps"
	"regexp"
	"slices"
)

var (
	environmentShape = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9]{0,31}$`)
	accountShape     = regexp.MustCompile(`^[0-9]{12}$`)
	regionShape      = regexp.MustCompile(`^[a-z]{2}(-[a-z]+){1,2}-[0-9]{1,2}$`)
	variableName     = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
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
	}
}

func (r *report) checkEnvironment(path, name string, spec EnvironmentSpec) {
	if !environmentShape.MatchString(name) {
		r.add(path, "environment "+Quote(name)+" is not letters and digits", "a hyphen would make names like api-secrets-{env} ambiguous: rename it")
	}
	if !accountShape.MatchString(spec.Account) {
		r.add(path+".account", path+".account is not an AWS account id", `write its 12 digits in quotes, like "111111111111"`)
	}
	if !regionShape.MatchString(spec.Region) {
		r.add(path+".region", path+".region is not an AWS region", "write one like us-east-1")
	}
	if spec.Mode != "" {
		r.oneOf(path+".mode", string(spec.Mode), string(Observe), string(Propagate), string(Retire))
	}
	for _, variable := range slices.Sorted(maps.Keys(spec.Vars)) {
		at := path + ".vars." + variable
		if builtin(variable) || !variableName.MatchString(variable) {
			r.add(at, Quote(variable)+" cannot be a variable", "env, account and region are always set; others are letters, digits and _")
		}
	}
	if spec.Network != nil {
		r.nonEmpty(path+".network.subnets", spec.Network.Subnets)
		r.nonEmpty(path+".network.security_groups", spec.Network.SecurityGroups)
	}
}

func (r *report) nonEmpty(path string, list []string) {
	if len(list) == 0 || slices.Contains(list, "") {
		r.add(path, path+" is empty", "list at least one id")
	}
	r.unique(path, list)
}
