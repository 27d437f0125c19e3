package awserr_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/smithy-go"

	"github.com/rotary-secrets/rotary/pkg/awserr"
)

func TestLegible(t *testing.T) {
	plain := errors.New("no connection")
	answered := func(code string) error {
		return fmt.Errorf("operation error: %w", &smithy.GenericAPIError{Code: code, Message: "said"})
	}
	undecoded := func(cause error) error {
		return fmt.Errorf("operation error: %w", &smithy.DeserializationError{Err: fmt.Errorf("unexpected canary: %w", cause)})
	}
	for _, c := range []struct {
		name string
		err  error
		code string
		want string
		is   error
	}{
		{"another error", plain, "", "no connection", plain},
		{"a code of AWS's", answered("AccessDeniedException"), "AccessDeniedException", "operation error: api error AccessDeniedException: said", nil},
		{"a code that is none", answered("canary <&>"), "", "the answer could not be read", nil},
		{"no code", answered(""), "", "the answer could not be read", nil},
		{"an answer that cannot be decoded", undecoded(plain), "", "the answer could not be read", nil},
		{"a context that ended while it was read", undecoded(context.Canceled), "", "context canceled", context.Canceled},
		{"a deadline", undecoded(context.DeadlineExceeded), "", "context deadline exceeded", context.DeadlineExceeded},
	} {
		got := awserr.Legible(c.err)
		if got.Error() != c.want || strings.Contains(got.Error(), "canary") || c.is != nil && !errors.Is(got, c.is) {
			t.Errorf("%s: %v, want %q", c.name, got, c.want)
		}
		if code := awserr.Code(c.err); code != c.code {
			t.Errorf("%s: code %q, want %q", c.name, code, c.code)
		}
	}
	if awserr.Legible(nil) != nil {
		t.Error("nil is an error")
	}
}
