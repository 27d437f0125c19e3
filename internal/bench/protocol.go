package bench

// step is one step of the protocol: the calls that it makes, and the steps whose answers these calls need.
//
// A call needs an answer where its request is made from it, or where the order of the two is a safety argument: a label
// is set before the value is written, a bucket is current before a consumer follows, a note of what will be written stands
// before the first secret. Everything else may go out at once: that two calls are made one after the other today is no
// reason, nor is it one that a call is made twice.
type step struct {
	name  string
	calls []string                        // names as Call.Name gives them; a * stands for anything
	when  func(c Call, run runCalls) bool // limits the step to calls that are made in a part of the run; nil: any
	// inTurn: calls about the same object need each other's answers, in the order in which they are made.
	inTurn bool
	needs  []string
}

// protocol lists the steps of a pass that carries a change. A call is of the first step that has it.
//
//	secrets are read ─► labels of sources ─► a bucket's content ─► it is current ─► its consumers follow
//	   └─► tokens ─► each consumer is looked at ───────────────────────────────────────┘
//
// What is written follows from the secrets alone: no consumer's answer decides about a bucket. Who follows was looked at
// before. What ends a credential needs the whole look; no run here gets so far.
func protocol() []step {
	return append(append(awsSteps(), githubSteps()...), vercelSteps()...)
}

// Steps that others need.
const (
	readValues   = "read the current values"
	bucketIsNew  = "make a bucket current"
	lookAtGitHub = "look at GitHub"
)

// awsSteps are the steps of Secrets Manager and ECS. The manifest names secrets, clusters, services and families; who else
// runs has to be found.
func awsSteps() []step {
	const (
		labels      = "secretsmanager.UpdateSecretVersionStage"
		describe    = "describe a secret"
		versions    = "list the versions of a secret"
		remember    = "remember a reader"
		mark        = "mark a version"
		put         = "write a bucket"
		find        = "find what runs"
		deployments = "list the deployments of a service"
		deployment  = "describe a deployment"
		deployed    = "describe what was deployed"
		services    = "describe services"
		tasks       = "describe tasks"
		revisions   = "list revisions"
		revision    = "read a revision"
		register    = "register a revision"
		compare     = "see that nobody else has deployed"
		update      = "update a service"
	)
	return []step{
		{name: readValues, calls: []string{"secretsmanager.BatchGetSecretValue"}},
		{name: describe, calls: []string{"secretsmanager.DescribeSecret"}},
		{name: versions, calls: []string{"secretsmanager.ListSecretVersionIds"}},
		{name: "read an earlier version", calls: []string{"secretsmanager.GetSecretValue"}, needs: []string{describe}},
		{name: remember, calls: []string{"secretsmanager.TagResource", "secretsmanager.UntagResource"}, needs: []string{readValues, describe}},
		{name: bucketIsNew, calls: []string{labels}, when: isFirstMoveAfterPut, needs: []string{put}},
		{name: "date what a bucket had before", calls: []string{labels}, when: isAfterPut, inTurn: true, needs: []string{bucketIsNew}},
		{name: mark, calls: []string{labels}, inTurn: true, needs: []string{readValues, describe, versions, remember}},
		{name: put, calls: []string{"secretsmanager.PutSecretValue"}, needs: []string{mark}},

		{name: "look up who has read", calls: []string{"cloudtrail.LookupEvents"}, needs: []string{readValues}},
		{name: find, calls: []string{"ecs.ListServices", "ecs.ListTasks", "ecs.ListClusters", "*.GetResources"}},
		{name: deployments, calls: []string{"ecs.ListServiceDeployments"}, when: not(afterFirst("ecs.UpdateService"))},
		{name: deployment, calls: []string{"ecs.DescribeServiceDeployments"}, when: not(afterFirst("ecs.UpdateService")), needs: []string{deployments}},
		{name: deployed, calls: []string{"ecs.DescribeServiceRevisions"}, when: not(afterFirst("ecs.UpdateService")), needs: []string{deployment}},
		{name: services, calls: []string{"ecs.DescribeServices"}, when: not(afterFirst("ecs.RegisterTaskDefinition")), needs: []string{find}},
		{name: tasks, calls: []string{"ecs.DescribeTasks"}, needs: []string{find}},
		{name: revisions, calls: []string{"ecs.ListTaskDefinitions"}},
		{name: revision, calls: []string{"ecs.DescribeTaskDefinition"}, needs: []string{services, tasks, deployed, revisions}},
		{name: register, calls: []string{"ecs.RegisterTaskDefinition"}, needs: []string{bucketIsNew, revision}},
		{name: compare, calls: []string{"ecs.DescribeServices"}, needs: []string{register}},
		{name: update, calls: []string{"ecs.UpdateService"}, needs: []string{compare}},
		{name: "see that no deployment came between", needs: []string{update}, calls: []string{
			"ecs.ListServiceDeployments", "ecs.DescribeServiceDeployments", "ecs.DescribeServiceRevisions"}},
	}
}

