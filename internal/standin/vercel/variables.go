package vercel

import (
	"bytes"
	"cmp"
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
)

// Variable is an environment variable of a project, with its plaintext.
type Variable struct {
	ID        string
	Key       string
	Value     string
	Type      string // plain, encrypted or sensitive
	Target    []string
	Custom    []string // ids of custom environments
	GitBranch string
	Comment   string
	CreatedAt time.Time
	UpdatedAt time.Time

	Visibility string // config or secret; "" for one that is older than this field
}

type variable struct{ Variable }

// maxValue is the greatest size of all variables of a deployment together, so also of one (Vercel's environment
// variable limits).
const maxValue = 64 << 10

// variableInput is the body of a create or an edit; in an edit a nil field stays as it is.
type variableInput struct {
	Key                  *string         `json:"key"`
	Value                *string         `json:"value"`
	Type                 *string         `json:"type"`
	Target               json.RawMessage `json:"target"`
	GitBranch            *string         `json:"gitBranch"`
	Comment              *string         `json:"comment"`
	CustomEnvironmentIDs []string        `json:"customEnvironmentIds"`
}

func (s *Server) listVariables(c call) (int, any, error) {
	p, err := s.findProject(c, c.PathValue("idOrName"))
	if err != nil {
		return 0, nil, err
	}
	envs := []any{}
	listed := slices.Clone(p.variables)
	sim.Shuffle(s.cfg.Lists, s.cfg.Clock.Now(), listed, func(v *variable) string { return v.ID }) // Vercel documents no order
	for _, v := range listed {
		envs = append(envs, v.describeVariable())
	}
	return http.StatusOK, map[string]any{"envs": envs, "pagination": map[string]any{"count": len(envs), "next": nil, "prev": nil}}, nil
}

// describeVariable shows a variable. A sensitive value is never readable; an encrypted one is shown here so that a
// client that echoes answers is caught.
func (v *variable) describeVariable() map[string]any {
	out := map[string]any{"id": v.ID, "key": v.Key, "type": v.Type, "target": v.Target, "comment": v.Comment,
		"createdAt": unixMillis(v.CreatedAt), "updatedAt": unixMillis(v.UpdatedAt), "customEnvironmentIds": slices.Concat([]string{}, v.Custom), "securityIssues": []string{}, "value": ""}
	if v.Type != "sensitive" {
		out["value"] = v.Value
	}
	if v.GitBranch != "" {
		out["gitBranch"] = v.GitBranch
	}
	if v.Visibility != "" {
		out["visibility"] = v.Visibility
	}
	return out
}

// createVariables answers 201 with created and failed, or 400 where nothing at all was created.
func (s *Server) createVariables(c call) (int, any, error) {
	p, err := s.findProject(c, c.PathValue("idOrName"))
	if err != nil {
		return 0, nil, err
	}
	inputs, one, err := decodeInputs(c.body)
	if err != nil {
		return 0, nil, err
	}
	if f := p.findWholeRefusal(inputs); f != nil {
		return 0, nil, f
	}
	created, failed, now := []any{}, []any{}, s.newStamp()
	var last *failure
	for _, in := range inputs {
		v, f := s.putVariable(p, in, c.URL.Query().Get("upsert") == "true", now)
		if f != nil {
			last, failed = f, append(failed, f.errorBody())
			continue
		}
		created = append(created, v.describeVariable())
	}
	if len(created) == 0 && last != nil {
		last.extra["failed"] = failed
		return 0, nil, last
	}
	if one {
		return http.StatusCreated, map[string]any{"created": created[0], "failed": failed}, nil
	}
	return http.StatusCreated, map[string]any{"created": created, "failed": failed}, nil
}

// decodeInputs refuses the whole request where Vercel's schema does.
func decodeInputs(body []byte) (inputs []variableInput, one bool, err error) {
	if one = !bytes.HasPrefix(bytes.TrimSpace(body), []byte("[")); one {
		body = append(append([]byte("["), body...), ']')
	}
	if err := decodeStrictly(body, &inputs); err != nil {
		return nil, one, err
	}
	for _, in := range inputs {
		if in.Key == nil || in.Value == nil || in.Type == nil || in.Target == nil {
			return nil, one, newFailure(http.StatusBadRequest, "bad_request", "Invalid request: key, value, type and target are required.")
		}
		if err := in.checkInput(); err != nil {
			return nil, one, err
		}
	}
	return inputs, one, nil
}

