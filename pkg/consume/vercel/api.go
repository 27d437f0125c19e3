package vercel

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/rotary-secrets/rotary/pkg/secret"
)

// variable is an environment variable as Vercel lists it. Its value is never read.
type variable struct {
	ID         string   `json:"id"`
	Key        string   `json:"key"`
	Type       string   `json:"type"`
	Visibility string   `json:"visibility"` // config or secret; "" for one that is older than this field
	Target     targets  `json:"target"`
	Custom     []string `json:"customEnvironmentIds"`
	GitBranch  string   `json:"gitBranch"`
	Comment    string   `json:"comment"`
	CreatedAt  millis   `json:"createdAt"`
	UpdatedAt  millis   `json:"updatedAt"`
}

// isUnreadable reports whether nobody can read v's value. Where an answer has a visibility, it counts and not the type
// (@vercel/sdk 1.28.35, createProjectEnv). Requests have no such field: there the type decides.
func (v variable) isUnreadable() bool {
	return v.Visibility == "secret" || v.Visibility == "" && v.Type == sensitive
}

// isShared reports whether v is one variable for several environments. Vercel refuses an upsert for one of them.
func (v variable) isShared() bool { return len(v.Target)+len(v.Custom) > 1 }

// record is a variable as it is written.
type record struct {
	Key     string   `json:"key"`
	Value   string   `json:"value"`
	Type    string   `json:"type"`
	Target  []string `json:"target"`
	Comment string   `json:"comment"`
}

// deployment is a deployment as both the list (uid, created, state) and the single read show it.
type deployment struct {
	ID            string     `json:"id"`
	UID           string     `json:"uid"`
	ReadyState    string     `json:"readyState"`
	State         string     `json:"state"`
	ReadySubstate string     `json:"readySubstate"`
	CreatedAt     millis     `json:"createdAt"`
	Created       millis     `json:"created"`
	Ready         millis     `json:"ready"`
	Meta          meta       `json:"meta"`
	GitSource     *gitSource `json:"gitSource"`

	AliasAssigned json.RawMessage `json:"aliasAssigned"` // false, null, true, or since when
}

// gitSource is where a deployment's code comes from, for every git host that Vercel knows.
type gitSource struct {
	Type          string          `json:"type"`
	RepoID        json.RawMessage `json:"repoId,omitempty"`
	ProjectID     json.RawMessage `json:"projectId,omitempty"`
	WorkspaceUUID string          `json:"workspaceUuid,omitempty"`
	RepoUUID      string          `json:"repoUuid,omitempty"`
	Ref           string          `json:"ref"`
	SHA           string          `json:"sha,omitempty"`
}

type project struct {
	ID      string                 `json:"id"`
	Name    string                 `json:"name"`
	Targets map[string]*deployment `json:"targets"`

	SkewMaxAge   *float64   `json:"skewProtectionMaxAge"`     // in seconds; 0 for off
	SkewBoundary float64    `json:"skewProtectionBoundaryAt"` // in milliseconds since 1970
	LastMove     *aliasMove `json:"lastAliasRequest"`
}

// aliasMove is the last time that a person, or a rolling release, put the production domains on another deployment
// (@vercel/sdk 1.28.35, lastAliasRequest).
type aliasMove struct {
	From        string `json:"fromDeploymentId"`
	RequestedAt millis `json:"requestedAt"`
}

// failedItem is a variable that an upsert did not write. Vercel may add the value; it is not read.
type failedItem struct {
	Error failedError `json:"error"`
}

type failedError struct {
	Code      code   `json:"code"`
	Key       string `json:"key"`
	EnvVarKey string `json:"envVarKey"`
	EnvVarID  string `json:"envVarId"` // the variable that stands in the way
}

func (f failedError) variableName() string {
	if f.EnvVarKey != "" {
		return f.EnvVarKey
	}
	return f.Key
}

// listVariables returns all variables of a project, of every owner and target. A list that is not whole is an error.
func (c *client) listVariables(ctx context.Context, project string) ([]variable, error) {
	var out struct {
		Envs       *[]variable `json:"envs"`
		Pagination struct {
			Next  *json.Number `json:"next"`
			Count int          `json:"count"`
		} `json:"pagination"`
	}
	doing := "list the variables of project " + project
	err := c.callAPI(ctx, request{
		doing: doing, method: http.MethodGet, path: variablesPath("v10", project), repeatable: true,
	}, &out)
	switch {
	case err != nil:
		return nil, err
	case out.Envs == nil:
		return nil, fmt.Errorf("%s: the answer has no list", doing)
	// The call takes no page parameter (vercel.com/docs/rest-api, filterProjectEnvs).
	case out.Pagination.Next != nil, out.Pagination.Count > len(*out.Envs):
		return nil, fmt.Errorf("%s: the answer is only a part of the list", doing)
	case slices.ContainsFunc(*out.Envs, variable.isMalformed):
		return nil, errors.New(doing + ": the answer has a variable without its key, " +
			"or one of rotary's without its id or its time")
	}
	return *out.Envs, nil
}

