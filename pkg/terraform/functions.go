package terraform

import (
	"strings"

	"github.com/hashicorp/hcl/v2/ext/tryfunc"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

// makeFunctions returns Terraform's functions that need nothing from outside
// (https://developer.hashicorp.com/terraform/language/functions). found is called with what is looked up in the secrets
// of an input.
func makeFunctions(found func(input, key string) (cty.Value, bool)) map[string]function.Function {
	return map[string]function.Function{
		"lookup": newLookup(found), "merge": stdlib.MergeFunc, "tomap": newConversion(cty.Map(cty.DynamicPseudoType)),
		"tostring": newConversion(cty.String), "tonumber": newConversion(cty.Number), "tobool": newConversion(cty.Bool),
		"toset": newConversion(cty.Set(cty.DynamicPseudoType)), "tolist": newConversion(cty.List(cty.DynamicPseudoType)),
		"sensitive": newIdentity(), "nonsensitive": newIdentity(), "ephemeralasnull": newIdentity(), "issensitive": newConstant(cty.False),
		"try": tryfunc.TryFunc, "can": tryfunc.CanFunc, "convert": typeexpr.ConvertFunc,

		"keys": stdlib.KeysFunc, "values": stdlib.ValuesFunc, "zipmap": stdlib.ZipmapFunc, "contains": newContains(found),
		"anytrue": newQuantifier(false), "alltrue": newQuantifier(true), "startswith": newComparison(strings.HasPrefix),
		"endswith": newComparison(strings.HasSuffix),
		"concat":   stdlib.ConcatFunc, "flatten": stdlib.FlattenFunc, "length": stdlib.LengthFunc, "element": stdlib.ElementFunc,
		"coalesce": stdlib.CoalesceFunc, "coalescelist": stdlib.CoalesceListFunc, "compact": stdlib.CompactFunc,
		"distinct": stdlib.DistinctFunc, "sort": stdlib.SortFunc, "reverse": stdlib.ReverseListFunc, "slice": stdlib.SliceFunc,
		"range": stdlib.RangeFunc, "chunklist": stdlib.ChunklistFunc, "setunion": stdlib.SetUnionFunc,
		"setsubtract": stdlib.SetSubtractFunc, "setintersection": stdlib.SetIntersectionFunc, "setproduct": stdlib.SetProductFunc,

		"upper": stdlib.UpperFunc, "lower": stdlib.LowerFunc, "title": stdlib.TitleFunc, "replace": stdlib.ReplaceFunc,
		"format": stdlib.FormatFunc, "formatlist": stdlib.FormatListFunc, "join": stdlib.JoinFunc, "split": stdlib.SplitFunc,
		"substr": stdlib.SubstrFunc, "trim": stdlib.TrimFunc, "trimprefix": stdlib.TrimPrefixFunc, "trimsuffix": stdlib.TrimSuffixFunc,
		"trimspace": stdlib.TrimSpaceFunc, "chomp": stdlib.ChompFunc, "indent": stdlib.IndentFunc, "strrev": stdlib.ReverseFunc,
		"regex": stdlib.RegexFunc, "regexall": stdlib.RegexAllFunc, "jsonencode": stdlib.JSONEncodeFunc, "jsondecode": stdlib.JSONDecodeFunc,
		"abs": stdlib.AbsoluteFunc, "max": stdlib.MaxFunc, "min": stdlib.MinFunc, "ceil": stdlib.CeilFunc, "floor": stdlib.FloorFunc,
	}
}

// newLookup returns Terraform's lookup. The secrets of an input hold whatever is looked up in them, unless found says
// otherwise.
func newLookup(found func(input, key string) (cty.Value, bool)) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{
			{Name: "inputMap", Type: cty.DynamicPseudoType, AllowDynamicType: true},
			{Name: "key", Type: cty.String},
		},
		VarParam: &function.Parameter{Name: "default", Type: cty.DynamicPseudoType, AllowNull: true, AllowDynamicType: true},
		Type:     function.StaticReturnType(cty.DynamicPseudoType),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			from, key := args[0], args[1].AsString()
			if !isCollection(from.Type()) || len(args) > 3 {
				return cty.NilVal, function.NewArgErrorf(0, "lookup needs a map")
			}
			if value, is := from.AsValueMap()[key]; is {
				return value, nil
			}
			if input := findInput(from); input != "" {
				if value, held := found(input, key); held {
					return value, nil
				}
			}
			if len(args) < 3 {
				return cty.NilVal, function.NewArgErrorf(1, "the map has no such key")
			}
			return args[2], nil
		},
	})
}