// githubSteps are the steps of GitHub. The token is a value of a source; an App's key gets one first.
func githubSteps() []step {
	const (
		list    = "github.GET */secrets"
		putCall = "github.PUT */secrets/{name}"
		signIn  = "sign in at GitHub"
		runs    = "look at GitHub's runs"
		intent  = "note at GitHub what will be written"
		put     = "put a secret at GitHub"
		taken   = "see what GitHub has taken"
	)
	receipt := []string{"github.PATCH */variables/{name}", "github.POST */variables"}
	return []step{
		{name: signIn, calls: []string{"github.POST */access_tokens", "github.GET */installation"}, needs: []string{readValues}},
		{name: taken, calls: []string{list}, when: afterLast(putCall), needs: []string{put}},
		{name: "note at GitHub what is written", calls: receipt, when: afterLast(putCall), needs: []string{taken}},
		{name: intent, calls: receipt, when: not(afterFirst(putCall)), needs: []string{lookAtGitHub, runs, bucketIsNew}},
		{name: "note at GitHub how far it is", calls: receipt, needs: []string{intent}},
		{name: put, calls: []string{putCall}, needs: []string{intent}},
		{name: "delete a secret at GitHub", calls: []string{"github.DELETE *"}, needs: []string{put}},
		{name: runs, calls: []string{"github.GET */actions/runs"}, needs: []string{lookAtGitHub}},
		{name: lookAtGitHub, calls: []string{"github.GET *"}, needs: []string{signIn}},
	}
}

// vercelSteps are the steps of Vercel. Variables are read before deployments, and those before what is live: what happens
// in between makes a deployment seem older, never newer. While the variables are written somebody else may deploy.
func vercelSteps() []step {
	const (
		write       = "vercel.POST */env"
		projectCall = "vercel.GET */projects/{idOrName}"
		listCall    = "vercel.GET */deployments"
		liveCall    = "vercel.GET */deployments/{id}"
		variables   = "read Vercel's variables"
		project     = "read Vercel's project"
		deployments = "list Vercel's deployments"
		live        = "find what is live at Vercel"
		built       = "read what was built"
		put         = "write Vercel's variables"
		listAgain   = "list Vercel's deployments again"
		liveAgain   = "find what is live at Vercel then"
		builtAgain  = "read what was built then"
	)
	return []step{
		{name: put, calls: []string{write, "vercel.PATCH *", "vercel.DELETE *"}, inTurn: true, needs: []string{built, bucketIsNew}},
		{name: "deploy at Vercel", calls: []string{"vercel.POST */deployments", "vercel.POST *integrations*"}, needs: []string{builtAgain}},
		{name: builtAgain, calls: []string{liveCall}, when: afterLast(write), needs: []string{liveAgain}},
		{name: liveAgain, calls: []string{projectCall}, when: afterLast(write), needs: []string{listAgain}},
		{name: listAgain, calls: []string{listCall}, when: afterLast(write), needs: []string{put}},
		{name: built, calls: []string{liveCall}, needs: []string{live}},
		{name: live, calls: []string{projectCall}, when: afterFirst(listCall), needs: []string{deployments}},
		{name: deployments, calls: []string{listCall}, needs: []string{variables, project}},
		{name: variables, calls: []string{"vercel.GET */env"}, needs: []string{readValues}},
		{name: project, calls: []string{projectCall}, needs: []string{readValues}},
	}
}

// afterFirst limits a step to calls that began when a call of this name had been answered.
func afterFirst(name string) func(Call, runCalls) bool {
	return func(c Call, run runCalls) bool {
		first, _, made := run.spanOf(name, "")
		return made && first.End <= c.Begin
	}
}

// afterLast limits a step to calls that began when every call of this name had been answered, and there was one.
func afterLast(name string) func(Call, runCalls) bool {
	return func(c Call, run runCalls) bool {
		_, last, made := run.spanOf(name, "")
		return made && last.End <= c.Begin
	}
}

func not(when func(Call, runCalls) bool) func(Call, runCalls) bool {
	return func(c Call, run runCalls) bool { return !when(c, run) }
}

// isAfterPut finds moves of labels of a bucket that was written in this run.
func isAfterPut(c Call, run runCalls) bool {
	put, _, made := run.spanOf("secretsmanager.PutSecretValue", c.Resource)
	return made && put.End <= c.Begin
}

// isFirstMoveAfterPut finds the move that makes a bucket current: the first after its content was put.
func isFirstMoveAfterPut(c Call, run runCalls) bool {
	if !isAfterPut(c, run) {
		return false
	}
	put, _, _ := run.spanOf("secretsmanager.PutSecretValue", c.Resource)
	for _, other := range run {
		if other.Name() == c.Name() && other.Resource == c.Resource && other.Begin >= put.End && other.Begin < c.Begin {
			return false
		}
	}
	return true
}
