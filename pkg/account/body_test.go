package account_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/ecs"

	"github.com/rotary-secrets/rotary/pkg/account"
)

// lateReader sends requests as net/http does where the answer comes first: it reads a body to its end once more after the
// SDK has the answer, and has closed the body.
type lateReader struct {
	t      *testing.T
	bodies []string
	lost   int // answers that are lost on the way, so that the SDK asks again
	sent   []io.ReadCloser
}

func (l *lateReader) Do(r *http.Request) (*http.Response, error) {
	text, err := io.ReadAll(io.LimitReader(r.Body, r.ContentLength))
	if err != nil {
		l.t.Error(err)
	}
	l.bodies, l.sent = append(l.bodies, string(text)), append(l.sent, r.Body)
	if l.lost--; l.lost >= 0 {
		return nil, io.ErrUnexpectedEOF
	}
	answer := `{"taskDefinitionArns": []}`
	if strings.Contains(string(text), "GetCallerIdentity") {
		answer = "<GetCallerIdentityResponse><GetCallerIdentityResult><Account>111111111111</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"
	}
	return &http.Response{StatusCode: http.StatusOK, Request: r, Body: io.NopCloser(strings.NewReader(answer))}, nil
}

// The end of a body is no error when the SDK has closed it, and a request can be sent again.
func TestABodyEndsWithoutAnErrorAfterTheAnswer(t *testing.T) {
	_, options := world(t, "111111111111")
	client := &lateReader{t: t, lost: 1}
	cfg, err := account.Open(t.Context(), dev(), append(options, config.WithHTTPClient(client))...)
	if err != nil {
		t.Fatal(err)
	}
	family := "a-family"
	if _, err := ecs.NewFromConfig(cfg).ListTaskDefinitions(t.Context(), &ecs.ListTaskDefinitionsInput{FamilyPrefix: &family}); err != nil {
		t.Fatal(err)
	}
	if n := len(client.bodies); n != 3 || client.bodies[0] != client.bodies[1] || !strings.Contains(client.bodies[2], family) {
		t.Errorf("it sends %q", client.bodies)
	}
	for _, body := range client.sent {
		if n, err := io.Copy(io.Discard, body); n != 0 || err != nil {
			t.Errorf("its end is %d bytes more, and %v", n, err)
		}
	}
}
