package accesskey

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/rotary-secrets/rotary/pkg/awserr"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// Test fails unless STS knows the key in pending as one of the user, in the environment's account. AWS refuses a new
// key for some seconds: Test tries again for that long.
func (r *Rotator) Test(ctx context.Context, pending values) error {
	id := r.Identity(pending)
	for _, key := range []string{r.id, r.secret} {
		if secret.Reveal(pending[key]) == "" {
			return errors.New("key " + key + " has no value")
		}
	}
	return r.retryUnsettled(ctx, func() error {
		who, err := r.askCallerIdentity(ctx, pending)
		if awserr.Code(err) == unknownKey {
			return &unsettledError{fmt.Errorf("AWS does not accept access key %s: %w", id, rotate.ErrNotAccepted)}
		}
		if err != nil {
			return wrapError("ask AWS whose access key "+id+" is", err)
		}
		if !r.isUser(who) {
			return fmt.Errorf("access key %s belongs to %s, not to user %s of account %s",
				id, aws.ToString(who.Arn), r.user, r.env.Account)
		}
		return nil
	})
}

// isUser reports whether an identity is the user: arn:PARTITION:iam::111111111111:user/path/name.
func (r *Rotator) isUser(who *sts.GetCallerIdentityOutput) bool {
	a, err := arn.Parse(aws.ToString(who.Arn))
	return err == nil && a.AccountID == r.env.Account && a.Service == "iam" && strings.HasSuffix(a.Resource, "/"+r.user)
}

// Retire makes the key Inactive; the next rotation deletes it. Until then a person can make it Active again.
// Repeatable.
//
// A use after e.Witness.Proof, from which on every consumer was seen without the key, is by somebody whom rotary does not
// know: Retire fails with a *rotate.InUse that names its time, service and region, unless a person has accepted it or e is
// Forced. IAM keeps the last use only, and learns of it minutes after it, or later: that it knows of none proves nothing.
//
// Where IAM does not list the key for the user, Retire returns nil if AWS refuses the key, and an error if AWS accepts
// it.
func (r *Rotator) Retire(ctx context.Context, e rotate.End) (values, error) {
	id := r.Identity(e.Owed)
	if id == "" || id == r.Identity(e.Current) {
		return nil, nil
	}
	all, err := r.listKeys(ctx)
	if _, none := errors.AsType[noUser](err); err != nil && !none {
		return nil, err
	}
	k, there := findKey(all, id)
	switch {
	case !there:
		return nil, r.checkDead(ctx, e.Owed)
	case !k.active:
		return nil, nil
	}
	if !e.Forced {
		if err := r.judgeUse(ctx, id, e.Witness); err != nil {
			return nil, err
		}
	}
	return nil, r.deactivateKey(ctx, id)
}

// checkDead fails where AWS accepts a key that IAM does not list for the user.
func (r *Rotator) checkDead(ctx context.Context, owed values) error {
	id := r.Identity(owed)
	if secret.Reveal(owed[r.secret]) == "" {
		return nil // nobody can use it
	}
	who, err := r.askCallerIdentity(ctx, owed)
	switch c := awserr.Code(err); {
	case c == unknownKey, c == wrongSecret:
		return nil
	case err != nil:
		return wrapError("ask AWS whose access key "+id+" is", err)
	case r.isUser(who):
		return fmt.Errorf("AWS accepts access key %s, and IAM does not list it for user %s: one of them lags; "+
			"the next pass tries again", id, r.user)
	}
	return fmt.Errorf("access key %s belongs to %s, not to user %s, and AWS accepts it: make it Inactive there",
		id, aws.ToString(who.Arn), r.user)
}

// judgeUse returns a *rotate.InUse where the last use of the key that IAM knows of vetoes its end.
func (r *Rotator) judgeUse(ctx context.Context, id string, w rotate.Witness) error {
	last, err := r.lastUse(ctx, id)
	if err != nil || last == nil {
		return err
	}
	return w.Judge([]rotate.Use{{Ago: last.ago, Certain: true, Address: last.region, By: last.service}})
}

// use is the last use of a key that IAM knows of.
type use struct {
	ago             time.Duration // by IAM's clock
	service, region string
}

// lastUse returns the last use of a key that IAM knows of; nil where it knows of none.
func (r *Rotator) lastUse(ctx context.Context, id string) (*use, error) {
	out, err := r.reader.GetAccessKeyLastUsed(ctx, &iam.GetAccessKeyLastUsedInput{AccessKeyId: &id})
	if err != nil {
		return nil, wrapError("ask when access key "+id+" was last used", err)
	}
	now, known := awsmiddleware.GetServerTime(out.ResultMetadata)
	if out.AccessKeyLastUsed == nil || !known {
		return nil, errors.New("ask when access key " + id + " was last used: IAM's answer does not say")
	}
	last := out.AccessKeyLastUsed
	if last.LastUsedDate == nil {
		return nil, nil
	}
	return &use{now.Sub(*last.LastUsedDate), aws.ToString(last.ServiceName), aws.ToString(last.Region)}, nil
}
