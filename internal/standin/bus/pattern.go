package bus

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/rotary-secrets/rotary/internal/standin/wire"
)

// An event pattern (docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-patterns.html) has the shape of the
// events it matches; at its leaves stand arrays of alternatives.
//
//	"text", 5, true, null           the same value; numbers are compared as they are written
//	{"exists": true|false}          the field is there with a value; or is not
//	{"prefix"|"suffix": "text"}     {"equals-ignore-case": "text"}   {"wildcard": "a*b"}
//	{"numeric": [">", 0, "<=", 5]}  {"anything-but": value, values, or one of the text operators}
//
// Where the event has an array, one element that matches is enough. Every other operator is refused.

// pattern is a compiled event pattern.
type pattern struct {
	text  string
	match condition
}

// condition is asked about everything that stands at one place of an event: nothing where the field is absent,
// the elements where it is an array.
type condition func(values []any) bool

// predicate is asked about one string, json.Number, bool or nil.
type predicate func(value any) bool

// parsePattern compiles a pattern. It fails with InvalidEventPatternException, naming what is not understood.
func parsePattern(text string) (pattern, error) {
	if len(text) > 4096 {
		return pattern{}, wire.Errorf("ValidationException", "EventPattern must have length less than or equal to 4096")
	}
	value, err := decodeJSON([]byte(text))
	object, is := value.(map[string]any)
	if err != nil || !is || len(object) == 0 {
		return pattern{}, patternError("the pattern must be a JSON object that is not empty")
	}
	match, err := parseObject(object)
	return pattern{text, match}, err
}

// matchesEvent reports whether an event, as JSON, matches.
func (p pattern) matchesEvent(event []byte) bool {
	value, err := decodeJSON(event)
	return err == nil && p.match([]any{value})
}

func decodeJSON(text []byte) (value any, err error) {
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.UseNumber()
	err = d.Decode(&value)
	return value, err
}

func patternError(format string, args ...any) error {
	return wire.Errorf("InvalidEventPatternException", "Event pattern is not valid. Reason: "+format, args...)
}

// parseObject returns the condition that some object fulfils every field. No object is like an empty one.
func parseObject(object map[string]any) (condition, error) {
	fields := map[string]condition{}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		match, err := parseField(name, object[name])
		if err != nil {
			return nil, err
		}
		fields[name] = match
	}
	return func(values []any) bool {
		objects := slices.DeleteFunc(slices.Clone(values), func(v any) bool { _, is := v.(map[string]any); return !is })
		if len(objects) == 0 {
			objects = []any{map[string]any{}}
		}
		return slices.ContainsFunc(objects, func(o any) bool { return matchesFields(o.(map[string]any), fields) })
	}, nil
}

func matchesFields(object map[string]any, fields map[string]condition) bool {
	for name, match := range fields {
		value, present := object[name]
		if !match(flattenValue(value, present)) {
			return false
		}
	}
	return true
}

// flattenValue returns the values at a field, with arrays taken apart.
func flattenValue(value any, present bool) []any {
	if !present {
		return nil
	}
	array, is := value.([]any)
	if !is {
		return []any{value}
	}
	var all []any
	for _, v := range array {
		all = append(all, flattenValue(v, true)...)
	}
	return all
}

func parseField(name string, value any) (condition, error) {
	switch v := value.(type) {
	case map[string]any:
		if len(v) == 0 || strings.HasPrefix(name, "$") {
			return nil, patternError("%q", name)
		}
		return parseObject(v)
	case []any:
		if len(v) == 0 || strings.HasPrefix(name, "$") {
			return nil, patternError("%q", name)
		}
		return parseAlternatives(name, v)
	default:
		return nil, patternError("%q must be an object or an array", name)
	}
}

// parseAlternatives returns the condition that one alternative holds. Objects in the event are no values.
func parseAlternatives(name string, alternatives []any) (condition, error) {
	var tests []condition
	for _, a := range alternatives {
		test, err := parseAlternative(name, a)
		if err != nil {
			return nil, err
		}
		tests = append(tests, test)
	}
	return func(values []any) bool {
		scalars := slices.DeleteFunc(slices.Clone(values), func(v any) bool { _, is := v.(map[string]any); return is })
		return slices.ContainsFunc(tests, func(test condition) bool { return test(scalars) })
	}, nil
}

func parseAlternative(name string, alternative any) (condition, error) {
	object, is := alternative.(map[string]any)
	if is && len(object) == 1 {
		if want, is := object["exists"].(bool); is {
			return func(values []any) bool { return (len(values) > 0) == want }, nil
		}
	}
	test, err := parsePredicate(name, alternative)
	return func(values []any) bool { return slices.ContainsFunc(values, test) }, err
}