// idShape matches Vercel's ids, project names, and rotary's own words. Any other text in an answer could be anything,
// and must not get into a message or an address.
var idShape = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}$`)
})

// isMalformed reports whether v has no key, or carries a receipt without what rotary's variables have. Others may
// choose any key.
func (v variable) isMalformed() bool {
	_, _, marked := parseReceipt(v.Comment)
	return v.Key == "" ||
		marked && !(idShape().MatchString(v.Key) && idShape().MatchString(v.ID) && v.updatedAt().Unix() > 0)
}

// upsertVariables writes records, all for one target, in one call, and returns those that the answer confirms. Its
// error names all others. Where the call was refused as a whole for some of them, it calls again with the rest.
// Repeatable.
func (c *client) upsertVariables(ctx context.Context, project string, records []record) ([]variable, error) {
	doing := fmt.Sprintf("write %d variables of project %s for %s", len(records), project, records[0].Target[0])
	written, failed, err := c.postVariables(ctx, doing, project, records)
	if err == nil {
		return written, confirmWritten(doing, written, failed, records)
	}
	if len(failed) == 0 {
		return nil, err
	}
	err = fmt.Errorf("%w: %s", err, describeFailed(failed, records))
	rest := slices.DeleteFunc(slices.Clone(records), func(r record) bool { return hasFailedKey(failed, r.Key) })
	if len(rest) == 0 || len(rest) == len(records) {
		return nil, err
	}
	written, failed, again := c.postVariables(ctx, doing, project, rest)
	if again == nil {
		again = confirmWritten(doing, written, failed, rest)
	}
	return written, errors.Join(err, again)
}

// postVariables makes the call of an upsert, and returns what was written and what failed: that can stand in an answer
// of any status.
func (c *client) postVariables(
	ctx context.Context, doing, project string, records []record,
) (written []variable, failed []failedItem, err error) {
	var out struct {
		Created []variable   `json:"created"`
		Failed  []failedItem `json:"failed"`
	}
	err = c.callAPI(ctx, request{
		doing: doing, method: http.MethodPost, path: variablesPath("v10", project),
		query: url.Values{"upsert": {"true"}}, body: records, repeatable: true,
	}, &out)
	if refused, is := errors.AsType[*refusedError](err); is {
		return nil, refused.failed, err
	}
	return out.Created, out.Failed, err
}

// editVariable gives a variable r's value and comment; its type and targets stay. It sends the value with the comment:
// a change of the one must not lose the other. Repeatable.
func (c *client) editVariable(ctx context.Context, project, id string, r record) (variable, error) {
	var out variable
	err := c.callAPI(ctx, request{
		doing:  fmt.Sprintf("edit variable %s of project %s", r.Key, project),
		method: http.MethodPatch, path: variablesPath("v9", project) + "/" + url.PathEscape(id),
		body: map[string]string{"value": r.Value, "comment": r.Comment}, repeatable: true,
	}, &out)
	return out, err
}

// uncommentVariable takes a variable's comment off; its value, type and targets stay. Repeatable.
func (c *client) uncommentVariable(ctx context.Context, project string, v variable) (variable, error) {
	var out variable
	err := c.callAPI(ctx, request{
		doing:  fmt.Sprintf("take the comment off variable %s of project %s", v.Key, project),
		method: http.MethodPatch, path: variablesPath("v9", project) + "/" + url.PathEscape(v.ID),
		body: map[string]string{"comment": ""}, repeatable: true,
	}, &out)
	return out, err
}

// retargetVariable leaves a variable to some of its targets; its value, which nobody reads, type and comment stay.
// Repeatable.
func (c *client) retargetVariable(ctx context.Context, project string, v variable, targets []string) error {
	return c.callAPI(ctx, request{
		doing:  fmt.Sprintf("leave variable %s of project %s to %s", v.Key, project, strings.Join(targets, ", ")),
		method: http.MethodPatch, path: variablesPath("v9", project) + "/" + url.PathEscape(v.ID),
		body: map[string][]string{"target": targets}, repeatable: true,
	}, nil)
}

// deleteVariable deletes a variable; one that is gone already is fine. Repeatable.
func (c *client) deleteVariable(ctx context.Context, project string, v variable) error {
	err := c.callAPI(ctx, request{
		doing:  fmt.Sprintf("delete variable %s of project %s", v.Key, project),
		method: http.MethodDelete, path: variablesPath("v9", project) + "/" + url.PathEscape(v.ID), repeatable: true,
	}, nil)
	if refused, is := errors.AsType[*refusedError](err); is && refused.call.Status == http.StatusNotFound {
		return nil // gone already
	}
	return err
}

// variablesPath returns the path of a project's variables in a version of the API.
func variablesPath(version, project string) string {
	return "/" + version + "/projects/" + url.PathEscape(project) + "/env"
}

// readProject returns a project with its live deployments' ids.
func (c *client) readProject(ctx context.Context, name string) (project, error) {
	var out project
	err := c.callAPI(ctx, request{
		doing: "read project " + name, method: http.MethodGet, repeatable: true,
		path: "/v9/projects/" + url.PathEscape(name),
	}, &out)
	if err == nil && !(idShape().MatchString(out.ID) && idShape().MatchString(out.Name)) {
		err = fmt.Errorf("read project %s: the answer has no id or no name", name)
	}
	if live := out.Targets[production]; err == nil && live != nil && live.ID != "" && !idShape().MatchString(live.ID) {
		err = fmt.Errorf("read project %s: its live deployment has no id", name)
	}
	return out, err
}

func (c *client) readDeployment(ctx context.Context, id string) (deployment, error) {
	var out deployment
	err := c.callAPI(ctx, request{
		doing: "read deployment " + id, method: http.MethodGet,
		path: "/v13/deployments/" + url.PathEscape(id), repeatable: true,
	}, &out)
	if out = out.withCommonFields(); err == nil && out.ID != id {
		err = fmt.Errorf("read deployment %s: the answer is about another one", id)
	}
	return out, err
}

// listDeployments returns the newest deployments of a project, which is its name or its id, for target, newest first.
// With until, it returns those that were created before; next is the until of the page after this one, 0 for none.
func (c *client) listDeployments(
	ctx context.Context, project, target string, limit int, until int64,
) (page []deployment, next int64, err error) {
	var out struct {
		Deployments *[]deployment `json:"deployments"`
		Pagination  struct {
			Next *float64 `json:"next"`
		} `json:"pagination"`
	}
	doing := fmt.Sprintf("list the %s deployments of project %s", target, project)
	query := url.Values{"projectId": {project}, "target": {target}, "limit": {strconv.Itoa(limit)}}
	if until > 0 {
		query.Set("until", strconv.FormatInt(until, 10))
	}
	if err := c.callAPI(ctx, request{
		doing: doing, method: http.MethodGet, path: "/v7/deployments", query: query, repeatable: true,
	}, &out); err != nil {
		return nil, 0, err
	}
	if out.Deployments == nil {
		return nil, 0, fmt.Errorf("%s: the answer has no list", doing)
	}
	for i, d := range *out.Deployments {
		if d = d.withCommonFields(); !idShape().MatchString(d.ID) {
			return nil, 0, fmt.Errorf("%s: the answer has a deployment without its id", doing)
		}
		(*out.Deployments)[i] = d
	}
	if out.Pagination.Next != nil {
		next = int64(*out.Pagination.Next)
	}
	return *out.Deployments, next, nil
}

// createDeployment starts a fresh production build of git. It is not tried again after an unclear answer: the
// deployment may exist.
func (c *client) createDeployment(ctx context.Context, p project, git gitSource, m meta) error {
	body := map[string]any{"name": p.Name, "project": p.ID, "target": production, "gitSource": git, "meta": m}
	return c.callAPI(ctx, request{
		doing: "deploy project " + p.Name, method: http.MethodPost, path: "/v13/deployments",
		query: url.Values{"forceNew": {"1"}}, body: body,
	}, nil)
}

// callDeployHook calls a deploy hook. It is not tried again after an unclear answer.
func (c *client) callDeployHook(ctx context.Context, p project, hook secret.Value) error {
	return c.callAPI(ctx, request{
		doing: "call the deploy hook of project " + p.Name, method: http.MethodPost, hook: hook,
	}, nil)
}

// withCommonFields returns d with the single read's fields filled in from the list's.
func (d deployment) withCommonFields() deployment {
	if d.ID == "" {
		d.ID = d.UID
	}
	if d.ReadyState == "" {
		d.ReadyState = d.State
	}
	if d.CreatedAt == 0 {
		d.CreatedAt = d.Created
	}
	return d
}

// targets is a target or a list of them.
type targets []string

func (t *targets) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil && one != "" {
		*t = targets{one}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(t))
}

// meta is a deployment's own record; values that are not text are skipped.
type meta map[string]string

func (m *meta) UnmarshalJSON(b []byte) error {
	var all map[string]any
	if err := json.Unmarshal(b, &all); err != nil {
		return err
	}
	*m = meta{}
	for name, value := range all {
		if s, ok := value.(string); ok {
			(*m)[name] = s
		}
	}
	return nil
}

// millis is a time in milliseconds since 1970.
type millis int64

func (m millis) asTime() time.Time {
	if m == 0 {
		return time.Time{}
	}
	return time.UnixMilli(int64(m)).UTC()
}
