package leak

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"unicode/utf8"
)

// encodings write a text in every form. Those of text refuse bytes that they would replace.
var encodings = map[string]func(string) string{
	"itself":            func(s string) string { return s },
	"JSON":              func(s string) string { text, _ := json.Marshal(s); return string(text) },
	"JSON in ASCII":     jsonASCII,
	"JSON with \\/":     func(s string) string { text, _ := json.Marshal(s); return strings.ReplaceAll(string(text), "/", `\/`) },
	"JSON as it is":     plainJSON,
	"%q":                func(s string) string { return fmt.Sprintf("%q", s) },
	"%+q":               func(s string) string { return fmt.Sprintf("%+q", s) },
	"all \\x":           func(s string) string { return each1(s, `\x%02x`) },
	"octal":             func(s string) string { return each1(s, `\%03o`) },
	"query":             url.QueryEscape,
	"path":              url.PathEscape,
	"all percent":       func(s string) string { return each1(s, "%%%02x") },
	"base64":            func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
	"base64 of 1 more":  func(s string) string { return base64.StdEncoding.EncodeToString([]byte("x" + s)) },
	"base64 of 2 more":  func(s string) string { return base64.RawStdEncoding.EncodeToString([]byte("xy" + s)) },
	"base64 for URLs":   func(s string) string { return base64.URLEncoding.EncodeToString([]byte(s)) },
	"base64 wrapped":    func(s string) string { return wrap(base64.RawURLEncoding.EncodeToString([]byte(s+s)), 20) },
	"hex":               func(s string) string { return hex.EncodeToString([]byte(s)) },
	"HEX":               func(s string) string { return fmt.Sprintf("%X", s) },
	"spaced hex":        func(s string) string { return fmt.Sprintf("% x", s) },
	"0x hex":            func(s string) string { return fmt.Sprintf("%#x", s) },
	"spaced 0x hex":     func(s string) string { return fmt.Sprintf("% #x", s) },
	"hex with colons":   func(s string) string { return strings.ReplaceAll(fmt.Sprintf("% X", s), " ", ":") },
	"Go's syntax":       func(s string) string { return fmt.Sprintf("%#v", []byte(s)) },
	"decimal":           func(s string) string { return fmt.Sprint([]byte(s)) },
	"JSON's list":       func(s string) string { return strings.ReplaceAll(fmt.Sprint([]byte(s)), " ", ",") },
	"indented decimals": func(s string) string { return strings.ReplaceAll(fmt.Sprint([]byte(s)), " ", ",\n    ") },
}

// textual are the encodings that lose bytes that are not UTF-8.
var textual = []string{"JSON", "JSON in ASCII", "JSON with \\/", "JSON as it is"}

func encodes(form, value string) bool {
	for _, t := range textual {
		if form == t {
			return utf8.ValidString(value)
		}
	}
	return true
}

func each1(s, format string) string {
	var out strings.Builder
	for _, b := range []byte(s) {
		fmt.Fprintf(&out, format, b)
	}
	return out.String()
}

func plainJSON(s string) string {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string always encodes
	return strings.TrimSpace(out.String())
}

func jsonASCII(s string) string {
	var out strings.Builder
	for _, r := range plainJSON(s) {
		switch {
		case r < 0x80:
			out.WriteRune(r)
		case r < 0x10000:
			fmt.Fprintf(&out, `\u%04X`, r)
		default:
			fmt.Fprintf(&out, `\u%04x\u%04x`, 0xd800+(r-0x10000)>>10, 0xdc00+(r-0x10000)&0x3ff)
		}
	}
	return out.String()
}

func wrap(s string, width int) string {
	var out strings.Builder
	for i, r := range s {
		if i > 0 && i%width == 0 {
			out.WriteString("\r\n")
		}
		out.WriteRune(r)
	}
	return out.String()
}
