package github

import (
	"maps"
	"net/http"
	"strings"
)

func (h *variable) describeVariable(name string) map[string]string {
	out := map[string]string{"name": name, "value": h.value, "created_at": formatTime(h.created), "updated_at": formatTime(h.updated)}
	h.describeAccess(out)
	return out
}

func listVariables(q *request) answer {
	names := q.shuffleNames(maps.Keys(q.scope.variables))
	return q.answerPage("variables", names, 10, 30, func(name string) any { return q.scope.variables[name].describeVariable(name) })
}

func getVariable(q *request) answer {
	name := strings.ToUpper(q.PathValue("name"))
	held := q.scope.variables[name]
	if held == nil {
		return notFound()
	}
	return okAnswer(held.describeVariable(name))
}

func (s *Server) deleteVariable(q *request) answer {
	name := strings.ToUpper(q.PathValue("name"))
	if !s.removeVariable(q.scope, q.token.of, name) {
		return notFound()
	}
	return noContentAnswer()
}

type variableInput struct {
	Name  *string `json:"name"`
	Value *string `json:"value"`
	accessInput
}

func (s *Server) createVariable(q *request) answer {
	var in variableInput
	if refused, good := q.decodeBody(&in); !good {
		return refused
	}
	if in.Name == nil || in.Value == nil {
		return validationError("Invalid request. \"name\" and \"value\" weren't supplied.")
	}
	if refused, good := in.checkInput(*in.Name); !good {
		return refused
	}
	name := strings.ToUpper(*in.Name)
	if q.scope.variables[name] != nil {
		return errorAnswer(http.StatusConflict, "Already exists - Variable already exists")
	}
	seen, refused, good := q.readAccess(in.accessInput)
	if !good {
		return refused
	}
	if limit := q.variableLimit(); len(q.scope.variables) >= limit {
		return validationError("You have reached the limit of %d variables.", limit)
	}
	s.setVariable(q.scope, q.token.of, name, *in.Value)
	q.scope.variables[name].access = seen
	return createdAnswer()
}

func (s *Server) updateVariable(q *request) answer {
	var in variableInput
	if refused, good := q.decodeBody(&in); !good {
		return refused
	}
	name := strings.ToUpper(q.PathValue("name"))
	held := q.scope.variables[name]
	switch {
	case held == nil:
		return notFound()
	case in.Name != nil && strings.ToUpper(*in.Name) != name:
		return errorAnswer(http.StatusNotImplemented, "the stand-in does not implement renaming a variable")
	case in.Visibility != nil || in.Selected != nil:
		return errorAnswer(http.StatusNotImplemented, "the stand-in does not implement changing who sees a variable")
	case in.Value == nil:
		return noContentAnswer()
	}
	if refused, good := in.checkInput(name); !good {
		return refused
	}
	s.setVariable(q.scope, q.token.of, name, *in.Value)
	return noContentAnswer()
}

func (in variableInput) checkInput(name string) (answer, bool) {
	if refused, good := checkName("Variable", name); !good {
		return refused, false
	}
	if len(*in.Value) > maxSize {
		return validationError("Variable value is too large: at most %d bytes.", maxSize), false
	}
	return answer{}, true
}

func (q *request) variableLimit() int {
	switch {
	case q.PathValue("environment") != "":
		return 100
	case q.scope.organization != nil:
		return 1000
	}
	return maxVariables
}
