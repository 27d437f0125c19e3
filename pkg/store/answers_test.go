package store_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/rotary-secrets/rotary/pkg/secret"
)

// The SDK's errors about an answer that it cannot decode quote the member that it stopped at.
func TestAnAnswerThatCannotBeReadIsNotQuoted(t *testing.T) {
	for operation, body := range map[string]string{
		"DescribeSecret": `{"LastChangedDate":"` + value + `"}`, "ListSecretVersionIds": `{"Versions":"` + value + `"}`, "GetSecretValue": `{"VersionStages":"` + value + `"}`,
		"BatchGetSecretValue": `{"SecretValues":"` + value + `"}`, "PutSecretValue": `{"VersionStages":"` + value + `"}`, "UpdateSecretVersionStage": `{"__type":"` + value + `"}`,
	} {
		w := newWorld(t)
		w.seedSecret(name, "one", "two")
		status := http.StatusOK
		if strings.Contains(body, "__type") {
			status = http.StatusBadRequest
		}
		w.forgeAnswers(&forged{operation: operation, status: status, body: body})
		for what, err := range map[string]error{
			"DescribeSecret": errorOf(w.store.Look(t.Context(), name)), "ListSecretVersionIds": errorOf(w.store.LookAll(t.Context(), name)), "GetSecretValue": errorOfThree(w.store.Value(t.Context(), name, versionID("one"))),
			"BatchGetSecretValue": errorOfThree(w.store.Current(t.Context(), []string{name})), "PutSecretValue": w.store.Put(t.Context(), name, versionID("three"), secret.New("canary-put")),
			"UpdateSecretVersionStage": w.store.Move(t.Context(), name, "RETAIN", versionID("one"), ""),
		} {
			if what == operation && (err == nil || !strings.Contains(err.Error(), "could not be read") || strings.Contains(err.Error(), "canary")) {
				t.Errorf("%s: the error is not the one about an unreadable answer, or quotes it", what)
			}
		}
	}
}

func errorOfThree[A, B any](_ A, _ B, err error) error { return err }

// An answer that leaves out what it is about could be about anything.
func TestAnAnswerAboutNothingIsAnError(t *testing.T) {
	for body, operation := range map[string]string{
		`{}`: "DescribeSecret", `{"ARN":"arn","VersionIdsToStages":{"x":["AWSCURRENT"]}}`: "DescribeSecret", `{"ARN":"arn","LastChangedDate":1,"VersionIdsToStages":{"":["AWSCURRENT"]}}`: "DescribeSecret",
		`{ }`: "ListSecretVersionIds", `{"ARN":"arn","Versions":[{"VersionId":"x"}]}`: "ListSecretVersionIds", `{"ARN":"arn","Versions":[{"CreatedDate":1}]}`: "ListSecretVersionIds",
	} {
		w := newWorld(t)
		w.seedSecret(name, "one", "two")
		w.forgeAnswers(&forged{operation: operation, status: http.StatusOK, body: body})
		if h, err := w.store.LookAll(t.Context(), name); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s with %s: %d versions, %v", operation, body, len(h.Versions), err)
		}
	}
	for _, body := range []string{`{}`, `{"VersionId":"` + versionID("two") + `","SecretString":"x"}`, `{"VersionId":"` + versionID("one") + `"}`} {
		w := newWorld(t)
		w.seedSecret(name, "one", "two")
		w.forgeAnswers(&forged{operation: "GetSecretValue", status: http.StatusOK, body: body})
		if _, has, err := w.store.Value(t.Context(), name, versionID("one")); err == nil || has {
			t.Errorf("the value of another version, or none, is read as that of one: %s", body)
		}
	}
}
