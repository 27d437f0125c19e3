package e2e

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// attributes maps the attributes of a deployed resource to their values, with "" for what Ref gives.
type attributes map[string]string

// known holds the values that intrinsic functions resolve to during a deployment.
type known struct {
	account, region string
	resources       map[string]attributes // by stack and logical id
	exports         map[string]string
}

// resolve replaces every intrinsic function in a value of a template. One that it does not know, and whatever is not
// deployed yet, is an error.
func (k *known) resolve(s *stack, value any) (any, error) {
	switch v := value.(type) {
	case map[string]any:
		if name, argument, is := intrinsic(v); is {
			return k.call(s, name, argument)
		}
		out := map[string]any{}
		for _, key := range slices.Sorted(maps.Keys(v)) {
			var err error
			if out[key], err = k.resolve(s, v[key]); err != nil {
				return nil, fmt.Errorf("%s: %w", key, err)
			}
		}
		return out, nil
	case []any:
		out := make([]any, len(v))
		for i := range v {
			var err error
			if out[i], err = k.resolve(s, v[i]); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	return value, nil
}

// intrinsic reports whether an object of a template is an intrinsic function, and returns its name and argument.
func intrinsic(object map[string]any) (name string, argument any, is bool) {
	if len(object) != 1 {
		return "", nil, false
	}
	for name, argument = range object {
		is = name == "Ref" || name == "Condition" && fmt.Sprintf("%T", argument) == "string" || strings.HasPrefix(name, "Fn::")
	}
	return name, argument, is
}

func (k *known) call(s *stack, name string, argument any) (any, error) {
	text, isText := argument.(string)
	list, isList := argument.([]any)
	switch {
	case name == "Ref" && isText:
		return k.ref(s, text)
	case name == "Fn::GetAtt" && isText:
		id, attribute, _ := strings.Cut(text, ".")
		return k.attribute(s, id, attribute)
	case name == "Fn::GetAtt" && isList && len(list) == 2:
		return k.attribute(s, fmt.Sprint(list[0]), fmt.Sprint(list[1]))
	case name == "Fn::ImportValue":
		return k.imported(s, argument)
	case name == "Fn::Join" && isList && len(list) == 2:
		return k.join(s, fmt.Sprint(list[0]), list[1])
	case name == "Fn::Sub" && isText:
		return k.sub(s, text)
	}
	return nil, fmt.Errorf("%s of %T is not understood", name, argument)
}

func (k *known) ref(s *stack, id string) (any, error) {
	switch id {
	case "AWS::AccountId":
		return k.account, nil
	case "AWS::Region":
		return k.region, nil
	case "AWS::Partition":
		return manifest.PartitionOf(k.region), nil
	case "AWS::URLSuffix":
		return manifest.DNSSuffixOf(k.region), nil
	case "AWS::StackName":
		return s.name, nil
	}
	return k.attribute(s, id, "")
}

func (k *known) attribute(s *stack, id, attribute string) (any, error) {
	if value, is := k.resources[s.name+"/"+id][attribute]; is {
		return value, nil
	}
	return nil, fmt.Errorf("stack %s has no %s with attribute %q, or has it later", s.name, id, attribute)
}

func (k *known) imported(s *stack, argument any) (any, error) {
	name, err := k.resolve(s, argument)
	if err != nil {
		return nil, err
	}
	if value, is := k.exports[fmt.Sprint(name)]; is {
		return value, nil
	}
	return nil, fmt.Errorf("no stack has exported %v", name)
}

func (k *known) join(s *stack, separator string, parts any) (any, error) {
	resolved, err := k.resolve(s, parts)
	if err != nil {
		return nil, err
	}
	list, is := resolved.([]any)
	if !is {
		return nil, fmt.Errorf("Fn::Join of %T is not understood", resolved)
	}
	var texts []string
	for _, part := range list {
		texts = append(texts, fmt.Sprint(part))
	}
	return strings.Join(texts, separator), nil
}

// sub replaces ${Name} and ${Name.Attribute}; ${!Literal} stays as ${Literal}.
func (k *known) sub(s *stack, text string) (any, error) {
	var out strings.Builder
	for {
		before, rest, some := strings.Cut(text, "${")
		out.WriteString(before)
		name, after, closed := strings.Cut(rest, "}")
		if !some {
			return out.String(), nil
		}
		if !closed {
			return nil, fmt.Errorf("Fn::Sub of a text with an open ${")
		}
		text = after
		if literal, is := strings.CutPrefix(name, "!"); is {
			out.WriteString("${" + literal + "}")
			continue
		}
		id, attribute, has := strings.Cut(name, ".")
		value, err := k.ref(s, id)
		if has {
			value, err = k.attribute(s, id, attribute)
		}
		if err != nil {
			return nil, err
		}
		out.WriteString(fmt.Sprint(value))
	}
}

// export keeps a deployed stack's outputs for the stacks after it.
func (k *known) export(s *stack) error {
	for _, name := range slices.Sorted(maps.Keys(s.Outputs)) {
		output := s.Outputs[name]
		value, err := k.resolve(s, output.Value)
		if err != nil {
			return fmt.Errorf("output %s of %s: %w", name, s.name, err)
		}
		if output.Export.Name != "" {
			k.exports[output.Export.Name] = fmt.Sprint(value)
		}
	}
	return nil
}
