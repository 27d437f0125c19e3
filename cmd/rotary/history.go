package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"

	"github.com/rotary-secrets/rotary/pkg/awserr"
	"github.com/rotary-secrets/rotary/pkg/duration"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/metric"
	"github.com/rotary-secrets/rotary/pkg/pipeline/logs"
	"github.com/rotary-secrets/rotary/pkg/store"
)

type historyCmd struct {
	Env    string            `arg:"" name:"ENV" help:"The environment."`
	Source string            `arg:"" optional:"" name:"SOURCE" help:"One source; default: all of them."`
	Since  duration.Duration `default:"30d" placeholder:"SPAN" help:"How far back: 12h, 30d, 26w. Default: 30d."`
	Limit  int               `default:"20" placeholder:"N" help:"How many lines at most, the newest ones; 0 for all. Default: 20."`
}

func (historyCmd) Help() string {
	return `Changes nothing, and shows no value. Lists the versions of a source: when each was made and how, how long it took until every consumer had left the one before, and how long that one was accepted.

When and how comes from Secrets Manager's versions and labels, the rest from the logs of the deployed functions, which are kept for a year. A long span takes a while: CloudWatch looks through all of the logs. What cannot be read is named, and the rest is shown. Exit code 1 where nothing could be read.

Who did it is in CloudTrail, and not here.

Examples:
  rotary history production app-db
  rotary history production --since 26w --limit 0 --json`
}

// past has the events of an environment that were read from versions and logs.
type past struct {
	Environment string      `json:"environment"`
	Source      string      `json:"source,omitempty"` // where one is asked for
	At          time.Time   `json:"at"`
	Since       time.Time   `json:"since"`
	Events      []pastEvent `json:"events"` // the newest first
	Older       int         `json:"older"`  // how many there are besides, older ones, within the time
	// Unread lists what could not be read, a line each.
	Unread []string `json:"unread,omitempty"`
}

func (c historyCmd) Run(a *app) error {
	env, sources, err := c.findSources(a)
	if err != nil {
		return err
	}
	s, err := a.connectSession(env)
	if err != nil {
		return err
	}
	p, err := c.readPast(s, sources)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(p)
	}
	_, err = fmt.Fprintln(a.out, s.newHistoryPage(p).renderPage(c))
	return err
}

// findSources checks what was given, and finds the sources that are meant.
func (c historyCmd) findSources(a *app) (*manifest.Environment, []manifest.Source, error) {
	if c.Limit < 0 {
		return nil, nil, invalid{errors.New("--limit is a number of lines, or 0 for all")}
	}
	if c.Source == "" {
		env, err := a.readEnvironment(c.Env)
		if err != nil {
			return nil, nil, err
		}
		return env, env.Sources, nil
	}
	env, source, err := a.findSource(c.Env, c.Source)
	return env, []manifest.Source{source}, err
}

// readPast reads versions and logs. It fails where it could read nothing of either.
func (c historyCmd) readPast(s *session, sources []manifest.Source) (past, error) {
	secrets := store.New(s.secretsClient())
	known := map[string][]history.Version{}
	var refused failures
	for _, source := range sources {
		versions, err := secrets.Versions(s.ctx, source.Secret)
		if s.ctx.Err() != nil {
			return past{}, s.ctx.Err()
		}
		if err != nil {
			refused.addFailure(source.Name, err)
			continue
		}
		known[source.Name] = versions
	}
	p := past{Environment: s.env.Name, Source: c.Source, At: secrets.Now()}
	if len(known) == 0 { // nobody has told the time: take this machine's
		p.At = s.now()
	}
	p.Since = p.At.Add(-c.Since.Std())
	logged, unread, err := logs.ReadMilestones(s.ctx, s.env, sources, cloudwatchlogs.NewFromConfig(s.cfg), p.Since)
	if err != nil {
		return past{}, err
	}
	p.Unread = append(refused.describeReasons(), describeUnreadLogs(unread)...)
	if len(known) == 0 && len(logged) == 0 && len(p.Unread) > 0 {
		return past{}, fmt.Errorf("nothing of the history of %s can be read:\n%s", s.env.Name, strings.Join(p.Unread, "\n"))
	}
	for _, source := range sources {
		p.Events = append(p.Events, listPast(source, known[source.Name], selectMilestones(logged, source.Name))...)
	}
	p.keepAsked(c.Limit)
	return p, nil
}

func selectMilestones(all []metric.Milestone, source string) (own []metric.Milestone) {
	for _, m := range all {
		if m.Source == source {
			own = append(own, m)
		}
	}
	return own
}

// failures are the sources whose versions could not be listed, by why.
type failures struct {
	reasons []string
	sources map[string][]string
}

func (f *failures) addFailure(source string, err error) {
	reason := err.Error()
	if awserr.IsDenied(err) {
		reason = "not allowed: secretsmanager:ListSecretVersionIds"
	}
	if f.sources == nil {
		f.sources = map[string][]string{}
	}
	if f.sources[reason] == nil {
		f.reasons = append(f.reasons, reason)
	}
	f.sources[reason] = append(f.sources[reason], source)
}

// describeReasons returns a line for each reason.
func (f *failures) describeReasons() (lines []string) {
	for _, reason := range f.reasons {
		lines = append(lines, "versions of "+strings.Join(f.sources[reason], ", ")+": "+reason)
	}
	return lines
}

func describeUnreadLogs(unread []logs.UnreadLog) (lines []string) {
	for _, u := range unread {
		lines = append(lines, "log "+u.Group+": "+u.Err.Error())
	}
	return lines
}
