package secret_test

import (
	"bytes"
	"encoding/base64"
	"encoding/gob"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"expvar"
	"fmt"
	htmltemplate "html/template"
	"log"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"text/template"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/pkg/secret"
)

// canary is long enough that no form of it appears by chance, and has bytes that encoders escape.
const canary = `c4nary<&>"'é/+wxyz`

// holder holds a value everywhere a printer or an encoder might look.
type holder struct {
	Exported   secret.Value
	unexported secret.Value
	Map        map[string]secret.Value
	hiddenMap  map[string]secret.Value
	Slice      []secret.Value
	hiddenList []secret.Value
	Array      [1]secret.Value
	Pointer    *secret.Value
	hiddenPtr  *secret.Value
	Any        any
	hiddenAny  any
	Nested     struct{ Inner secret.Value }
	hidden     struct{ inner secret.Value }
}

func newHolder() holder {
	v := secret.New(canary)
	h := holder{
		Exported: v, unexported: v, Pointer: &v, hiddenPtr: &v, Any: v, hiddenAny: v,
		Map: map[string]secret.Value{"k": v}, hiddenMap: map[string]secret.Value{"k": v},
		Slice: []secret.Value{v}, hiddenList: []secret.Value{v}, Array: [1]secret.Value{v},
	}
	h.Nested.Inner, h.hidden.inner = v, v
	return h
}

// carriers are the shapes in which a value reaches a printer.
func carriers() map[string]any {
	v, h := secret.New(canary), newHolder()
	return map[string]any{
		"bare": v, "pointer": &v, "pointer to pointer": func() **secret.Value { p := &v; return &p }(),
		"struct": h, "struct pointer": &h, "map": h.Map, "map key": map[any]int{&v: 1}, "slice": h.Slice,
		"slice of any": []any{v, &v, h}, "map of any": map[string]any{"k": v, "h": h},
		"unexported only": struct{ v secret.Value }{v}, "embedded": struct{ secret.Value }{v},
		"channel": make(chan secret.Value), "function": func() secret.Value { return v },
	}
}

// forms are the ways a text can hide in an output.
func forms(s string) map[string]string {
	decimal := make([]string, len(s))
	for i := range len(s) {
		decimal[i] = strconv.Itoa(int(s[i]))
	}
	quoted := strconv.Quote(s)
	out := map[string]string{
		"raw": s, "quoted": quoted[1 : len(quoted)-1], "json": jsonText(s), "hex": hex.EncodeToString([]byte(s)),
		"HEX": strings.ToUpper(hex.EncodeToString([]byte(s))), "decimal bytes": strings.Join(decimal, " "),
		"decimal list": strings.Join(decimal, ","), "html": htmltemplate.HTMLEscapeString(s),
		"js": htmltemplate.JSEscapeString(s), "url": htmltemplate.URLQueryEscaper(s),
	}
	for i := range 3 { // base64 depends on what stands before it
		text := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("_", i) + s))
		out["base64 at "+strconv.Itoa(i)] = text[4 : len(text)-4]
	}
	for i := 0; i+8 <= len(s); i++ {
		out["window "+strconv.Itoa(i)] = s[i : i+8]
	}
	return out
}

func jsonText(s string) string {
	text, _ := json.Marshal(s)
	return string(text[1 : len(text)-1])
}

// noLeak reports the form that leaked and where, and never the output.
func noLeak(t *testing.T, where, output string) {
	t.Helper()
	for form, text := range forms(canary) {
		if strings.Contains(output, text) {
			t.Errorf("%s: the value appears as %s", where, form)
		}
	}
}

func TestTheProbeSeesALeak(t *testing.T) {
	for _, text := range []string{
		canary, fmt.Sprintf("%x", canary), fmt.Sprintf("%X", canary), fmt.Sprintf("%q", canary),
		fmt.Sprintf("%d", []byte(canary)),
		base64.StdEncoding.EncodeToString([]byte("a" + canary + "b")), jsonText(canary),
		htmltemplate.HTMLEscapeString(canary),
	} {
		found := false
		for _, form := range forms(canary) {
			found = found || strings.Contains(text, form)
		}
		if !found {
			t.Error("the probe does not see one of the forms it is made for")
		}
	}
}

