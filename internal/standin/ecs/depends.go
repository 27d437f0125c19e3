package ecs

import (
	"slices"

	"github.com/rotary-secrets/rotary/internal/standin/wire"
)

// dependency is a container that another one starts after.
// Source: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDependency.html
type dependency struct {
	ContainerName string `json:"containerName"`
	Condition     string `json:"condition"` // START, COMPLETE, SUCCESS or HEALTHY
}

// isEssential reports whether the task stops with the container: that is the default.
func (v view) isEssential() bool { return v.Essential == nil || *v.Essential }

// waitsInVain reports whether a container depends on the success of one that has exited otherwise. Of those that have
// exited, exited says whether with 0.
func (v view) waitsInVain(exited map[string]bool) bool {
	return slices.ContainsFunc(v.DependsOn, func(d dependency) bool {
		well, over := exited[d.ContainerName]
		return over && !well && d.Condition != "COMPLETE"
	})
}

// orderContainers returns containers after those that they depend on. It refuses what AWS does: a dependency on nobody, in a
// circle, or on the end of a container that is essential.
func orderContainers(views []view) ([]view, error) {
	var ordered []view
	has := func(name string) bool {
		return slices.ContainsFunc(ordered, func(v view) bool { return v.Name == name })
	}
	for len(ordered) < len(views) {
		before := len(ordered)
		for _, v := range views {
			ready := !slices.ContainsFunc(v.DependsOn, func(d dependency) bool { return !has(d.ContainerName) })
			if ready && !has(v.Name) {
				ordered = append(ordered, v)
			}
		}
		if len(ordered) == before {
			return nil, wire.Errorf("ClientException", "Invalid 'dependsOn' setting: a container depends on itself, or on one that is not there.")
		}
	}
	for _, v := range views {
		for _, d := range v.DependsOn {
			i := slices.IndexFunc(views, func(other view) bool { return other.Name == d.ContainerName })
			if (d.Condition == "SUCCESS" || d.Condition == "COMPLETE") && views[i].isEssential() {
				return nil, wire.Errorf("ClientException", "Invalid 'dependsOn' setting: %s of container '%s', which is essential.", d.Condition, d.ContainerName)
			}
		}
	}
	return ordered, nil
}
