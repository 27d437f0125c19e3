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
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// Test asks STS who comes with the key: it must be the user, in the environment's account. A new key is refused for some
// seconds; it waits for that.
func (r *Rotator) Test(ctx context.Context, pending values) error {
	id := r.Identity(pending)
	for _, key := range []string{r.id, r.secret} {
		if secret.Reveal(pending[key]) == "" {
			return errors.New("key " + key + " has no value")
		}
	}
	return r.patiently(ctx, func() error {
		who, err := r.caller(ctx, pending)
		if awserr.Code(err) == unknownKey {
			return &unsettled{fmt.Errorf("AWS does not accept access key %s: %w", id, rotate.ErrNotAccepted)}
		}
		if err != nil {
			return failed("ask AWS whose access key "+id+" is", err)
		}
		if !r.isUser(who) {
			return fmt.Errorf("access key %s belongs to %s, not to user %s of account %s", id, aws.ToString(who.Arn), r.user, r.env.Account)
		}
		return nil
	})
}

// isUser says whether an identity is the user: arn:aws:iam::111111111111:user/path/name.
func (r *Rotator) isUser(who *sts.GetCallerIdentityOutput) bool {
	a, err := arn.Parse(aws.ToString(who.Arn))
	return err == nil && a.AccountID == r.env.Account && a.Service == "iam" && strings.HasSuffix(a.Resource, "/"+r.user)
}

// Retire makes the key Inactive; the next rotation, which needs its slot, deletes it. Repeatable. Until then a person can
// make it Active again.
//
// Every consumer was seen without it. So where IAM knows of a use within plan.Quiet all the same, somebody whom rotary
// does not know has it, and that is an error which names the service and the region, unless e is Forced. IAM learns of a
// use minutes after it, or later: that it knows of none proves nothing.
//
// A key that is not the user's is dead if AWS refuses it, and otherwise an error: it is somebody else's to end.
func (r *Rotator) Retire(ctx context.Context, e rotate.End) (values, error) {
	id := r.Identity(e.Owed)
	if id == "" || id == r.Identity(e.Current) {
		return nil, nil
	}
	all, err := r.list(ctx)
	if _, none := errors.AsType[noUser](err); err != nil && !none {
		return nil, err
	}
	k, there := find(all, id)
	switch {
	case !there:
		return nil, r.dead(ctx, e.Owed)
	case !k.active:
		return nil, nil
	}
	if !e.Forced {
		if err := r.unused(ctx, id); err != nil {
			return nil, err
		}
	}
	return nil, r.deactivate(ctx, id)
}

// dead checks that AWS refuses a key that the user does not have.
func (r *Rotator) dead(ctx context.Context, owed values) error {
	id := r.Identity(owed)
	if secret.Reveal(owed[r.secret]) == "" {
		return nil // nobody can come with it
	}
	who, err := r.caller(ctx, owed)
	switch c := awserr.Code(err); {
	case c == unknownKey, c == wrongSecret:
		return nil
	case err != nil:
		return failed("ask AWS whose access key "+id+" is", err)
	case r.isUser(who):
		return fmt.Errorf("AWS accepts access key %s, and IAM does not list it among those of user %s: one of them is behind", id, r.user)
	}
	return fmt.Errorf("access key %s is not of user %s but of %s, and AWS accepts it: make it Inactive there", id, r.user, aws.ToString(who.Arn))
}

// unused fails where a key has just been used.
func (r *Rotator) unused(ctx context.Context, id string) error {
	last, err := r.lastUse(ctx, id)
	if err != nil || last == nil || last.ago >= plan.Quiet {
		return err
	}
	return fmt.Errorf("access key %s was used %s ago, by %s in %s, although every consumer was seen without it: somebody whom rotary does not know has it; it stays Active", id, last.ago.Round(time.Second), last.service, last.region)
}

// use is the last use of a key of which IAM knows.
type use struct {
	ago             time.Duration // by IAM's clock
	service, region string
}

// lastUse is nil where IAM knows of none.
func (r *Rotator) lastUse(ctx context.Context, id string) (*use, error) {
	out, err := r.seer.GetAccessKeyLastUsed(ctx, &iam.GetAccessKeyLastUsedInput{AccessKeyId: &id})
	if err != nil {
		return nil, failed("ask when access key "+id+" was last used", err)
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
