package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/operate"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

type putCmd struct {
	Env    string `arg:"" name:"ENV" help:"The environment."`
	Source string `arg:"" name:"SOURCE" help:"The source."`
	Key    string `arg:"" optional:"" name:"KEY" help:"The key to change; without it, standard input is a JSON object of keys."`
	// Untested is a person's word: see operate.Operator.PutUntested.
	Untested bool `help:"Do not ask the target whether it accepts the value: it is right."`
	Yes      bool `help:"Do not ask where the environment is protected."`
	putWait
}

func (putCmd) Help() string {
	return `The value is read from standard input, never from the command line; one newline at its end is cut off. The other keys of the source stay. The new version becomes current only if nobody else put one meanwhile. The old value stays owed until it is retired. A symmetric secret (rotate: also) takes the new value through its ALSO key first, so that no reader is refused. Of a key pair (rotate: pair) put the private half alone, in PEM: its public half follows.

Where the source has a rotator that can ask its target, or rotary signs in with the value, the target is asked first. What it refuses is not put: exit code 2. Where nobody answers, it is not put either, and --untested takes your word for it. A source's first value is put in any case, because Secrets Manager has it current at once; while its target refuses it, no bucket gets it. Exit code 0 where the source holds the value, also where it did before; 1 where nobody knows whether it is accepted; 2 where a name or the value is refused, and nothing was changed.

Examples:
  rotary put dev vendors VENDOR_A_API_KEY < key.txt
  pass show vendor-a | rotary put dev vendors VENDOR_A_API_KEY
  rotary put production app-db APP_DB__URL --untested --yes < url.txt
  rotary put production vendors VENDOR_A_API_KEY --wait --yes < key.txt
  rotary put dev vendors < vendors.json         {"VENDOR_A_API_KEY": "…", "VENDOR_B_API_KEY": "…"}`
}

func (c putCmd) Run(a *app) error {
	env, source, err := a.findSource(c.Env, c.Source)
	if err != nil {
		return err
	}
	if err := refuseUnbuilt(env); err != nil {
		return err
	}
	given, err := c.readValues(a, env, source)
	if err != nil {
		return invalid{err}
	}
	s, err := a.connectSession(env)
	if err != nil {
		return err
	}
	change, err := s.newOperator().NewChange(a.ctx, source, given)
	if err != nil {
		return err
	}
	if change.IsEmpty() {
		return s.printUnchanged(source)
	}
	w, err := c.prepareWatch(s, source)
	if err != nil {
		return err
	}
	version, err := c.putChange(s, source, change)
	if err != nil {
		return err
	}
	if c.Wait {
		return w.run()
	}
	return s.printChanged(source, version, change.Names())
}

// putChange puts a change, after its target was asked unless the person says that it need not be.
func (c putCmd) putChange(s *session, source manifest.Source, change operate.Change) (version string, err error) {
	o := s.newOperator()
	if c.Untested {
		return o.PutUntested(s.ctx, change)
	}
	if s.env.IsTaken(source) {
		if o.Tester, err = s.newTester(); err != nil {
			return "", err
		}
	}
	version, err = o.Put(s.ctx, change)
	refused, is := errors.AsType[*operate.NotAccepted](err)
	switch {
	case is && !refused.Current && refused.Outcome.Answer == plan.Refused:
		return "", invalid{err}
	case is && !refused.Current:
		return "", fmt.Errorf("%w: mend what does not answer, or say --untested where the value is right", err)
	}
	return version, err
}

// readValues reads the new values. Where they come through a pipe, nobody can be asked whether a protected
// environment is meant, so it has to be said beforehand.
func (c putCmd) readValues(a *app, env *manifest.Environment, source manifest.Source) (map[string]secret.Value, error) {
	if err := checkKey(source, c.Key); err != nil {
		return nil, err
	}
	if env.Protected && !c.Yes && !a.typed() {
		return nil, fmt.Errorf("%s is protected, and standard input carries the value, so nobody can be asked: "+
			"say --yes; nothing was changed", env.Name)
	}
	if err := a.confirmName(c.Yes || !env.Protected, env.Name, "change "+source.Name); err != nil {
		return nil, err
	}
	if a.typed() {
		fmt.Fprintln(a.err, "Type the value, which shows on the screen, and end it with Enter and Ctrl-D. "+
			"A pipe or < FILE shows nothing.")
	}
	if c.Key == "" {
		return readObject(a.in, source)
	}
	value, err := readValue(a.in)
	return map[string]secret.Value{c.Key: value}, err
}

// checkKey refuses a key that the source does not have. It does not quote the key: a value may stand in its place.
func checkKey(source manifest.Source, key string) error {
	for _, known := range append([]string{""}, source.KeyNames()...) {
		if key == known {
			return nil
		}
	}
	return errors.New("the KEY given is none of source " + source.Name + ", which has " +
		strings.Join(source.KeyNames(), ", "))
}

func (s *session) printUnchanged(source manifest.Source) error {
	if s.json {
		return s.printJSON(map[string]any{"source": source.Name, "changed": []string{}})
	}
	_, err := fmt.Fprintf(s.out, "%s already holds this: nothing was changed\n", source.Name)
	return err
}

func (s *session) printChanged(source manifest.Source, version string, names []string) error {
	if s.json {
		return s.printJSON(map[string]any{"source": source.Name, "version": version, "changed": names})
	}
	_, err := fmt.Fprintf(s.out, "%s: %s changed, version %s; to see who follows: %s\n",
		source.Name, strings.Join(names, ", "), history.Short(version), s.joinCommand(source.Name))
	return err
}
