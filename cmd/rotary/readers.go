package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/rotary-secrets/rotary/pkg/duration"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/screen"
	"github.com/rotary-secrets/rotary/pkg/store"
	"github.com/rotary-secrets/rotary/pkg/trail"
	"github.com/rotary-secrets/rotary/pkg/trail/lookup"
)

type readersCmd struct {
	Env        string            `arg:"" name:"ENV" help:"The environment."`
	Source     string            `arg:"" optional:"" name:"SOURCE" help:"One source and the buckets that it feeds; default: all of them."`
	Since      duration.Duration `default:"7d" placeholder:"SPAN" help:"How far back: 12h, 7d, 90d at most. Default: 7d."`
	AsManifest bool              `help:"Print the strangers as consumers of a manifest: a draft."`
}

func (readersCmd) Help() string {
	return `Changes nothing, and shows no value. Lists who has read the environment's secrets, by CloudTrail's event history: how often, when last, which versions, from where. What the manifest declares is named; whoever it does not explain is a stranger.

AWS allows two lookups a second in an account and region, of fifty events each: a busy account takes a while. Ctrl-C shows what was found until then, with exit code 1. Events are there some minutes after the read, and AWS does not promise when: the trail shows that somebody reads a secret, never that nobody does.

It needs cloudtrail:LookupEvents, and works where nothing is deployed, in mode observe too: --as-manifest prints lines for consumers. Declare a stranger, or dismiss it for a time with rotary dismiss.

Examples:
  rotary readers production app-db
  rotary readers production --since 30d --as-manifest`
}

// readerRow is a reader with a dismissal.
type readerRow struct {
	trail.Reader
	Dismissed *plan.Dismissal `json:"dismissed,omitempty"`
}

// readersSeen is what was found of an environment's readers.
type readersSeen struct {
	Environment string      `json:"environment"`
	Source      string      `json:"source,omitempty"`
	Since       time.Time   `json:"since"`
	Until       time.Time   `json:"until"`
	Readers     []readerRow `json:"readers"`
	Strangers   int         `json:"strangers"`
	// Incomplete: the lookup ended early, and there may be more.
	Incomplete bool `json:"incomplete,omitempty"`
}

func (c readersCmd) Run(a *app) error {
	if c.Since.Std() > trail.Depth {
		return invalid{fmt.Errorf("--since is %s at most: CloudTrail's event history goes back no further", duration.Duration(trail.Depth))}
	}
	env, err := a.readEnvironment(c.Env)
	if err == nil && c.Source != "" {
		env, _, err = a.findSource(c.Env, c.Source)
	}
	if err != nil {
		return err
	}
	s, err := a.connectSession(env)
	if err != nil {
		return err
	}
	seen, err := c.lookUp(s)
	if err != nil && !errors.Is(err, errLookupStopped) {
		return err
	}
	return errors.Join(c.printReaders(s, seen), err)
}

// errLookupStopped marks the error of a lookup that a person ended.
var errLookupStopped = errors.New("not everything was looked up")

// lookUp asks CloudTrail. Where a person ends it, it returns what was found, and an error.
func (c readersCmd) lookUp(s *session) (readersSeen, error) {
	seen := readersSeen{Environment: s.env.Name, Source: c.Source, Until: s.now().UTC()}
	seen.Since = seen.Until.Add(-c.Since.Std())
	events := lookup.New(s.cfg, lookup.FromEnv(os.Getenv))
	meter := &meter{out: s.err, screen: s.watched().Redrawn}
	shown := s.now()
	events.Progress = func(found int) {
		if now := s.now(); now.Sub(shown) >= meter.showEvery() {
			shown = now
			meter.showLine(now, fmt.Sprintf("%d reads found", found))
		}
	}
	reads, err := events.Reads(s.ctx, seen.Since, seen.Until)
	meter.endLine()
	if err != nil && s.ctx.Err() == nil {
		return seen, err
	}
	for _, r := range trail.Gather(s.env, reads) {
		if c.concerns(s.env, r.Secret) {
			seen.Readers = append(seen.Readers, readerRow{Reader: r})
		}
	}
	if err != nil {
		seen.Incomplete = true
		return seen, errors.Join(errLookupStopped, s.ctx.Err())
	}
	err = c.findDismissals(s, &seen)
	return seen, err
}

// concerns reports whether a secret is what was asked about: the source's own, or that of a bucket which it feeds.
func (c readersCmd) concerns(env *manifest.Environment, secret string) bool {
	if c.Source == "" {
		return true
	}
	source, _ := env.Source(c.Source)
	return secret == source.Secret || slices.ContainsFunc(env.Buckets, func(b manifest.Bucket) bool {
		return b.Secret == secret && slices.ContainsFunc(env.Entries(b), func(e manifest.Entry) bool { return e.Source == c.Source })
	})
}

