package policy_test

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/rotary-secrets/rotary/infra/policy"
)

// TestWhatATopicThatExistsMustAllowIsWhatIsAllowedHere: people paste the statements of docs/tasks/alarms.md.
func TestWhatATopicThatExistsMustAllowIsWhatIsAllowedHere(t *testing.T) {
	page, err := os.ReadFile("../../docs/tasks/alarms.md")
	if err != nil {
		t.Fatal(err)
	}
	var got [][]policy.Statement
	for _, block := range regexp.MustCompile("(?s)```json\n(.*?)```").FindAllSubmatch(page, -1) {
		var statements []policy.Statement
		if err := json.Unmarshal(block[1], &statements); err != nil {
			t.Fatal(err)
		}
		got = append(got, statements)
	}
	all, _, _ := environments(t, "testdata/rotary.yaml")
	env := all["dev"]
	const topic = "arn:aws:sns:us-east-1:111111111111:ops"
	var want [][]policy.Statement
	want = append(want, allowing(policy.Topic(env, topic), "Alarms", "Rules"), allowing(policy.Key(env), "AlarmsThroughTheTopic"))
	made, _ := env.AlarmTopic()
	context := want[1][0].Condition["StringEquals"]["kms:EncryptionContext:aws:sns:topicArn"]
	if len(context) != 1 || context[0] != made {
		t.Fatalf("the key is for %v, not for %s", context, made)
	}
	context[0] = topic
	if !reflect.DeepEqual(got, want) {
		t.Errorf("docs/tasks/alarms.md has %v, want %v", got, want)
	}
}

// allowing are the statements of a document with these names.
func allowing(d policy.Document, sids ...string) (all []policy.Statement) {
	for _, sid := range sids {
		for _, s := range d.Statement {
			if s.Sid == sid {
				all = append(all, s)
			}
		}
	}
	return all
}

// TestTheDocsCountTheCases: of every folder.
func TestTheDocsCountTheCases(t *testing.T) {
	page, err := os.ReadFile("../../docs/tasks/deploy-cdk.md")
	if err != nil {
		t.Fatal(err)
	}
	n := len(readCases(t, "testdata")) + len(readCases(t, "testdata/brownfield"))
	words := strings.Join(strings.Fields(string(page)), " ")
	if want := fmt.Sprintf("%d,%03d cases in [infra/policy/testdata]", n/1000, n%1000); !strings.Contains(words, want) {
		t.Errorf("docs/tasks/deploy-cdk.md does not speak of %q", want)
	}
}
