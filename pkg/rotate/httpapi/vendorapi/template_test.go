package vendorapi_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rotary-secrets/rotary/pkg/rotate/httpapi/vendorapi"
)

func TestParseTemplate(t *testing.T) {
	for text, want := range map[string]string{
		"":                               "",
		"plain {braces} }":               "[{plain {braces} }   }]",
		"{{KEY}}":                        "[{ KEY KEY }]",
		"a{{ KEY }}b":                    "[{a   } { KEY KEY } {b   }]",
		"{{owed.id}}{{settings.host}}":   "[{ owed id } { settings host }]",
		"{{admin}}{{version}}{{marker}}": "[{ admin  } { version  } { marker  }]",
		"{{date 90d}}":                   "[{ date  90d}]",
		"{{unix_ms settings.expires}}":   "[{ unix_ms  settings.expires}]",
		"{{env}}-{{source}}":             "[{ env  } {-   } { source  }]",
	} {
		got, err := vendorapi.ParseTemplate(text)
		if text := fmt.Sprint([]vendorapi.Part(got)); err != nil || text != want && want != "" {
			t.Errorf("%q is %s, %v; want %s", text, got, err, want)
		}
	}
	for _, text := range []string{
		"{{", "}}", "{{}}", "{{ }}", "{{KEY", "KEY}}", "{{KEY}}}}", "{{{KEY}}}", "{{a b}}", "{{date}}", "{{date 90}}",
		"{{admin 90d}}",
		"{{owed.id 9d}}", "{{admin.x}}", "{{KEY.x}}", "{{1KEY}}", "{{KEY-A}}", "{{.KEY}}", "{{range .}}",
		"{{date settings.}}", "{{" + strings.Repeat("K", 129) + "}}",
	} {
		if got, err := vendorapi.ParseTemplate(text); err == nil {
			t.Errorf("%q is read as %v", text, got)
		}
	}
}

func FuzzParseTemplate(f *testing.F) {
	for _, text := range []string{"", "{{KEY}}", "a{{owed.id}}b", "{{date settings.x}}", "{{{{", "}}{{", "{{a}}{{"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		parts, err := vendorapi.ParseTemplate(text)
		if err != nil {
			return
		}
		for _, p := range parts {
			if p.Kind == vendorapi.Literal && (p.Text == "" || strings.Contains(p.Text, "{{") ||
				strings.Contains(p.Text, "}}")) {
				t.Fatalf("%q has the literal part %q", text, p.Text)
			}
		}
	})
}