func parsePredicate(name string, alternative any) (predicate, error) {
	object, is := alternative.(map[string]any)
	if _, array := alternative.([]any); array || is && len(object) != 1 {
		return nil, patternError("%q has an alternative that is not a value or one operator", name)
	}
	for operator, operand := range object {
		return parseOperator(name, operator, operand)
	}
	return func(value any) bool { return value == alternative }, nil
}

func parseOperator(name, operator string, operand any) (predicate, error) {
	switch operator {
	case "anything-but":
		return parseAnythingBut(name, operand)
	case "numeric":
		return parseNumeric(name, operand)
	}
	text, is := operand.(string)
	if !is {
		return nil, patternError("operator %q of %q is not implemented with such an operand", operator, name)
	}
	return parseTextPredicate(name, operator, text)
}

func parseTextPredicate(name, operator, text string) (predicate, error) {
	var test func(string) bool
	switch operator {
	case "prefix":
		test = func(s string) bool { return strings.HasPrefix(s, text) }
	case "suffix":
		test = func(s string) bool { return strings.HasSuffix(s, text) }
	case "equals-ignore-case":
		test = func(s string) bool { return strings.EqualFold(s, text) }
	case "wildcard":
		re, err := compileWildcard(text)
		if err != nil {
			return nil, patternError("%q: %v", name, err)
		}
		test = re.MatchString
	default:
		return nil, patternError("operator %q of %q is not implemented", operator, name)
	}
	return func(value any) bool { s, is := value.(string); return is && test(s) }, nil
}

// compileWildcard compiles a*b; \* and \\ stand for themselves, and two stars in a row are not allowed.
func compileWildcard(text string) (*regexp.Regexp, error) {
	if strings.Contains(text, "**") {
		return nil, fmt.Errorf("consecutive wildcard characters")
	}
	re, escaped := `(?s)^`, false
	for _, r := range text {
		switch {
		case escaped && r != '*' && r != '\\':
			return nil, fmt.Errorf("invalid escape character")
		case !escaped && r == '\\':
			escaped = true
			continue
		case !escaped && r == '*':
			re += ".*"
		default:
			re += regexp.QuoteMeta(string(r))
		}
		escaped = false
	}
	if escaped {
		return nil, fmt.Errorf("invalid escape character")
	}
	return regexp.MustCompile(re + "$"), nil
}

// parseAnythingBut returns the predicate that none of the operands holds.
func parseAnythingBut(name string, operand any) (predicate, error) {
	operands, err := listAlternatives(name, operand)
	if err != nil {
		return nil, err
	}
	var tests []predicate
	for _, o := range operands {
		test, err := parsePredicate(name, o)
		if err != nil {
			return nil, err
		}
		tests = append(tests, test)
	}
	return func(value any) bool {
		return !slices.ContainsFunc(tests, func(test predicate) bool { return test(value) })
	}, nil
}

// listAlternatives returns "a", ["a","b"], {"prefix":"a"} and {"prefix":["a","b"]} as a list of alternatives.
func listAlternatives(name string, operand any) ([]any, error) {
	switch o := operand.(type) {
	case []any:
		if len(o) == 0 || slices.ContainsFunc(o, func(v any) bool { _, is := v.(map[string]any); return is }) {
			return nil, patternError("anything-but of %q", name)
		}
		return o, nil
	case map[string]any:
		var all []any
		for operator, texts := range o {
			if operator == "anything-but" || operator == "numeric" || len(o) != 1 {
				return nil, patternError("anything-but of %q", name)
			}
			for _, text := range flattenValue(texts, true) {
				all = append(all, map[string]any{operator: text})
			}
		}
		return all, nil
	case nil, bool:
		return nil, patternError("anything-but of %q", name)
	default:
		return []any{o}, nil
	}
}

// parseNumeric returns the predicate that every comparison holds.
func parseNumeric(name string, operand any) (predicate, error) {
	parts, is := operand.([]any)
	if !is || len(parts) != 2 && len(parts) != 4 {
		return nil, patternError("numeric of %q", name)
	}
	var tests []func(float64) bool
	for pair := range slices.Chunk(parts, 2) {
		number, isNumber := pair[1].(json.Number)
		want, err := number.Float64()
		test := compileComparison(fmt.Sprint(pair[0]), want)
		if !isNumber || err != nil || test == nil {
			return nil, patternError("numeric of %q", name)
		}
		tests = append(tests, test)
	}
	return func(value any) bool {
		number, is := value.(json.Number)
		got, err := number.Float64()
		return is && err == nil && !slices.ContainsFunc(tests, func(test func(float64) bool) bool { return !test(got) })
	}, nil
}

// compileComparison returns nil for an unknown operator.
func compileComparison(operator string, want float64) func(float64) bool {
	return map[string]func(float64) bool{
		"=":  func(got float64) bool { return got == want },
		"<":  func(got float64) bool { return got < want },
		"<=": func(got float64) bool { return got <= want },
		">":  func(got float64) bool { return got > want },
		">=": func(got float64) bool { return got >= want },
	}[operator]
}
