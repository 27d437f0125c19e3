// Package storetest lists the facts about Secrets Manager on which rotary relies, and the promises of pkg/store. Run
// checks both against anything that answers like Secrets Manager: the stand-in, another emulator, AWS.
package storetest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

// Client is the part of the genuine client that rotary uses, and RotateSecret, which others call.
type Client interface {
	DescribeSecret(context.Context, *secretsmanager.DescribeSecretInput,
		...func(*secretsmanager.Options)) (*secretsmanager.DescribeSecretOutput, error)
	ListSecretVersionIds(context.Context, *secretsmanager.ListSecretVersionIdsInput,
		...func(*secretsmanager.Options)) (*secretsmanager.ListSecretVersionIdsOutput, error)
	GetSecretValue(context.Context, *secretsmanager.GetSecretValueInput,
		...func(*secretsmanager.Options)) (*secretsmanager.GetSecretValueOutput, error)
	BatchGetSecretValue(context.Context, *secretsmanager.BatchGetSecretValueInput,
		...func(*secretsmanager.Options)) (*secretsmanager.BatchGetSecretValueOutput, error)
	PutSecretValue(context.Context, *secretsmanager.PutSecretValueInput,
		...func(*secretsmanager.Options)) (*secretsmanager.PutSecretValueOutput, error)
	UpdateSecretVersionStage(context.Context, *secretsmanager.UpdateSecretVersionStageInput,
		...func(*secretsmanager.Options)) (*secretsmanager.UpdateSecretVersionStageOutput, error)
	RotateSecret(context.Context, *secretsmanager.RotateSecretInput,
		...func(*secretsmanager.Options)) (*secretsmanager.RotateSecretOutput, error)
	TagResource(context.Context, *secretsmanager.TagResourceInput,
		...func(*secretsmanager.Options)) (*secretsmanager.TagResourceOutput, error)
	UntagResource(context.Context, *secretsmanager.UntagResourceInput,
		...func(*secretsmanager.Options)) (*secretsmanager.UntagResourceOutput, error)
}

// Target is a Secrets Manager to check, with the means to do it.
type Target struct {
	Client   Client
	Keeper   *secretsmanager.Client // the same account's: makes secrets, deletes and restores them
	Prefix   string                 // of the name of every secret that is made
	Function string                 // ARN of a rotation function that may be invoked and does nothing; "" where there is none
	Advance  func(time.Duration)    // moves its clock; nil where nobody can
	Fine     bool                   // its times differ between two calls, although nobody moves its clock

	Facts []Fact // that are checked; nil for the whole table
}

// Fact is a fact about Secrets Manager, or about a Store over it.
type Fact struct {
	Name   string
	Source string // a page of AWS's documentation, or how else it is known
	needs  need
	check  func(*probe)
}

// need is a set of means that a target must have so that a fact can be checked.
type need int

const (
	movable  need = 1 << iota // a clock that can be moved
	fine                      // times that differ between two calls
	function                  // a rotation function
)

// Facts returns the whole table, in its order.
func Facts() []Fact {
	return slices.Concat(labelFacts(), swapFacts(), tokenFacts(), readFacts(), versionFacts(), limitFacts(),
		deletionFacts(), rotationFacts(), timeFacts(), tagFacts(), StoreFacts())
}

// Tally counts the facts by their result at one target.
type Tally struct {
	Held, Failed int
	Unseen       []string // the facts that the target has no means to show
}

func (t Tally) String() string {
	return fmt.Sprintf("%d facts hold, %d fail, %d cannot be seen here", t.Held, t.Failed, len(t.Unseen))
}

// Run checks every fact that target can show, each on secrets of its own, which it deletes for good afterwards,
// whatever happened.
func Run(t *testing.T, target Target) Tally {
	var tally Tally
	facts := target.Facts
	if facts == nil {
		facts = Facts()
	}
	for i, f := range facts {
		if !target.canShow(f) {
			tally.Unseen = append(tally.Unseen, f.Name)
			continue
		}
		ok := t.Run(f.Name, func(t *testing.T) {
			if seen := target.checkFact(t, i, f); len(seen) > 0 {
				t.Errorf("known from %s; seen is\n\t%s", f.Source, strings.Join(seen, "\n\t"))
			}
		})
		if ok {
			tally.Held++
		} else {
			tally.Failed++
		}
	}
	return tally
}

// checkFact checks a fact on a secret of its own and returns the mismatches.
func (t Target) checkFact(tt *testing.T, i int, f Fact) []string {
	p := &probe{Target: t, ctx: tt.Context(), name: fmt.Sprintf("%s%03d", t.Prefix, i)}
	defer p.deleteSecrets(tt)
	return p.runCheck(f)
}

// canShow reports whether the target has the means to check f.
func (t Target) canShow(f Fact) bool {
	has := need(0)
	if t.Advance != nil {
		has |= movable | fine
	}
	if t.Fine {
		has |= fine
	}
	if t.Function != "" {
		has |= function
	}
	return f.needs&^has == 0
}

// probe is one fact being checked. What it sees goes into seen, where it is not what it should be: with words for
// version ids, and without values.
type probe struct {
	Target
	ctx  context.Context // of the call that it lives in
	name string          // of its secret
	made []string        // names of secrets to delete
	seen []string
}

// endOfCheck ends a check early: what was seen makes the rest meaningless.
type endOfCheck struct{}

func (p *probe) runCheck(f Fact) (seen []string) {
	defer func() {
		if r := recover(); r != nil && r != any(endOfCheck{}) {
			panic(r)
		}
		seen = p.seen
	}()
	f.check(p)
	return p.seen
}

// noteMismatch adds a mismatch, with the names of secrets replaced by numbers.
func (p *probe) noteMismatch(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	for i, name := range slices.Backward(p.made) {
		text = strings.ReplaceAll(text, name, fmt.Sprintf("secret-%d", i+1))
	}
	p.seen = append(p.seen, text)
}

// deleteSecrets deletes the secrets that the check has made, for good.
func (p *probe) deleteSecrets(t *testing.T) {
	ctx := context.WithoutCancel(p.ctx)
	for _, name := range p.made {
		if _, err := p.Keeper.DeleteSecret(ctx, &secretsmanager.DeleteSecretInput{SecretId: &name, ForceDeleteWithoutRecovery: new(true)}); err != nil {
			t.Errorf("delete %s for good, by hand now: %v", name, err)
		}
	}
}
