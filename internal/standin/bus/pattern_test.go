package bus

import (
	"errors"
	"strings"
	"testing"

	"github.com/rotary-secrets/rotary/internal/standin/wire"
)

func TestPatterns(t *testing.T) {
	const event = `{"source":"aws.ecs","detail-type":"State Change","resources":["arn:a","arn:b"],"count":5,"ratio":5.0,"on":true,"none":null,"empty":"","no":[],
		"detail":{"name":"source/dev/db","old":[{"k":"a","v":1},{"k":"b","v":2}],"deep":{"x":"y"},"text":"a*b\\c"}}`
	for _, tc := range []struct {
		pattern string
		want    bool
	}{
		{`{"source":["aws.ecs"]}`, true},
		{`{"source":["aws.s3","aws.ecs"]}`, true},
		{`{"source":["AWS.ECS"]}`, false},
		{`{"source":["aws.ecs"],"detail-type":["Other"]}`, false},
		{`{"missing":["x"]}`, false},
		{`{"resources":["arn:b"]}`, true},
		{`{"resources":["arn:c"]}`, false},
		{`{"count":[5]}`, true},
		{`{"count":["5"]}`, false},
		{`{"ratio":[5]}`, false}, // compared as written
		{`{"on":[true]}`, true},
		{`{"on":[false]}`, false},
		{`{"none":[null]}`, true},
		{`{"missing":[null]}`, false},
		{`{"empty":[""]}`, true},
		{`{"detail":{"name":[{"prefix":"source/dev/"}]}}`, true},
		{`{"detail":{"name":[{"prefix":"dev/"}]}}`, false},
		{`{"detail":{"name":[{"suffix":"/db"}]}}`, true},
		{`{"detail":{"name":[{"suffix":"/dbx"}]}}`, false},
		{`{"detail":{"name":[{"equals-ignore-case":"SOURCE/dev/DB"}]}}`, true},
		{`{"detail":{"name":[{"wildcard":"source/*/db"}]}}`, true},
		{`{"detail":{"name":[{"wildcard":"*/dev"}]}}`, false},
		{`{"detail":{"name":[{"wildcard":"source.dev.db"}]}}`, false},
		{`{"detail":{"text":[{"wildcard":"a\\*b\\\\c"}]}}`, true},
		{`{"detail":{"name":[{"wildcard":"a\\*b"}]}}`, false},
		{`{"detail":{"name":[{"anything-but":"x"}]}}`, true},
		{`{"detail":{"name":[{"anything-but":["x","source/dev/db"]}]}}`, false},
		{`{"detail":{"name":[{"anything-but":{"prefix":"source/"}}]}}`, false},
		{`{"detail":{"name":[{"anything-but":{"suffix":["/x","/db"]}}]}}`, false},
		{`{"missing":[{"anything-but":"x"}]}`, false},
		{`{"resources":[{"anything-but":"arn:a"}]}`, true}, // arn:b is something else
		{`{"count":[{"anything-but":5}]}`, false},
		{`{"count":[{"numeric":["=",5.0]}]}`, true},
		{`{"count":[{"numeric":[">",0,"<=",5]}]}`, true},
		{`{"count":[{"numeric":[">",5]}]}`, false},
		{`{"source":[{"numeric":[">",0]}]}`, false},
		{`{"source":[{"exists":true}]}`, true},
		{`{"source":[{"exists":false}]}`, false},
		{`{"none":[{"exists":true}]}`, true},
		{`{"missing":[{"exists":false}]}`, true},
		{`{"missing":{"deeper":[{"exists":false}]}}`, true},
		{`{"missing":{"deeper":[{"exists":true}]}}`, false},
		{`{"no":[{"exists":false}]}`, true},
		{`{"detail":{"deep":[{"exists":true}]}}`, false}, // exists looks at values only
		{`{"detail":{"deep":{"x":["y"]}}}`, true},
		{`{"detail":{"old":{"k":["b"],"v":[2]}}}`, true},
		{`{"detail":{"old":{"k":["a"],"v":[2]}}}`, false}, // of one and the same element
		{`{"source":[{"exists":false},"aws.ecs"]}`, true},
	} {
		p, err := parsePattern(tc.pattern)
		if err != nil {
			t.Errorf("%s: %v", tc.pattern, err)
			continue
		}
		if got := p.matchesEvent([]byte(event)); got != tc.want {
			t.Errorf("%s: got %v", tc.pattern, got)
		}
	}
}

func TestPatternsThatAreRefused(t *testing.T) {
	for _, text := range []string{
		``, `{`, `[]`, `{}`, `{"a":"b"}`, `{"a":5}`, `{"a":[]}`, `{"a":{}}`, `{"a":[[1]]}`, `{"a":[{}]}`,
		`{"a":[{"prefix":"x","suffix":"y"}]}`, `{"a":[{"prefix":1}]}`, `{"a":[{"prefix":{"equals-ignore-case":"x"}}]}`,
		`{"a":[{"cidr":"10.0.0.0/8"}]}`, `{"$or":[{"a":[1]},{"b":[1]}]}`, `{"a":[{"exists":"yes"}]}`,
		`{"a":[{"numeric":[">"]}]}`, `{"a":[{"numeric":["~",1]}]}`, `{"a":[{"numeric":[">","1"]}]}`, `{"a":[{"numeric":5}]}`,
		`{"a":[{"anything-but":[]}]}`, `{"a":[{"anything-but":true}]}`, `{"a":[{"anything-but":{"numeric":["=",1]}}]}`, `{"a":[{"anything-but":[{"prefix":"x"}]}]}`,
		`{"a":[{"wildcard":"a**b"}]}`, `{"a":[{"wildcard":"a\\b"}]}`, `{"a":[{"wildcard":"a\\"}]}`,
	} {
		_, err := parsePattern(text)
		var e *wire.Error
		if !errors.As(err, &e) || e.Code != "InvalidEventPatternException" {
			t.Errorf("%s: got %v", text, err)
		}
	}
	_, err := parsePattern(`{"a":["` + strings.Repeat("x", 4096) + `"]}`)
	if err == nil {
		t.Error("a pattern of more than 4096 characters is accepted")
	}
}