// findDismissals adds to the strangers who was dismissed, and counts the others.
func (c readersCmd) findDismissals(s *session, seen *readersSeen) error {
	secrets, tags := store.New(s.secretsClient()), map[string]map[string]string{}
	for i, r := range seen.Readers {
		if !r.IsStranger() {
			continue
		}
		if _, read := tags[r.Secret]; !read {
			h, err := secrets.Look(s.ctx, r.Secret)
			if err != nil {
				return err
			}
			tags[r.Secret] = h.Tags
		}
		if d, is := plan.FindDismissal(tags[r.Secret], r.Principal, secrets.Now()); is {
			seen.Readers[i].Dismissed = &d
			continue
		}
		seen.Strangers++
	}
	return nil
}

func (c readersCmd) printReaders(s *session, seen readersSeen) error {
	if c.AsManifest {
		_, err := fmt.Fprint(s.out, trail.Draft(s.env, seen.listStrangers()))
		return err
	}
	if s.json {
		return s.printJSON(seen)
	}
	_, err := fmt.Fprintln(s.out, s.newReadersPage(seen).renderPage())
	return err
}

// listStrangers returns the readers that nobody has explained or dismissed.
func (r readersSeen) listStrangers() []trail.Reader {
	var all []trail.Reader
	for _, row := range r.Readers {
		if row.Dismissed == nil && row.IsStranger() {
			all = append(all, row.Reader)
		}
	}
	return all
}

// readersPage is what people read.
type readersPage struct {
	screen.Screen
	place screen.Place
	env   *manifest.Environment
	seen  readersSeen
}

func (s *session) newReadersPage(seen readersSeen) readersPage {
	page := readersPage{place: placeOf(s.env), env: s.env, seen: seen}
	if s.view != nil {
		page.Screen = s.view()
	}
	return page
}

func (p readersPage) renderPage() string {
	span := duration.Duration(p.seen.Until.Sub(p.seen.Since)).String()
	parts := []string{p.Heading(p.place, "", "who read secrets in the last "+span)}
	if len(p.seen.Readers) == 0 {
		parts = append(parts, p.Fill("", "Nobody was found."))
	} else {
		parts = append(parts, p.renderReaders())
	}
	if strangers := p.seen.listStrangers(); len(strangers) > 0 {
		parts = append(parts, "", p.renderAdvice(strangers))
	}
	if p.seen.Incomplete {
		parts = append(parts, p.Fill(p.Sign(screen.Attention)+" ", "interrupted: there may be more"))
	}
	return strings.Join(append(parts, p.Fill("", "The trail lags by up to 15 minutes, and longer at times. It can stop a retirement, never allow one.")), "\n")
}

func (p readersPage) renderReaders() string {
	t := screen.Table{Header: []string{"who", "reads", "last (UTC)", "times", "is"}}
	for _, r := range p.seen.Readers {
		kind, name := trail.DescribeSecret(p.env, r.Secret)
		t.Rows = append(t.Rows, []string{
			formatPrincipal(r.Principal), kind + " " + name, r.Last.Format("2006-01-02 15:04"), fmt.Sprint(r.Count), r.describeWho(),
		})
	}
	return p.Table(t)
}

// describeWho returns who a reader is by the manifest, and of a stranger what else is known.
func (r readerRow) describeWho() string {
	switch {
	case r.Who != "":
		return r.Who
	case r.Dismissed != nil:
		return "a stranger, dismissed until " + r.Dismissed.Until.Format("2006-01-02 15:04")
	}
	var notes []string
	for _, v := range r.Versions {
		notes = append(notes, "version "+v[max(0, len(v)-8):])
	}
	if old := slices.DeleteFunc(slices.Clone(r.Stages), func(s string) bool { return s == "AWSCURRENT" }); len(old) > 0 {
		notes = append(notes, old...)
	}
	notes = append(notes, "from "+cmp.Or(r.Address, "?"), cmp.Or(r.Agent, "?"))
	return "NOBODY: " + strings.Join(notes, ", ")
}

// formatPrincipal shortens the ARN of a role or user of any account: role/NAME.
func formatPrincipal(principal string) string {
	if _, resource, is := strings.Cut(principal, ":iam::"); is {
		_, resource, _ = strings.Cut(resource, ":")
		kind, _, _ := strings.Cut(resource, "/")
		return kind + resource[max(strings.LastIndex(resource, "/"), len(kind)):]
	}
	return principal
}

func (p readersPage) renderAdvice(strangers []trail.Reader) string {
	one := "1 reader is"
	if len(strangers) > 1 {
		one = fmt.Sprintf("%d readers are", len(strangers))
	}
	lines := []string{p.Fill(p.Sign(screen.Attention)+" ", one+" in no manifest. Declare what stays, as a reader or consumer (--as-manifest has lines for it), or dismiss it for a time:")}
	named := map[string]bool{}
	for _, r := range strangers {
		if !named[r.Principal] {
			named[r.Principal] = true
			lines = append(lines, fmt.Sprintf("  rotary dismiss %s %s --for 7d", p.env.Name, r.Principal))
		}
	}
	return strings.Join(lines, "\n")
}