func TestNoVerbPrintsAValue(t *testing.T) {
	verbs := strings.Split("v +v #v T t b c d o O q x X U e E f F g G s p w z 10v -20s #q +q #x 08d .3s", " ")
	for name, carrier := range carriers() {
		for _, verb := range verbs {
			noLeak(t, "%"+verb+" of "+name, fmt.Sprintf("%"+verb, carrier))
			noLeak(t, "Errorf %"+verb+" of "+name, fmt.Errorf("reading: %"+verb, carrier).Error())
		}
		noLeak(t, "Sprint of "+name, fmt.Sprint(carrier)+fmt.Sprintln(carrier))
		noLeak(t, "too many arguments, "+name, fmt.Sprintf("%s", []any{"x", carrier}...))
	}
}

func TestVerbsPrintTheMask(t *testing.T) {
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		if got := fmt.Sprintf(verb, secret.New(canary)); got != "[secret]" {
			t.Errorf("%s does not print the mask", verb)
		}
	}
	if got := fmt.Sprintf("%v", struct{ V secret.Value }{secret.New(canary)}); got != "{[secret]}" {
		t.Error("an exported field does not print the mask")
	}
}

func TestNoLoggerPrintsAValue(t *testing.T) {
	for name, carrier := range carriers() {
		var out bytes.Buffer
		options := &slog.HandlerOptions{AddSource: true, Level: slog.LevelDebug}
		for _, handler := range []slog.Handler{slog.NewTextHandler(&out, options), slog.NewJSONHandler(&out, options)} {
			logger := slog.New(handler).With("with", carrier).WithGroup("g")
			logger.Info("m", "key", carrier, slog.Group("inner", "key", carrier))
			logger.Error("m", carrier, carrier, "err", fmt.Errorf("wrapped: %v", carrier))
		}
		log.New(&out, "", 0).Println(carrier)
		noLeak(t, "log of "+name, out.String())
	}
}

// encoders either fail or write nothing of the value.
func encoders() map[string]func(any) (string, error) {
	return map[string]func(any) (string, error){
		"json": func(v any) (string, error) { b, err := json.Marshal(v); return string(b), err },
		"json indent": func(v any) (string, error) {
			b, err := json.MarshalIndent(v, "", " ")
			return string(b), err
		},
		"xml":  func(v any) (string, error) { b, err := xml.Marshal(v); return string(b), err },
		"yaml": func(v any) (string, error) { b, err := yaml.Marshal(v); return string(b), err },
		"yaml as json": func(v any) (string, error) {
			b, err := yaml.MarshalWithOptions(v, yaml.UseJSONMarshaler(), yaml.JSON())
			return string(b), err
		},
		"gob": func(v any) (string, error) {
			var out bytes.Buffer
			err := gob.NewEncoder(&out).Encode(v)
			return out.String(), err
		},
		"gob interface": func(v any) (string, error) {
			var out bytes.Buffer
			err := gob.NewEncoder(&out).Encode(&v)
			return out.String(), err
		},
	}
}

func TestNoEncoderWritesAValue(t *testing.T) {
	for encoder, encode := range encoders() {
		for name, carrier := range carriers() {
			where := encoder + " of " + name
			out, err := protect(func() (string, error) { return encode(carrier) })
			noLeak(t, where, out)
			if err != nil {
				noLeak(t, where+" (error)", err.Error())
			}
		}
	}
}

