package rehearsal

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// listNotes say what was stood in for, assumed and left out. declared is the environment as its manifest has it, and
// env as it was rehearsed.
func listNotes(declared, env *manifest.Environment, sources []manifest.Source) []string {
	all := []string{
		"AWS, GitHub and Vercel are stood in for, in this process; every value is made up; time is simulated, with a sweep every five minutes and no event in between",
		"what your images do with a value is not known: each is taken to present every value it is given, and to start if these are accepted",
	}
	for _, kind := range append(manifest.Rotators(), manifest.Manual) {
		if names := listNamed(sources, kind); names != "" && kind != manifest.Never {
			all = append(all, names+": "+manifest.RotateWith(kind).DescribeStandIn())
		}
	}
	for _, s := range sources {
		if s.Symmetric() != "" {
			all = append(all, describeVerifiers(env, s))
		}
	}
	return append(all, listLeftOut(declared)...)
}

func listNamed(sources []manifest.Source, with string) string {
	var names []string
	for _, s := range sources {
		if s.Rotate.Kind() == with && s.Symmetric() == "" {
			names = append(names, s.Name)
		}
	}
	return strings.Join(names, ", ")
}

// describeVerifiers returns which consumers are assumed to accept a symmetric secret, and which only to send it.
func describeVerifiers(env *manifest.Environment, s manifest.Source) string {
	var verify, send []string
	for _, c := range env.Consumers {
		names := map[string]bool{}
		b, _ := env.Bucket(c.Bucket)
		for _, e := range env.Entries(b) {
			names[e.Key] = true
		}
		switch {
		case names[s.Symmetric()] && (c.ECS != nil || c.ECSFamily != nil):
			verify = append(verify, c.Name)
		case slices.ContainsFunc(s.Writes(), func(key string) bool { return names[key] }):
			send = append(send, c.Name)
		}
	}
	if len(verify) == 0 {
		return fmt.Sprintf("%s: nobody reads %s, so whoever reads %s is taken to verify with that alone", s.Name, s.Symmetric(), s.Random().Key)
	}
	text := fmt.Sprintf("%s: who reads %s is taken to verify (%s)", s.Name, s.Symmetric(), joinNames(verify))
	if len(send) > 0 {
		text += fmt.Sprintf("; the others are taken to send only (%s), and one of them that verifies must read both", joinNames(send))
	}
	return text
}

// listLeftOut returns which parts of the manifest are not rehearsed as they are written.
func listLeftOut(env *manifest.Environment) (all []string) {
	if env.Mode != manifest.Retire {
		all = append(all, fmt.Sprintf("mode %s was rehearsed as if it were retire", env.Mode))
	}
	for _, c := range env.Consumers {
		switch {
		case c.Leaving:
			all = append(all, c.Name+" is leaving, and was left out: while it is there, whatever it still reads is not retired")
		case c.Reader != nil:
			all = append(all, fmt.Sprintf("%s: nobody sees what these readers do; they are given %s", c.Name, c.Drain()))
		case c.Vercel != nil && !slices.Contains(c.Vercel.Targets[env.Name], "production"):
			all = append(all, c.Name+": nobody waits for previews and development at Vercel; they read what is current when they start")
		}
	}
	return all
}
