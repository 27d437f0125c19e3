package consume

import (
	"context"
	"errors"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/rotary-secrets/rotary/pkg/httpcall"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/reconcile"
)

// SignIn returns the function that looks at a consumer with what rotary would sign in there with.
//
//	the driver and the sink                    | the answer
//	-------------------------------------------|-----------
//	the driver cannot be opened with it        | refused
//	the sink answers that nobody is signed in  | refused
//	the sink answers the look                  | accepted
//	anything else                              | unknown
func SignIn(cfg aws.Config, at Endpoints) reconcile.SignIn {
	open := Opener(cfg, at, nil)
	return func(ctx context.Context, c manifest.Consumer, o reconcile.Opening) plan.Outcome {
		driver, err := open(c, o)
		if err != nil {
			return plan.Outcome{Answer: plan.Refused, Why: err.Error()}
		}
		_, err = driver.Status(ctx)
		switch {
		case err == nil:
			return plan.Outcome{Answer: plan.Accepted}
		case isSignInRefused(c, err):
			return plan.Outcome{Answer: plan.Refused, Why: err.Error()}
		}
		return plan.Outcome{Answer: plan.Unknown, Why: err.Error()}
	}
}

// isSignInRefused reports whether a sink has answered that it knows no such credential. Vercel answers 403 then, which is
// GitHub's answer to who has called too often
// (https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api#exceeding-the-rate-limit).
func isSignInRefused(c manifest.Consumer, err error) bool {
	failed, answered := errors.AsType[*httpcall.Error](err)
	return answered && (failed.Status == http.StatusUnauthorized ||
		failed.Status == http.StatusForbidden && c.Vercel != nil)
}