// newContains returns Terraform's contains. The keys of an input have whatever is looked for among them, unless found says
// otherwise.
func newContains(found func(input, key string) (cty.Value, bool)) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "list", Type: cty.DynamicPseudoType}, {Name: "value", Type: cty.DynamicPseudoType, AllowNull: true}},
		Type:   function.StaticReturnType(cty.Bool),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			has, err := stdlib.Contains(args[0], args[1])
			key, is := textOf(args[1])
			if err != nil || !is || has.IsKnown() && has.True() {
				return has, err
			}
			for _, text := range listTexts(args[0]) {
				if input, is := readToken(ofInput, text); is {
					_, held := found(input, key)
					return cty.BoolVal(held), nil
				}
			}
			return has, nil
		},
	})
}

// newQuantifier returns Terraform's alltrue, or anytrue.
func newQuantifier(all bool) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "list", Type: cty.List(cty.Bool)}},
		Type:   function.StaticReturnType(cty.Bool),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			for it := args[0].ElementIterator(); it.Next(); {
				_, element := it.Element()
				if !element.IsKnown() {
					return cty.UnknownVal(cty.Bool), nil
				}
				if is := !element.IsNull() && element.True(); is != all {
					return cty.BoolVal(is), nil
				}
			}
			return cty.BoolVal(all), nil
		},
	})
}

// newComparison returns a function that compares two texts.
func newComparison(compare func(text, with string) bool) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "str", Type: cty.String}, {Name: "with", Type: cty.String}},
		Type:   function.StaticReturnType(cty.Bool),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			return cty.BoolVal(compare(args[0].AsString(), args[1].AsString())), nil
		},
	})
}

// newConversion returns a function that converts what it is given. Objects stay what they are, because a map of
// different types has no other form here.
func newConversion(to cty.Type) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "v", Type: cty.DynamicPseudoType, AllowNull: true, AllowDynamicType: true}},
		Type: func(args []cty.Value) (cty.Type, error) {
			if to.IsMapType() && isCollection(args[0].Type()) {
				return args[0].Type(), nil
			}
			converted, err := convert.Convert(args[0], to)
			if err != nil {
				return cty.NilType, function.NewArgErrorf(0, "cannot be converted")
			}
			return converted.Type(), nil
		},
		Impl: func(args []cty.Value, result cty.Type) (cty.Value, error) {
			converted, err := convert.Convert(args[0], result)
			if err != nil {
				return cty.NilVal, function.NewArgErrorf(0, "cannot be converted")
			}
			return converted, nil
		},
	})
}

// newIdentity returns a function that changes nothing in the value: what Terraform prints is no concern here.
func newIdentity() function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "v", Type: cty.DynamicPseudoType, AllowNull: true, AllowDynamicType: true, AllowUnknown: true}},
		Type:   func(args []cty.Value) (cty.Type, error) { return args[0].Type(), nil },
		Impl:   func(args []cty.Value, _ cty.Type) (cty.Value, error) { return args[0], nil },
	})
}

func newConstant(v cty.Value) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "v", Type: cty.DynamicPseudoType, AllowNull: true, AllowDynamicType: true, AllowUnknown: true}},
		Type:   function.StaticReturnType(v.Type()),
		Impl:   func([]cty.Value, cty.Type) (cty.Value, error) { return v, nil },
	})
}
