package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/secret"
	"github.com/rotary-secrets/rotary/pkg/store"
)

// comparison is how a bucket differs from what was computed, for programs. Added are names that it lacks.
type comparison struct {
	Bucket string `json:"bucket"`
	Secret string `json:"secret"`
	State  string `json:"state"` // one of the states below
	plan.NameChanges
	Why string `json:"why,omitempty"` // it is unreadable
}

// The states of a comparison.
const (
	bucketSame       = "same"
	bucketDiffers    = "differs"
	bucketMissing    = "missing" // the secret does not exist, or has no value
	bucketUnreadable = "unreadable"
)

// compareBuckets compares computed buckets with what the environment's hold now. It reads them in one batch.
func (a *app) compareBuckets(env *manifest.Environment, computed []bucket.Bucket) error {
	s, err := a.connectSession(env)
	if err != nil {
		return err
	}
	var names []string
	for _, b := range computed {
		names = append(names, b.Secret)
	}
	versions, texts, err := store.New(s.secretsClient()).Current(a.ctx, names)
	unread, some := errors.AsType[*history.Unreadable](err)
	if err != nil && !some {
		return fmt.Errorf("read the buckets of %s: %w", env.Name, err)
	}
	var all []comparison
	differ := 0
	for _, b := range computed {
		var why error
		if some {
			why = unread.Secrets[b.Secret]
		}
		text, isText := texts[b.Secret]
		if why == nil && !isText && versions[b.Secret] != "" {
			why = secret.ErrBinary
		}
		one := compareBucket(b, text, isText, why)
		if all = append(all, one); one.State != bucketSame {
			differ++
		}
	}
	if err := a.printComparisons(all); err != nil || differ == 0 {
		return err
	}
	return unfinished{fmt.Sprintf("%d of %s differ; nothing was changed", differ, countNoun(len(all), "bucket"))}
}

// compareBucket compares a computed bucket with the text that its secret holds, or with why that cannot be read.
func compareBucket(b bucket.Bucket, text secret.Value, has bool, why error) comparison {
	one := comparison{Bucket: b.Name, Secret: b.Secret, State: bucketSame}
	var held map[string]secret.Value
	if has && why == nil {
		held, why = bucket.ReadBucket(b.Secret, text)
	}
	if why != nil {
		one.State, one.Why = bucketUnreadable, why.Error()
		return one
	}
	one.NameChanges = plan.CompareNames(held, b.Values)
	switch {
	case !has && len(b.Values) > 0:
		one.State = bucketMissing
	case len(one.List()) > 0:
		one.State = bucketDiffers
	}
	return one
}

func (a *app) printComparisons(all []comparison) error {
	if a.json {
		return a.printJSON(all)
	}
	for _, c := range all {
		fmt.Fprintf(a.out, "%s: %s\n", c.Secret, strings.TrimSpace(c.State+" "+c.Why))
		for _, name := range c.List() {
			fmt.Fprintf(a.out, "  %s\n", name)
		}
	}
	return nil
}
