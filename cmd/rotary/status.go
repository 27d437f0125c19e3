package main

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/screen"
)

type statusCmd struct {
	Env      string `arg:"" name:"ENV" help:"The environment."`
	All      bool   `help:"Show every source and consumer, also those that are in order."`
	Source   string `placeholder:"NAME" help:"Show one source: its versions, their labels, and who runs on which."`
	Watch    bool   `help:"Show it again whenever something changes, until you press Ctrl-C."`
	ExitCode bool   `name:"exit-code" help:"End with exit code 3 where the environment has not converged."`
}

func (statusCmd) Help() string {
	return `Changes nothing. The verdict comes first; then each consumer with what it was seen running, the sources that need attention, each old credential with what it waits for, and what a person has to do. The last line is the next command.

A consumer is current, rolling, BEHIND, draining or UNKNOWN. An old credential is one that its target may still accept: it dies when nothing blocks it any more, or at an emergency's deadline. A page under docs/runbook says what to do about what is printed with it.

Exit code 0 wherever it could look, 1 where it could not. With --exit-code it is 3 where something is still on its way. --json has everything; with --watch it is one object a line.

Examples:
  rotary status production
  rotary status production --source app-db     where is this version running?
  rotary status production --exit-code --json > status.json || echo "not converged yet"`
}

func (c statusCmd) Run(a *app) error {
	if c.Source != "" {
		if _, _, err := a.findSource(c.Env, c.Source); err != nil {
			return err
		}
	}
	s, err := a.openSession(c.Env)
	if err != nil {
		return err
	}
	if c.Watch {
		return c.watchStatus(s)
	}
	report, err := s.lookNow()
	if err != nil {
		return err
	}
	if err := c.printStatus(s, report); err != nil {
		return err
	}
	if c.ExitCode && !report.Converged {
		return unfinished{describeStanding(report)}
	}
	return nil
}

// printStatus prints a report: as JSON, or as text in the width of the screen.
func (c statusCmd) printStatus(s *session, r plan.Report) error {
	switch {
	case s.json && c.Source != "":
		return s.printJSON(r.Source(c.Source))
	case s.json:
		return s.printReport(r)
	}
	_, err := fmt.Fprintln(s.out, c.renderPage(s.newPage(r)))
	return err
}

// renderPage returns what the command shows of a report.
func (c statusCmd) renderPage(p page) string {
	if c.Source != "" {
		return p.renderSource(c.Source)
	}
	return p.renderStatus(c.All)
}

// page is a report that people read: on a screen, about an environment.
type page struct {
	screen.Screen
	place  screen.Place
	report plan.Report
}

// newPage returns the page of a report about the session's environment.
func (s *session) newPage(r plan.Report) page {
	p := page{report: r, place: placeOf(s.env)}
	if s.view != nil {
		p.Screen = s.view()
	}
	return p
}

func placeOf(env *manifest.Environment) screen.Place {
	return screen.Place{Environment: env.Name, Account: env.Account, Region: env.Region}
}

// environmentName is the name of the environment, for commands that people copy.
func (p page) environmentName() string { return cmp.Or(p.place.Environment, p.report.Environment) }

// commandFlags are the flags of the commands that reports recommend, as a regular expression.
const commandFlags = `(?: --(?:bucket|source|version|accept-removals) [^\s;,)]+| --(?:value|sessions|revoked|release|direct))*`

// keepCommands returns words of a report in which no line of a command about the environment is broken.
func (p page) keepCommands(words string) string {
	command := regexp.MustCompile(
		`(rotary [a-z]+ ` + regexp.QuoteMeta(p.environmentName()) + `)( [a-z0-9][a-z0-9_-]*)?` + commandFlags)
	return command.ReplaceAllStringFunc(words, func(text string) string {
		parts := command.FindStringSubmatch(text)
		if name := strings.TrimSpace(parts[2]); name == "" || p.isNamed(name) {
			return screen.Whole(text)
		}
		return screen.Whole(parts[1]) + strings.TrimPrefix(text, parts[1]) // prose follows
	})
}

// fillWords is Fill for words of a report.
func (p page) fillWords(lead, words string) string { return p.Fill(lead, p.keepCommands(words)) }

// isNamed reports whether the report is about something of this name.
func (p page) isNamed(name string) bool {
	return p.isSource(name) || p.report.Consumer(name).State != "" ||
		slices.ContainsFunc(p.report.Waits, func(w plan.Wait) bool { return w.Subject == name })
}

// describeCommand returns a rotary command about the environment, of which no line is broken.
func (p page) describeCommand(verb, rest string) string {
	text := "rotary " + verb + " " + p.environmentName()
	if rest != "" {
		text += " " + rest
	}
	return screen.Whole(text)
}
