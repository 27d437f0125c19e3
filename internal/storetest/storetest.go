// Package storetest is what rotary knows of Secrets Manager, as one table of facts, and what pkg/store promises on top
// of them. Run checks both against anything that answers like Secrets Manager: the stand-in, another emulator, AWS.
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

// Client is what rotary calls of Secrets Manager, and RotateSecret, which others call: the genuine client's methods.
type Client interface {
	DescribeSecret(context.Context, *secretsmanager.DescribeSecretInput, ...func(*secretsmanager.Options)) (*secretsmanager.DescribeSecretOutput, error)
	ListSecretVersionIds(context.Context, *secretsmanager.ListSecretVersionIdsInput, ...func(*secretsmanager.Options)) (*secretsmanager.ListSecretVersionIdsOutput, error)
	GetSecretValue(context.Context, *secretsmanager.GetSecretValueInput, ...func(*secretsmanager.Options)) (*secretsmanager.GetSecretValueOutput, error)
	BatchGetSecretValue(context.Context, *secretsmanager.BatchGetSecretValueInput, ...func(*secretsmanager.Options)) (*secretsmanager.BatchGetSecretValueOutput, error)
	PutSecretValue(context.Context, *secretsmanager.PutSecretValueInput, ...func(*secretsmanager.Options)) (*secretsmanager.PutSecretValueOutput, error)
	UpdateSecretVersionStage(context.Context, *secretsmanager.UpdateSecretVersionStageInput, ...func(*secretsmanager.Options)) (*secretsmanager.UpdateSecretVersionStageOutput, error)
	RotateSecret(context.Context, *secretsmanager.RotateSecretInput, ...func(*secretsmanager.Options)) (*secretsmanager.RotateSecretOutput, error)
}

// Target is a Secrets Manager, and what can be done with it.
type Target struct {
	Client   Client
	Keeper   *secretsmanager.Client // the same account's: makes secrets, deletes and restores them
	Prefix   string                 // of the name of every secret that is made
	Function string                 // ARN of a rotation function that may be invoked and does nothing; "" where there is none
	Advance  func(time.Duration)    // moves its clock; nil where nobody can
	Fine     bool                   // its times tell one call from the next, although nobody moves its clock

	Facts []Fact // that are checked; nil for the whole table
}

// Fact is something that holds of Secrets Manager, or of a Store over it.
type Fact struct {
	Name   string
	Source string // a page of AWS's documentation, or how else it is known
	needs  need
	check  func(*probe)
}

// need is what a fact needs of a target to be seen.
type need int

const (
	movable  need = 1 << iota // a clock that can be moved
	fine                      // times that tell calls apart
	function                  // a rotation function
)

// Facts returns the whole table, in its order.
func Facts() []Fact {
	return slices.Concat(labelFacts(), swapFacts(), tokenFacts(), readFacts(), versionFacts(), limitFacts(),
		deletionFacts(), rotationFacts(), timeFacts(), StoreFacts())
}

// Tally counts what became of the facts at one target.
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
		if !target.able(f) {
			tally.Unseen = append(tally.Unseen, f.Name)
			continue
		}
		ok := t.Run(f.Name, func(t *testing.T) {
			if seen := target.check(t, i, f); len(seen) > 0 {
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

// check returns everything that is not as the fact says.
func (t Target) check(tt *testing.T, i int, f Fact) []string {
	p := &probe{Target: t, ctx: tt.Context(), name: fmt.Sprintf("%s%03d", t.Prefix, i)}
	defer p.remove(tt)
	return p.try(f)
}

// able reports whether the target has what it takes to see f.
func (t Target) able(f Fact) bool {
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

// done ends a check early: what was seen makes the rest meaningless.
type done struct{}

func (p *probe) try(f Fact) (seen []string) {
	defer func() {
		if r := recover(); r != nil && r != any(done{}) {
			panic(r)
		}
		seen = p.seen
	}()
	f.check(p)
	return p.seen
}

// see notes what is not as it should be.
func (p *probe) see(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	for i, name := range slices.Backward(p.made) {
		text = strings.ReplaceAll(text, name, fmt.Sprintf("secret-%d", i+1))
	}
	p.seen = append(p.seen, text)
}

// remove deletes what the check has made, for good.
func (p *probe) remove(t *testing.T) {
	ctx := context.WithoutCancel(p.ctx)
	for _, name := range p.made {
		if _, err := p.Keeper.DeleteSecret(ctx, &secretsmanager.DeleteSecretInput{SecretId: &name, ForceDeleteWithoutRecovery: new(true)}); err != nil {
			t.Errorf("delete %s for good, by hand now: %v", name, err)
		}
	}
}
