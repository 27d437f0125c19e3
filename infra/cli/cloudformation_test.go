package cli

import (
	"html"
	"net/url"
	"path"
	"slices"
	"strings"
)

// change is a stack's change set.
type change struct{ template string }

// cloudFormation does at once what it is asked.
type cloudFormation struct {
	stacks   map[string]string // templates of the stacks that are deployed, by their names
	changes  map[string]change // those that are not executed, by the stacks' names
	deployed []string          // the stacks whose change sets were executed, in that order
}

// fault is an error that a service answers with.
type fault struct{ code, message string }

func refuse(message string) *fault { return &fault{"ValidationError", message} }

// shortName returns the last part of the name of a stack of environment dev.
func shortName(stack string) string { return strings.TrimPrefix(stack, "rotary-dev-") }

// stackName returns the name of a stack that is named by it or by its ARN.
func stackName(id string) string {
	if parts := strings.Split(id, "/"); len(parts) == 3 {
		return parts[1]
	}
	return id
}

// identify returns the members that name a stack and its change set in a result.
func identify(stack string) (stackID, changeID string) {
	const arn = "arn:aws:cloudformation:us-east-1:111111111111:"
	return "<StackId>" + arn + "stack/" + stack + "/1</StackId>", arn + "changeSet/" + stack + "/1"
}

const (
	created   = `<CreationTime>2026-01-01T00:00:00Z</CreationTime>`
	available = `<Status>CREATE_COMPLETE</Status><ExecutionStatus>AVAILABLE</ExecutionStatus>`
	unchanged = `<Status>FAILED</Status><StatusReason>The submitted information didn't contain changes.</StatusReason>` +
		`<ExecutionStatus>UNAVAILABLE</ExecutionStatus>`
)

// answer returns what stands in an action's result, and nothing for an action that is not known.
func (c *cloudFormation) answer(form url.Values, objects map[string][]byte) (result string, f *fault) {
	action, stack := form.Get("Action"), stackName(form.Get("StackName"))
	id, changeID := identify(stack)
	switch action {
	case "DescribeStacks", "GetTemplate":
		return c.describe(action, stack)
	case "DescribeStackEvents":
		return "<StackEvents/>", nil
	case "CreateChangeSet":
		template, is := templateAt(form, objects)
		if !is {
			return "", refuse("there is no template at " + form.Get("TemplateURL"))
		}
		c.changes[stack] = change{template}
		return "<Id>" + changeID + "</Id>" + id, nil
	case "DescribeChangeSet":
		status := available
		switch next, is := c.changes[stack]; {
		case !is:
			return "", &fault{"ChangeSetNotFound", "ChangeSet " + changeID + " does not exist"}
		case next.template == c.stacks[stack]:
			status = unchanged
		}
		return "<ChangeSetId>" + changeID + "</ChangeSetId><StackName>" + stack + "</StackName>" + id + status + created, nil
	case "DeleteChangeSet":
		delete(c.changes, stack)
		return "<Deleted/>", nil
	case "DeleteStack": // after a comparison by change set, a stack that was never deployed
		if _, deployed := c.stacks[stack]; deployed {
			return "", nil
		}
		return "<Deleted/>", nil
	case "ExecuteChangeSet":
		c.stacks[stack] = c.changes[stack].template
		c.deployed = append(c.deployed, shortName(stack))
		delete(c.changes, stack)
		return "<Executed/>", nil
	}
	return "", nil
}

// describe answers for a stack that is deployed.
func (c *cloudFormation) describe(action, stack string) (string, *fault) {
	template, exists := c.stacks[stack]
	if stack == "CDKToolkit" && action == "DescribeStacks" {
		return "<Stacks><member><StackName>" + stack + "</StackName><StackStatus>CREATE_COMPLETE</StackStatus>" + created +
			"<Outputs><member><OutputKey>BootstrapVersion</OutputKey><OutputValue>30</OutputValue></member></Outputs></member></Stacks>", nil
	}
	if !exists {
		return "", refuse("Stack with id " + stack + " does not exist")
	}
	if action == "GetTemplate" {
		return "<TemplateBody>" + html.EscapeString(template) + "</TemplateBody>", nil
	}
	id, _ := identify(stack)
	return "<Stacks><member><StackName>" + stack + "</StackName>" + id + "<StackStatus>CREATE_COMPLETE</StackStatus>" + created +
		"</member></Stacks>", nil
}

// templateAt returns a template that a call brings, or names by where it was put.
func templateAt(form url.Values, objects map[string][]byte) (string, bool) {
	if body := form.Get("TemplateBody"); body != "" {
		return body, true
	}
	object, is := objects[path.Base(form.Get("TemplateURL"))]
	return string(object), is
}

// has reports whether the template of a deployed stack holds a text.
func (c *cloudFormation) has(text string) bool {
	for _, template := range c.stacks {
		if strings.Contains(template, text) {
			return true
		}
	}
	return false
}

// takeDeployed returns the stacks that were deployed since it was last called.
func (c *cloudFormation) takeDeployed() []string {
	taken := slices.Clone(c.deployed)
	c.deployed = nil
	return taken
}
