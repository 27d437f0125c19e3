package ecs

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// This file is pure: it chooses the containers of a task definition that get the bucket.

// chooseContainers returns the indexes of the containers that get the bucket. A container that the manifest names for
// another consumer never does.
//
//	the manifest names        | chosen are
//	--------------------------|------------------------------------------------------------------
//	containers                | those, and every one that has an entry of the bucket, or of the bucket before it
//	none                      | every one that has such an entry, or a name to adopt
//	none, and no container is | the only container; none of several: unplacedReason
//
// Where the manifest names containers, a name to adopt chooses no other one: a sidecar that has the same name for
// something else must not get the bucket.
func (at place) chooseContainers(in sdk.RegisterTaskDefinitionInput) []int {
	var chosen, free []int
	for i, c := range in.ContainerDefinitions {
		named := slices.Contains(at.containers, aws.ToString(c.Name))
		if at.isOfOthers(aws.ToString(c.Name)) {
			continue
		}
		free = append(free, i)
		if named || slices.ContainsFunc(c.Secrets, at.isOurs) || len(at.containers) == 0 && at.hasAdopted(c) {
			chosen = append(chosen, i)
		}
	}
	if len(chosen) == 0 && len(at.containers) == 0 && len(free) == 1 {
		return free
	}
	return chosen
}

// isOfOthers reports whether the manifest names a container for another consumer, and not for this one.
func (at place) isOfOthers(container string) bool {
	return slices.Contains(at.others, container) && !slices.Contains(at.containers, container)
}

// hasAdopted reports whether a container has one of the names to adopt, whether or not anybody has adopted it yet.
func (at place) hasAdopted(c types.ContainerDefinition) bool {
	return slices.ContainsFunc(slices.Concat(at.permitted, at.adopt), func(name string) bool { return nameOrigin(c, name) != "" })
}

// missingContainer returns the first container that the manifest names and in does not have; "" where it has all.
func (at place) missingContainer(in sdk.RegisterTaskDefinitionInput) string {
	for _, name := range at.containers {
		if !slices.ContainsFunc(in.ContainerDefinitions, func(c types.ContainerDefinition) bool {
			return aws.ToString(c.Name) == name
		}) {
			return name
		}
	}
	return ""
}

// unplacedReason returns why it is not known which containers of r get the bucket; "" where it is.
func (at place) unplacedReason(r revision) string {
	if len(at.chooseContainers(r.input)) > 0 || at.missingContainer(r.input) != "" {
		return ""
	}
	return fmt.Sprintf("the task definition of %s has %d containers and none names bucket %s: write container:",
		at.consumer, len(r.input.ContainerDefinitions), at.bucketName)
}

// withoutOthers returns a copy of in without the secrets of the containers that the manifest names for other consumers:
// those are seen there.
func (at place) withoutOthers(in sdk.RegisterTaskDefinitionInput) sdk.RegisterTaskDefinitionInput {
	in.ContainerDefinitions = slices.Clone(in.ContainerDefinitions)
	for i, c := range in.ContainerDefinitions {
		if at.isOfOthers(aws.ToString(c.Name)) {
			in.ContainerDefinitions[i].Secrets = nil
		}
	}
	return in
}

// quoteContainers returns the names of containers for people: container "app", or containers "app" and "migrate".
func quoteContainers(names []string) string {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = fmt.Sprintf("%q", name)
	}
	if len(quoted) == 1 {
		return "container " + quoted[0]
	}
	return "containers " + strings.Join(quoted, ", ")
}
