package manifest

import (
	"maps"
	"regexp"
	"slices"
)

var (
	environmentShape = regexp.MustCompile(`^[A-Za-z]([A-Za-z0-9-]{0,30}[A-Za-z0-9])?$`)
	accountShape     = regexp.MustCompile(`^[0-9]{12}$`)
	regionShape      = regexp.MustCompile(`^[a-z]{2,4}(-[a-z]+){1,2}-[0-9]{1,2}$`)
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
		r.checkImages("environments."+name+".services.images", f, f.Environments[name].Services)
	}
}

// checkImages reports images of what is no ECS service.
func (r *report) checkImages(path string, f *File, services *Services) {
	if services == nil {
		return
	}
	for _, consumer := range slices.Sorted(maps.Keys(services.Images)) {
		if f.Consumers[consumer].ECS == nil {
			r.add(path+"."+consumer, "consumer "+Quote(consumer)+" is no ECS service",
				"name a consumer with ecs, or remove the image")
		} else if services.Images[consumer] == "" {
			r.add(path+"."+consumer, path+"."+consumer+" is empty", "write the image, with its tag or digest")
		}
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
	if spec.Network != nil {
		r.requireItems(path+".network.subnets", spec.Network.Subnets)
		r.requireItems(path+".network.security_groups", spec.Network.SecurityGroups)
	}
	r.checkAccess(path+".access", spec.Region, spec.Access)
	if spec.Services != nil {
		r.requireItems(path+".services.subnets", spec.Services.Subnets)
		r.requireItems(path+".services.security_groups", spec.Services.SecurityGroups)
	}
}

// AWS, IAM identifiers: a role, a user or the root of an account, with its path.
var (
	principalShape = regexp.MustCompile(
		`^arn:(aws[a-z-]{0,10}):iam::(\$\{account\}|[0-9]{12}):(role|user)/[A-Za-z0-9_+=,.@/-]{1,512}$`)
	sandboxShape = regexp.MustCompile(`^[a-z][a-z0-9-]{0,19}$`)
	repoShape    = regexp.MustCompile(`^[A-Za-z0-9-]{1,39}/[A-Za-z0-9._-]{1,100}$`)
	numberShape  = regexp.MustCompile(`^[1-9][0-9]{0,19}$`)
)

// checkAccess wants principals by their whole ARN: a trust policy that names an account lets in whoever its IAM does.
func (r *report) checkAccess(path, region string, access *Access) {
	if access == nil {
		return
	}
	r.requireItems(path+".platform", access.Platform)
	for list, principals := range map[string][]string{"platform": access.Platform, "developers": access.Developers} {
		for i, arn := range principals {
			r.checkPrincipal(indexPath(path+"."+list, i), region, arn)
		}
	}
	r.requireUnique(path+".sandboxes", access.Sandboxes)
	for i, name := range access.Sandboxes {
		if !sandboxShape.MatchString(name) {
			r.add(indexPath(path+".sandboxes", i), "sandbox "+Quote(name)+" is not a short name",
				"use up to 20 lower-case letters, digits and -, a letter first")
		}
	}
	if access.GitHub != nil {
		r.checkOIDC(path+".github", *access.GitHub)
	}
}

// checkPrincipal reports what is no ARN of a role or user, or one of another partition than the environment's region.
func (r *report) checkPrincipal(path, region, arn string) {
	if arn == "" {
		return // the list is empty, or has an empty item
	}
	want := PartitionOf(region)
	parts := principalShape.FindStringSubmatch(arn)
	switch {
	case parts == nil:
		r.add(path, path+" is not the ARN of an IAM role or user",
			`write it whole, like "arn:`+want+`:iam::111111111111:role/name"`)
	case parts[1] != want && regionShape.MatchString(region):
		r.add(path, path+" is of another partition than region "+region+", which is of "+want,
			`write an ARN that begins with "arn:`+want+`:iam::"`)
	}
}

func (r *report) checkOIDC(path string, github OIDC) {
	if !repoShape.MatchString(github.Repository) {
		r.add(path+".repository", path+".repository is not owner/name", "write it as it stands on GitHub")
	}
	for field, id := range map[string]string{"owner_id": github.OwnerID, "repository_id": github.RepositoryID} {
		if !numberShape.MatchString(id) {
			r.add(path+"."+field, path+"."+field+" is not a number in quotes",
				"gh api repos/"+github.Repository+" --jq '.owner.id, .id' prints both")
		}
	}
}

func (r *report) requireItems(path string, list []string) {
	if len(list) == 0 || slices.Contains(list, "") {
		r.add(path, path+" is empty", "list at least one id")
	}
	r.requireUnique(path, list)
}