func (in variableInput) checkInput() error {
	if len(in.CustomEnvironmentIDs) > 0 {
		return notImplemented("custom environments")
	}
	targets, err := in.parseTargets()
	if err != nil {
		return err
	}
	kind := valueOrEmpty(in.Type)
	switch {
	case in.Type != nil && !slices.Contains([]string{"plain", "encrypted", "sensitive"}, kind):
		return newFailure(http.StatusBadRequest, "bad_request", "Invalid request: `type` should be one of plain, encrypted, sensitive.")
	case kind == "sensitive" && slices.Contains(targets, "development"):
		return newFailure(http.StatusBadRequest, "bad_request", "You cannot set a Sensitive Environment Variable's target to development.")
	case valueOrEmpty(in.GitBranch) != "" && !slices.Equal(targets, []string{"preview"}):
		return newFailure(http.StatusBadRequest, "bad_request", "`gitBranch` requires the target preview.")
	}
	return nil
}

// targets reads a target or a list of them, sorted.
func (in variableInput) parseTargets() ([]string, error) {
	var list []string
	if in.Target == nil {
		return nil, nil
	}
	if json.Unmarshal(in.Target, &list) != nil {
		list = make([]string, 1)
		if json.Unmarshal(in.Target, &list[0]) != nil {
			return nil, newFailure(http.StatusBadRequest, "bad_request", "Invalid request: `target` should be a string or a list.")
		}
	}
	slices.Sort(list)
	for _, t := range list {
		if t != production && t != "preview" && t != "development" {
			return nil, newFailure(http.StatusBadRequest, "bad_request", "Invalid request: `target` should be production, preview or development.")
		}
	}
	if len(list) == 0 {
		return nil, newFailure(http.StatusBadRequest, "bad_request", "Invalid request: `target` should not be empty.")
	}
	return list, nil
}

var keyPattern = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// putVariable creates a variable or, in an upsert, updates the one with the same key, target list and branch. One with
// another target list that overlaps is a conflict (getsentry/sentry#118490). The type of an existing one stays, and
// its comment where CommentsStay was called.
func (s *Server) putVariable(p *project, in variableInput, upsert bool, now time.Time) (*variable, *failure) {
	targets, _ := in.parseTargets()
	v := Variable{Key: *in.Key, Value: *in.Value, Type: *in.Type, Target: targets, GitBranch: valueOrEmpty(in.GitBranch), Comment: valueOrEmpty(in.Comment)}
	if code := p.checkVariable(v); code != "" {
		return nil, failedItem(v, code, "")
	}
	if p.comments == never {
		v.Comment = ""
	}
	old := p.findOverlapping(v)
	switch {
	case old == nil:
		v.ID, v.CreatedAt, v.UpdatedAt = s.newID("env_"), now, now
		return s.addVariable(p, v, byToken), nil
	case !upsert || !slices.Equal(old.Target, v.Target) || len(old.Custom) > 0:
		return nil, failedItem(v, "ENV_CONFLICT", old.ID)
	}
	s.noteChange(p, old.Variable, "updated", byToken)
	old.Value, old.UpdatedAt = v.Value, now
	if in.Comment != nil && p.comments == "" {
		old.Comment = v.Comment
	}
	return old, nil
}

// checkVariable returns the error code with which Vercel refuses a variable; "" where it accepts it.
func (p *project) checkVariable(v Variable) string {
	code, told := p.refused[v.Key]
	delete(p.refused, v.Key)
	switch {
	case told:
		return code
	case !keyPattern.MatchString(v.Key):
		return "KEY_INVALID_CHARACTERS"
	case len(v.Key) > 256:
		return "KEY_INVALID_LENGTH"
	case isReserved(v.Key):
		return "KEY_RESERVED"
	case len(v.Value) > maxValue:
		return "VALUE_INVALID_LENGTH"
	}
	return ""
}