func TestEncodersFailRatherThanWriteAMask(t *testing.T) {
	v := secret.New(canary)
	shapes := map[string]any{"bare": v, "pointer": &v, "field": struct{ V secret.Value }{v}, "slice": []secret.Value{v}}
	for encoder, encode := range encoders() {
		for name, shape := range shapes {
			if out, err := encode(shape); err == nil || strings.Contains(out, "[secret]") {
				t.Errorf("%s of %s does not fail", encoder, name)
			}
		}
	}
	for _, marshal := range []func() ([]byte, error){v.MarshalJSON, v.MarshalText, v.MarshalBinary, v.GobEncode} {
		if out, err := marshal(); !errors.Is(err, secret.ErrEncode) || out != nil {
			t.Error("a marshaller returns something else than ErrEncode")
		}
	}
	if _, err := json.Marshal(map[string]any{"v": v}); !errors.Is(err, secret.ErrEncode) {
		t.Error("the cause is lost")
	}
}

// protect turns a panic into an error as a recover at the top of a program does. encoding/gob panics on types it
// refuses.
func protect(f func() (string, error)) (out string, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v %+v %#v", r, r, r)
		}
	}()
	return f()
}

func TestNoTemplatePrintsAValue(t *testing.T) {
	texts := []string{
		`{{.}}`, `{{printf "%v %+v %#v %s %q %x %d" . . . . . . .}}`, `{{print .}}`, `{{html .}}`, `{{js .}}`,
		`{{urlquery .}}`,
		`{{.String}}`, `{{.GoString}}`, `{{.Exported}}`, `{{.Map.k}}`, `{{index .Slice 0}}`, `{{.reveal}}`,
		`{{call .reveal}}`, `{{.Reveal}}`, `{{len .}}`, `{{slice . 0}}`,
		`<script>var x = {{.}}</script>`, `<a href="{{.}}" onclick="f({{.}})" style="{{.}}">{{.}}</a>`,
		`{{.MarshalText}}`, `{{.LogValue}}`,
	}
	for name, carrier := range carriers() {
		for _, text := range texts {
			var out bytes.Buffer
			err := template.Must(template.New("t").Parse(text)).Execute(&out, carrier)
			noLeak(t, "text/template "+text+" of "+name, fmt.Sprint(out.String(), err))
			out.Reset()
			err = htmltemplate.Must(htmltemplate.New("t").Parse(text)).Execute(&out, carrier)
			noLeak(t, "html/template "+text+" of "+name, fmt.Sprint(out.String(), err))
		}
	}
}

func TestNoPanicOrErrorPrintsAValue(t *testing.T) {
	for name, carrier := range carriers() {
		_, err := protect(func() (string, error) { panic(carrier) })
		noLeak(t, "panic with "+name, err.Error())
		joined := errors.Join(err, fmt.Errorf("wrapping: %w", err))
		noLeak(t, "joined error of "+name, fmt.Sprintf("%v %+v %#v", joined, joined, joined))
		noLeak(t, "expvar of "+name, expvar.Func(func() any { return carrier }).String())
	}
}

func TestACompareFailurePrintsNoValue(t *testing.T) {
	a, b := map[string]secret.Value{"k": secret.New(canary)}, map[string]secret.Value{"k": secret.New(canary + "2")}
	diff := cmp.Diff(a, b)
	if diff == "" {
		t.Error("two different values compare equal")
	}
	noLeak(t, "cmp.Diff", diff)
	if cmp.Diff(a, map[string]secret.Value{"k": secret.New(canary)}) != "" {
		t.Error("two equal values compare different")
	}
}

func TestNoDecoderFillsAValue(t *testing.T) {
	var v secret.Value
	err := json.Unmarshal([]byte(strconv.Quote("plain")), &v)
	if err == nil || secret.Reveal(v) != "" {
		t.Error("encoding/json decodes into a value")
	}
}

func TestRevealAndEqual(t *testing.T) {
	var zero secret.Value
	if secret.Reveal(zero) != "" || !zero.Equal(secret.New("")) {
		t.Error("the zero value is not the empty string")
	}
	if secret.Reveal(secret.New(canary)) != canary {
		t.Error("Reveal does not return what New was given")
	}
	v := secret.New(canary)
	if !v.Equal(secret.New(canary)) || v.Equal(secret.New(canary+"x")) || v.Equal(zero) || zero.Equal(v) {
		t.Error("Equal is wrong")
	}
}
