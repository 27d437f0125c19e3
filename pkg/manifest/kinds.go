package manifest

import "reflect"

// A struct of kinds has one field for each kind of a thing, a pointer that implements the interface K; its other fields
// are no kinds. Rotate and Consumer are such structs. What follows knows nothing of either.

// listKinds returns the kinds of a struct that are set, with their names in the file.
func listKinds[K any](kinds any) (names []string, set []K) {
	v := reflect.ValueOf(kinds)
	for i := range v.NumField() {
		if kind, is := v.Field(i).Interface().(K); is && !v.Field(i).IsNil() {
			names, set = append(names, yamlName(v.Type().Field(i))), append(set, kind)
		}
	}
	return names, set
}

// kindNames returns the names of all kinds that a struct may have.
func kindNames[K any](kinds any) (names []string) {
	t := reflect.TypeOf(kinds)
	for i := range t.NumField() {
		if t.Field(i).Type.Implements(reflect.TypeFor[K]()) {
			names = append(names, yamlName(t.Field(i)))
		}
	}
	return names
}

// chooseKind returns the kind of a struct that is set, the first one where there are several; nil where none is.
func chooseKind[K any](kinds any) (chosen K) {
	if _, set := listKinds[K](kinds); len(set) > 0 {
		chosen = set[0]
	}
	return chosen
}

// chosenKindName returns the name of the kind that chooseKind returns, or "".
func chosenKindName[K any](kinds any) string {
	if names, _ := listKinds[K](kinds); len(names) > 0 {
		return names[0]
	}
	return ""
}

// replaceKinds replaces each kind that is set in a struct by what change makes of it. kinds is a pointer to the struct.
func replaceKinds[K any](kinds any, change func(K) K) {
	v := reflect.ValueOf(kinds).Elem()
	for i := range v.NumField() {
		if kind, is := v.Field(i).Interface().(K); is && !v.Field(i).IsNil() {
			v.Field(i).Set(reflect.ValueOf(change(kind)))
		}
	}
}

// setKind sets the kind of this name in a struct, with nothing in it. Without such a kind it changes nothing. kinds is a
// pointer to the struct.
func setKind[K any](kinds any, name string) {
	v := reflect.ValueOf(kinds).Elem()
	for i := range v.NumField() {
		if _, is := v.Field(i).Interface().(K); is && yamlName(v.Type().Field(i)) == name {
			v.Field(i).Set(reflect.New(v.Field(i).Type().Elem()))
		}
	}
}
