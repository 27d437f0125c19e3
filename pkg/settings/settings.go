// Package settings fills structs from the environment. rotary settings BUCKET --lang go writes the structs:
//
//	type Settings struct {
//		Shared SharedSettings
//	}
//
//	type SharedSettings struct {
//		BaseURL string          `env:"SHARED__BASE_URL,required" check:"url"`
//		APIKey  settings.Secret `env:"SHARED__API_KEY"`
//	}
//
// Load reports everything that is missing or malformed at once. No error has a value in it.
package settings

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strconv"
	"strings"
)

// Problem is a variable that Load could not read.
type Problem struct {
	Name   string // of the variable
	Reason string // as in "is missing"; holds no value
}

// Error is returned where variables are missing or malformed. It lists all of them, in the order of the struct.
type Error struct{ Problems []Problem }

// Error returns one line.
func (e *Error) Error() string {
	texts := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		texts[i] = p.Name + " " + p.Reason
	}
	noun := "settings"
	if len(texts) == 1 {
		noun = "setting"
	}
	return fmt.Sprintf("%d %s cannot be read: %s", len(texts), noun, strings.Join(texts, "; "))
}

// Names returns the names of the variables, in the order of the struct.
func (e *Error) Names() []string {
	names := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		names[i] = p.Name
	}
	return names
}

// Load fills the struct that target points to from the environment. Where anything is missing or malformed, the error
// is an *Error and target stays as it was.
//
// A field with the tag env:"NAME" gets the variable NAME; one without a tag has to be a struct, and its fields are
// filled. With env:"NAME,required" the variable has to be there; without, a field whose variable is missing has the zero
// value of its type. An empty variable is there. With check:"url", json, pem, bool, int or /a regular expression/ the value
// has to be of that form. The types of fields are string, bool, int, json.RawMessage and Secret: a bool is true, false, 1
// or 0, and json.RawMessage has to be JSON.
func Load(target any) error { return LoadFrom(target, os.LookupEnv) }

// LoadJSON is Load from a bundle: a whole bucket as one JSON object of texts, in one variable.
//
//	err := settings.LoadJSON(&s, os.Getenv("API_SECRETS"))
func LoadJSON(target any, bundle string) error {
	var values map[string]*string
	malformed := json.Unmarshal([]byte(bundle), &values) != nil || values == nil // the error could quote it
	for _, value := range values {
		malformed = malformed || value == nil
	}
	if malformed {
		return errors.New("settings: the bundle is not a JSON object of texts")
	}
	return LoadFrom(target, func(name string) (string, bool) {
		value, has := values[name]
		if !has {
			return "", false
		}
		return *value, true
	})
}

// LoadFrom is Load from a function like os.LookupEnv.
func LoadFrom(target any, lookup func(name string) (string, bool)) error {
	pointer := reflect.ValueOf(target)
	if pointer.Kind() != reflect.Pointer || pointer.IsNil() || pointer.Elem().Kind() != reflect.Struct {
		return fmt.Errorf("settings: Load fills a struct: call it with a pointer to one, and not with a %T", target)
	}
	l := loader{lookup: lookup}
	filled := reflect.New(pointer.Elem().Type()).Elem()
	filled.Set(pointer.Elem())
	if err := l.fillStruct(filled); err != nil {
		return err
	}
	if len(l.problems) > 0 {
		return &Error{l.problems}
	}
	pointer.Elem().Set(filled)
	return nil
}

// loader fills structs, and collects what is wrong with the variables.
type loader struct {
	lookup   func(name string) (string, bool)
	problems []Problem
}

// fillStruct fills the fields of a struct. Its error is about the struct's own declaration.
func (l *loader) fillStruct(s reflect.Value) error {
	for i := 0; i < s.NumField(); i++ {
		field, tag := s.Type().Field(i), s.Type().Field(i).Tag
		variable, tagged := tag.Lookup("env")
		var err error
		switch {
		case !field.IsExported() && !tagged:
		case !field.IsExported():
			err = errors.New("is tagged and not exported")
		case tagged:
			err = l.fillField(s.Field(i), variable, tag.Get("check"))
		case field.Type.Kind() == reflect.Struct && field.Type != reflect.TypeOf(Secret{}):
			err = l.fillStruct(s.Field(i))
		default:
			err = errors.New(`has no tag env:"NAME"`)
		}
		if err != nil {
			return fmt.Errorf("settings: field %s of %s: %w", field.Name, s.Type(), err)
		}
	}
	return nil
}

// fillField fills a field from its variable.
func (l *loader) fillField(field reflect.Value, tag, checkTag string) error {
	name, option, _ := strings.Cut(tag, ",")
	if name == "" || option != "" && option != "required" {
		return errors.New(`has a tag that is neither env:"NAME" nor env:"NAME,required"`)
	}
	check, known := parseCheck(checkTag)
	if !known {
		return errors.New("has a check that is neither url, json, pem, bool, int nor /a regular expression/")
	}
	parse, known := parsers[field.Type()]
	if !known {
		return errors.New("has a type that is neither string, bool, int, json.RawMessage nor settings.Secret")
	}
	text, has := l.lookup(name)
	switch {
	case !has && option == "required":
		l.problems = append(l.problems, Problem{name, "is missing"})
	case !has:
		field.SetZero()
	case !check.holds(text):
		l.problems = append(l.problems, Problem{name, check.reason})
	default:
		value, reason := parse(text)
		if reason != "" {
			l.problems = append(l.problems, Problem{name, reason})
			return nil
		}
		field.Set(reflect.ValueOf(value))
	}
	return nil
}

// parsers has, for each type of a field, how it is made of a variable's text: the value, or what is wrong with the text.
var parsers = map[reflect.Type]func(text string) (value any, reason string){
	reflect.TypeOf(""):                func(text string) (any, string) { return text, "" },
	reflect.TypeOf(Secret{}):          func(text string) (any, string) { return NewSecret(text), "" },
	reflect.TypeOf(false):             parseBool,
	reflect.TypeOf(0):                 parseInt,
	reflect.TypeOf(json.RawMessage{}): parseJSON,
}

func parseBool(text string) (any, string) {
	if c := words["bool"]; !c.holds(text) {
		return nil, c.reason
	}
	return text == "1" || strings.EqualFold(text, "true"), ""
}

func parseInt(text string) (any, string) {
	if c := words["int"]; !c.holds(text) {
		return nil, c.reason
	}
	number, err := strconv.Atoi(text)
	if err != nil {
		return nil, "is too large a number"
	}
	return number, ""
}

func parseJSON(text string) (any, string) {
	if c := words["json"]; !c.holds(text) {
		return nil, c.reason
	}
	return json.RawMessage(text), ""
}