// findWholeRefusal refuses a request for one of its variables: then none of it is written.
func (p *project) findWholeRefusal(inputs []variableInput) *failure {
	for _, in := range inputs {
		code, told := p.refusesAll[*in.Key]
		if !told {
			continue
		}
		f := failedItem(Variable{Key: *in.Key, Value: *in.Value}, code, "")
		f.extra["failed"] = []any{failedItem(Variable{Key: *in.Key, Value: *in.Value}, code, "").errorBody()}
		return f
	}
	return nil
}

// isReserved reports whether Vercel or its runtime sets a name
// (vercel.com/docs/environment-variables/reserved-environment-variables).
func isReserved(key string) bool {
	names := []string{"VERCEL", "AWS_SECRET_KEY", "AWS_EXECUTION_ENV", "NOW_REGION", "TZ", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR"}
	return strings.HasPrefix(key, "VERCEL_") || strings.HasPrefix(key, "AWS_LAMBDA_") || slices.Contains(names, key)
}

// failedItem returns an item of failed[]. It echoes the value, as Vercel's contract allows: clients must not.
func failedItem(v Variable, code, id string) *failure {
	return &failure{http.StatusBadRequest, code, "The variable cannot be written",
		map[string]any{"key": v.Key, "envVarKey": v.Key, "envVarId": id, "value": v.Value, "target": v.Target}}
}

func (p *project) findOverlapping(v Variable) *variable {
	for _, old := range p.variables {
		shared := slices.ContainsFunc(v.Target, func(t string) bool { return slices.Contains(old.Target, t) })
		if old.Key == v.Key && old.GitBranch == v.GitBranch && old.ID != v.ID && shared {
			return old
		}
	}
	return nil
}

func (s *Server) editVariable(c call) (int, any, error) {
	p, v, err := s.variableOfCall(c)
	if err != nil {
		return 0, nil, err
	}
	var in variableInput
	if err := decodeStrictly(c.body, &in); err != nil {
		return 0, nil, err
	}
	if err := in.checkInput(); err != nil {
		return 0, nil, err
	}
	return s.applyEdit(p, v, in)
}

func (s *Server) applyEdit(p *project, v *variable, in variableInput) (int, any, error) {
	next := v.Variable
	next.Key, next.Value = valueOr(in.Key, next.Key), valueOr(in.Value, next.Value)
	next.GitBranch = valueOr(in.GitBranch, next.GitBranch)
	if p.comments != never {
		next.Comment = valueOr(in.Comment, next.Comment)
	}
	if targets, _ := in.parseTargets(); targets != nil {
		next.Target = targets
	}
	if next.Type == "sensitive" && slices.Contains(next.Target, "development") {
		return 0, nil, newFailure(http.StatusBadRequest, "bad_request", "A sensitive variable cannot have the target development.")
	}
	if p.findOverlapping(next) != nil {
		return 0, nil, failedItem(next, "ENV_CONFLICT", v.ID)
	}
	s.noteChange(p, v.Variable, "updated", byToken)
	next.UpdatedAt = s.newStamp()
	v.Variable = next
	return http.StatusOK, v.describeVariable(), nil
}

func (s *Server) deleteVariable(c call) (int, any, error) {
	p, v, err := s.variableOfCall(c)
	if err != nil {
		return 0, nil, err
	}
	s.dropVariable(p, v, byToken)
	return http.StatusOK, v.describeVariable(), nil
}

func (s *Server) variableOfCall(c call) (*project, *variable, error) {
	p, err := s.findProject(c, c.PathValue("idOrName"))
	if err != nil {
		return nil, nil, err
	}
	for _, v := range p.variables {
		if v.ID == c.PathValue("envId") {
			return p, v, nil
		}
	}
	return nil, nil, newFailure(http.StatusNotFound, "not_found", "Environment Variable not found.")
}

func compareVariables(a, b Variable) int {
	return cmp.Or(cmp.Compare(a.Key, b.Key), slices.Compare(a.Target, b.Target), cmp.Compare(a.ID, b.ID))
}

func valueOrEmpty(s *string) string { return valueOr(s, "") }

func valueOr(s *string, fallback string) string {
	if s == nil {
		return fallback
	}
	return *s
}
