package github

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
)

const (
	api  = "https://api.github.com"
	site = "https://github.com"
)

// templates are the addresses that GitHub gives with every repository, below the repository's own.
const templates = `archive:{archive_format}{/ref} assignees:assignees{/user} blobs:git/blobs{/sha} branches:branches{/branch}
	collaborators:collaborators{/collaborator} comments:comments{/number} commits:commits{/sha} compare:compare/{base}...{head}
	contents:contents/{+path} contributors:contributors deployments:deployments downloads:downloads events:events forks:forks
	git_commits:git/commits{/sha} git_refs:git/refs{/sha} git_tags:git/tags{/sha} hooks:hooks issue_comment:issues/comments{/number}
	issue_events:issues/events{/number} issues:issues{/number} keys:keys{/key_id} labels:labels{/name} languages:languages
	merges:merges milestones:milestones{/number} notifications:notifications{?since,all,participating} pulls:pulls{/number}
	releases:releases{/id} stargazers:stargazers statuses:statuses/{sha} subscribers:subscribers subscription:subscription
	tags:tags teams:teams trees:git/trees{/sha}`

// describeRepository returns a minimal-repository, the form inside other objects. It is made once for each name.
func (r *repository) describeRepository() json.RawMessage {
	if r.described != nil {
		return r.described
	}
	owner, name, _ := strings.Cut(r.fullName, "/")
	at := api + "/repos/" + r.fullName
	out := map[string]any{
		"id": r.id, "node_id": nodeID("R", r.id), "name": name, "full_name": r.fullName, "private": true, "fork": false, "description": nil,
		"archived": r.archived, "owner": describeAccount(owner), "url": at, "html_url": site + "/" + r.fullName,
	}
	for _, template := range strings.Fields(templates) {
		what, path, _ := strings.Cut(template, ":")
		out[what+"_url"] = at + "/" + path
	}
	r.described, _ = json.Marshal(out)
	return r.described
}

// describeWhole returns a repository by itself, in the form that GitHub gives with all of its settings.
func (r *repository) describeWhole() map[string]any {
	out := map[string]any{}
	_ = json.Unmarshal(r.describeRepository(), &out)
	at := site + "/" + r.fullName
	for _, what := range []string{"forks", "forks_count", "open_issues", "open_issues_count", "size", "stargazers_count", "watchers", "watchers_count", "network_count", "subscribers_count"} {
		out[what] = 0
	}
	for _, what := range []string{"homepage", "language", "license", "mirror_url"} {
		out[what] = nil
	}
	for _, what := range []string{"downloads", "issues", "projects", "wiki", "pages", "discussions"} {
		out["has_"+what] = false
	}
	created := formatTime(r.scope.created)
	out["created_at"], out["updated_at"], out["pushed_at"], out["default_branch"], out["disabled"] = created, created, created, "main", false
	out["clone_url"], out["git_url"], out["ssh_url"], out["svn_url"] = at+".git", "git://github.com/"+r.fullName+".git", "git@github.com:"+r.fullName+".git", at
	return out
}

// describeAccount returns a repository's owner, a simple-user.
func describeAccount(login string) map[string]any {
	at := api + "/users/" + login
	out := map[string]any{
		"login": login, "id": 1, "node_id": nodeID("O", 1), "type": "Organization", "site_admin": false, "gravatar_id": "",
		"url": at, "html_url": site + "/" + login, "avatar_url": "https://avatars.githubusercontent.com/u/1?v=4", "organizations_url": at + "/orgs",
	}
	for _, what := range []string{"events", "followers", "following", "gists", "received_events", "repos", "starred", "subscriptions"} {
		out[what+"_url"] = at + "/" + what
	}
	return out
}

func nodeID(kind string, id int64) string { return fmt.Sprintf("%s_%d", kind, id) }

func (r *run) describeRun(of *repository) map[string]any {
	at := fmt.Sprintf("%s/repos/%s/actions/runs/%d", api, of.fullName, r.id)
	workflow := fmt.Sprintf("%s/repos/%s/actions/workflows/1", api, of.fullName)
	out := map[string]any{
		"id": r.id, "node_id": nodeID("WFR", r.id), "name": "CI", "display_title": "CI", "path": ".github/workflows/ci.yml", "event": "push",
		"run_number": r.id, "run_attempt": r.attempt, "workflow_id": 1, "workflow_url": workflow, "pull_requests": []any{},
		"head_branch": "main", "head_sha": "5e1c309dae7f45e0f39b1bf3ac3cd9db12e7d689", "head_commit": nil,
		"status": r.status, "conclusion": nil,
		"created_at": formatTime(r.created), "updated_at": formatTime(r.updated), "run_started_at": formatTime(r.started),
		"repository": of.describeRepository(), "head_repository": of.describeRepository(),
		"url": at, "html_url": fmt.Sprintf("%s/%s/actions/runs/%d", site, of.fullName, r.id),
		"check_suite_url": fmt.Sprintf("%s/repos/%s/check-suites/%d", api, of.fullName, r.id),
	}
	for _, what := range []string{"jobs", "logs", "cancel", "rerun", "artifacts"} {
		out[what+"_url"] = at + "/" + what
	}
	if r.status == Completed {
		out["conclusion"] = "success"
	}
	return out
}

func (c *scope) describeScope() map[string]any {
	return map[string]any{
		"id": c.id, "node_id": nodeID("EN", c.id), "name": c.environment, "created_at": formatTime(c.created), "updated_at": formatTime(c.created),
		"url":      api + "/repos/" + c.repository.fullName + "/environments/" + url.PathEscape(c.environment),
		"html_url": site + "/" + c.repository.fullName + "/deployments/activity_log?environments_filter=" + url.QueryEscape(c.environment),
	}
}

func (a *app) describeInstallation(owner string) map[string]any {
	at := fmt.Sprintf("%s/app/installations/%d", api, a.installationID())
	return map[string]any{
		"id": a.installationID(), "app_id": a.id, "app_slug": "rotary", "target_id": 1, "target_type": "Organization", "account": describeAccount(owner),
		"repository_selection": "selected", "access_tokens_url": at + "/access_tokens", "repositories_url": api + "/installation/repositories",
		"html_url": fmt.Sprintf("%s/organizations/%s/settings/installations/%d", site, owner, a.installationID()), "single_file_name": nil,
		"events": []string{}, "permissions": map[string]string{"secrets": "write", "environments": "write", "actions": "read", "metadata": "read"},
		"created_at": formatTime(a.created), "updated_at": formatTime(a.created), "suspended_by": nil, "suspended_at": nil,
	}
}
