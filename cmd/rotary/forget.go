package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/rotary-secrets/rotary/pkg/account"
	"github.com/rotary-secrets/rotary/pkg/operate"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

type forgetCmd struct {
	Env      string `arg:"" name:"ENV" help:"The environment."`
	Consumer string `arg:"" optional:"" name:"CONSUMER" help:"The consumer that left the manifest, or moved in it."`
	Source   string `placeholder:"NAME" help:"A source that left the manifest, or whose secret was renamed in it, instead."`
	Bucket   string `placeholder:"NAME" help:"A bucket that lost the tags that remember its readers: from now on the tags that it has are all."`
	Yes      bool   `help:"Do not ask."`
}

func (forgetCmd) Help() string {
	return `A bucket remembers, in tags of its secret, where its consumers are and which sources feed it. What left the manifest, or moved in it, is looked at there until it has nothing of the bucket any more. What nobody can look at any more leaves by this command: a token that is gone, a repository of somebody else's. Nobody looks there from then on: whoever still has a credential from the bucket is refused once that is retired.

It is asked in every environment, and works while nothing is deployed or what is deployed fails. A tag of the bucket's secret, rotary:forgotten:NAME, records who did it and when. Exit code 0 where it is forgotten, 2 where no bucket remembers it.

Examples:
  rotary forget production old-worker
  rotary forget production --source legacy-api    once you have revoked what it owes
  rotary forget production --bucket api           after Terraform took the tags off`
}

func (c forgetCmd) Run(a *app) error {
	kind, name, err := c.chooseKind()
	if err != nil {
		return err
	}
	s, err := a.openSession(c.Env)
	if err != nil {
		return err
	}
	f, err := s.newOperator().FindForgettable(s.ctx, kind, name)
	if err != nil {
		return err
	}
	fmt.Fprint(a.err, describeForgetting(f))
	if err := s.confirmAlways(c.Yes, "forget "+name); err != nil {
		return err
	}
	caller, err := account.FindCaller(s.ctx, s.cfg)
	if err != nil {
		return err
	}
	if err := s.newOperator().Forget(s.ctx, f, caller); err != nil {
		return err
	}
	return s.printForgotten(f)
}

// chooseKind returns what is to be forgotten: exactly one thing.
func (c forgetCmd) chooseKind() (kind, name string, err error) {
	given := 0
	for _, one := range [][2]string{{plan.Reads, c.Consumer}, {plan.Feeds, c.Source}, {operate.WholeMemory, c.Bucket}} {
		if one[1] != "" {
			kind, name = one[0], one[1]
			given++
		}
	}
	if given != 1 {
		return "", "", invalid{errors.New("name one consumer, or one source with --source, or one bucket with --bucket")}
	}
	return kind, name, nil
}

// describeForgetting returns what is forgotten, and what comes of it.
func describeForgetting(f operate.Forgetting) string {
	var text strings.Builder
	for _, b := range f.Buckets {
		switch f.Kind {
		case plan.Reads:
			fmt.Fprintf(&text, "bucket %s remembers consumer %s at %s: whoever still has a credential from it there is "+
				"refused once that is retired\n", b.Bucket, f.Name, strings.Join(b.Places, " and "))
		case plan.Feeds:
			fmt.Fprintf(&text, "bucket %s remembers source %s with secret %s: what it owes is not named any more, and lives "+
				"on until you revoke it\n", b.Bucket, f.Name, strings.Join(b.Places, " and "))
		case operate.WholeMemory:
			fmt.Fprintf(&text, "bucket %s: who reads it, and is neither in the manifest nor in its tags, is refused once a "+
				"credential from it is retired\n", b.Bucket)
		}
	}
	return text.String()
}

// printForgotten ends the command.
func (s *session) printForgotten(f operate.Forgetting) error {
	type memory struct {
		Bucket string   `json:"bucket"`
		Places []string `json:"places,omitempty"`
	}
	var buckets []memory
	var names []string
	for _, b := range f.Buckets {
		buckets, names = append(buckets, memory{b.Bucket, b.Places}), append(names, b.Bucket)
	}
	if s.json {
		return s.printJSON(map[string]any{"forgotten": f.Name, "kind": f.Kind, "buckets": buckets})
	}
	_, err := fmt.Fprintf(s.out, "%s: forgotten by %s\n", f.Name, strings.Join(names, ", "))
	return err
}
