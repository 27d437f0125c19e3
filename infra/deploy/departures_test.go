package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// invoke answers for the look function, and, where nothing is deployed, for the propagate function.
func (a cloud) invoke(w http.ResponseWriter) {
	switch a.report {
	case "":
		w.Header().Set("X-Amzn-ErrorType", "ResourceNotFoundException")
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `{"Message": "Function not found"}`)
	case "fails":
		w.Header().Set("X-Amz-Function-Error", "Unhandled")
		fmt.Fprint(w, `{"errorType": "Runtime.ExitError", "errorMessage": "exit status 2"}`)
	case "busy":
		w.Header().Set("X-Amzn-ErrorType", "TooManyRequestsException")
		w.WriteHeader(http.StatusTooManyRequests)
		fmt.Fprint(w, `{"Reason": "ReservedFunctionConcurrentInvocationLimitExceeded"}`)
	default:
		fmt.Fprint(w, a.report)
	}
}

// tagsOf returns the tags of the secret that a request is about, as DescribeSecret lists them; "" for a secret without.
func (a cloud) tagsOf(request string) string {
	for name, tags := range a.tags {
		if !strings.Contains(request, fmt.Sprintf("%q", name)) {
			continue
		}
		var list []map[string]string
		for _, key := range slices.Sorted(maps.Keys(tags)) {
			list = append(list, map[string]string{"Key": key, "Value": tags[key]})
		}
		text, _ := json.Marshal(list)
		return string(text)
	}
	return ""
}

// TestAManifestThatForgetsIsNotDeployed deploys manifests without something that the deployed environment still needs.
func TestAManifestThatForgetsIsNotDeployed(t *testing.T) {
	t.Parallel()
	const (
		owes  = `{"environment": "dev", "sources": [{"name": "mail", "secret": "source/dev/mail", "owed": [{"version": "1"}]}]}`
		stays = `{"environment": "dev", "consumers": [{"name": "web", "bucket": "app", "empty": true}]}`
		left  = `{"environment": "dev", "consumers": [{"name": "web", "bucket": "app", "leaving": true, "empty": true}], "sources": [{"name": "mail", "secret": "source/dev/mail"}]}`
	)
	remembers := map[string]map[string]string{"app-dev": {"rotary:reader:web": "ecs:main/web", "rotary:source:vendors": "source/dev/vendors"}}
	for _, c := range []struct {
		name      string
		aws       cloud
		arguments []string
		want      string // "" where it is deployed
		tagged    bool
	}{
		{"nothing is deployed yet", cloud{}, nil, "", false},
		{"nothing leaves that is needed", cloud{report: left}, nil, "", false},
		{"a source that owes", cloud{report: owes}, nil, "source mail owes the retirement of 1 versions", false},
		{"a consumer that was not leaving", cloud{report: stays}, nil, "consumer web is not leaving: write leaving: true", false},
		{"another name is given", cloud{report: stays}, []string{"--forget", "worker"}, "or --forget web", false},
		{"it is named", cloud{report: stays, tags: remembers}, []string{"--forget", "web"}, "", true},
		{"it is named, and no bucket remembers it", cloud{report: owes, tags: remembers}, []string{"--forget", "mail"}, "", false},
		{"a pass is under way", cloud{report: "busy"}, []string{"--forget", "web"}, "try again in a minute", false},
		{"the function fails, and nothing leaves", cloud{report: "fails", tags: map[string]map[string]string{"app-dev": {"rotary:source:vendors": "source/dev/vendors"}}}, nil, "", false},
		{"the function fails, and a consumer leaves", cloud{report: "fails", tags: remembers}, nil, "consumer web may still be needed, and what is deployed does not say", false},
		{"the function fails, and each name is given", cloud{report: "fails", tags: remembers}, []string{"--forget", "web"}, "", true},
		{"its answer is no report", cloud{report: `{"environment": "production"}`, tags: remembers}, nil, "consumer web may still be needed", false},
		{"the difference is shown all the same", cloud{report: stays}, []string{"--diff"}, "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.aws.account, c.aws.bootstrap = "111111111111", "21"
			r := runDeploy(t, place(t, all...), "dev", "", c.aws, c.arguments)
			last := deployed
			if slices.Contains(c.arguments, "--diff") {
				last = "diff --app infra/cdk.out"
			}
			switch {
			case c.want == "" && (r.code != 0 || !slices.Contains(r.asked, last)):
				t.Errorf("exit code %d, CDK was asked %q, it says %q", r.code, r.asked, r.said)
			case c.want != "" && (r.code != 1 || len(r.asked) > 0 || !strings.Contains(r.said, c.want)):
				t.Errorf("exit code %d, CDK was asked %q, it says %q, and not %q", r.code, r.asked, r.said, c.want)
			}
			tagged := slices.ContainsFunc(r.seen, func(s string) bool {
				return strings.HasPrefix(s, "TagResource ") && strings.Contains(s, `"rotary:forgotten:web"`) && strings.Contains(s, `user/somebody `)
			})
			if tagged != c.tagged {
				t.Errorf("it recorded who forgot: %v, in %q", tagged, r.seen)
			}
		})
	}
}
