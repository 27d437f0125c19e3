package ecs

import (
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ecs"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// This file is pure: it finds in a task definition whatever names a secret.

// words are a text of a task definition that may name a secret.
type words struct {
	container string // "" where it belongs to none
	where     string // the member that holds it, for people
	text      string
	isSecret  bool // of the member secrets: what the driver of a consumer reads too
	named     bool // the member may name a secret by its name alone
	exact     bool // all of the text is one name, or one ARN with key, label and version
}

// listWords returns every text of a task definition that may name a secret: the members that ECS, or the container, takes
// one from, and whatever else has the ARN of one in it.
//
//	member                                       | names a secret by
//	---------------------------------------------|----------------------------------------------------
//	secrets, logConfiguration.secretOptions      | its ARN, whole or without its last six characters, with
//	                                             |   JSON key, label and version or without
//	repositoryCredentials                        | its ARN or its name
//	environment, command, entryPoint             | either, anywhere in the text
//	any other                                    | its ARN
//
// What stands in an environment file, or in a parameter of Systems Manager, is not in the task definition. Sources:
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Secret.html,
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RepositoryCredentials.html
func listWords(in sdk.RegisterTaskDefinitionInput) []words {
	var all []words
	for _, c := range in.ContainerDefinitions {
		name := aws.ToString(c.Name)
		add := func(where, text string, w words) {
			w.container, w.where, w.text = name, where, text
			all = append(all, w)
		}
		for _, s := range c.Secrets {
			add("secrets", aws.ToString(s.ValueFrom), words{isSecret: true, exact: true})
		}
		if c.LogConfiguration != nil {
			for _, s := range c.LogConfiguration.SecretOptions {
				add("logConfiguration", aws.ToString(s.ValueFrom), words{exact: true})
			}
		}
		if c.RepositoryCredentials != nil {
			text := aws.ToString(c.RepositoryCredentials.CredentialsParameter)
			add("repositoryCredentials", text, words{named: true, exact: true})
		}
		for _, e := range c.Environment {
			add("environment", aws.ToString(e.Value), words{named: true})
		}
		for _, text := range slices.Concat(c.Command, c.EntryPoint) {
			add("command", text, words{named: true})
		}
		c.Secrets, c.Environment, c.Command, c.EntryPoint, c.RepositoryCredentials = nil, nil, nil, nil, nil
		if c.LogConfiguration != nil {
			log := *c.LogConfiguration
			log.SecretOptions = nil
			c.LogConfiguration = &log
		}
		all = append(all, listOtherWords(name, c)...)
	}
	in.ContainerDefinitions, in.Tags = nil, nil
	return append(all, listOtherWords("", in)...)
}

// listOtherWords returns the texts with the ARN of a secret in them, anywhere in v.
func listOtherWords(container string, v any) []words {
	var all []words
	var visit func(v any)
	visit = func(v any) {
		switch v := v.(type) {
		case string:
			if strings.Contains(v, ":secretsmanager:") {
				all = append(all, words{container: container, where: "task definition", text: v})
			}
		case map[string]any:
			for key, e := range v {
				visit(key)
				visit(e)
			}
		case []any:
			for _, e := range v {
				visit(e)
			}
		}
	}
	visit(decodeJSON(encodeJSON(v)))
	return all
}

// use is what a task definition takes of one secret.
type use struct {
	secret    string // its name
	container string
	where     string // the member, for people
	version   string // that it pins
	label     string // that it follows; "" is AWSCURRENT
	isSecret  bool   // an entry of secrets
	byName    bool
}

// follows reports whether what a task has is what was current at some time since it was created.
func (u use) follows() bool {
	return u.version == "" && (u.label == "" || u.label == history.AWSCurrent)
}

// findUses returns what texts name of these secrets of an environment, each once.
func findUses(texts []words, env *manifest.Environment, secrets []history.History) []use {
	var all []use
	for _, w := range texts {
		for _, h := range secrets {
			for _, u := range w.findUses(env, h) {
				if !slices.Contains(all, u) {
					all = append(all, u)
				}
			}
		}
	}
	return all
}

// secretARN finds ARNs of secrets in a text, with the JSON key, label and version that ECS takes behind them. Names have
// letters, digits and /_+=.@- (https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html).
var secretARN = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(
		`(arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[A-Za-z0-9/_+=.@-]+)((?::[A-Za-z0-9/_+=.@-]*){0,3})`)
})

// findUses returns what the text names of one secret.
func (w words) findUses(env *manifest.Environment, h history.History) []use {
	var all []use
	for _, found := range secretARN().FindAllStringSubmatch(w.text, -1) {
		if !isARNOf(strings.TrimRight(found[1], ".,"), env, h) {
			continue
		}
		parts := append(strings.Split(found[2], ":"), "", "", "", "")
		all = append(all, w.newUse(h, parts[2], parts[3]))
	}
	if w.named && namesSecret(secretARN().ReplaceAllString(w.text, " "), h.Secret, w.exact) {
		u := w.newUse(h, "", "")
		u.byName = true
		all = append(all, u)
	}
	return all
}

func (w words) newUse(h history.History, label, version string) use {
	return use{secret: h.Secret, container: w.container, where: w.where, isSecret: w.isSecret, label: label, version: version}
}

// isARNOf reports whether an ARN is a secret's, whole or without the six random characters at its end. Of a secret that
// was not described those characters are not known.
func isARNOf(arn string, env *manifest.Environment, h history.History) bool {
	bare := env.ARN("secretsmanager", "secret:"+h.Secret)
	if h.ARN != "" {
		return arn == h.ARN || arn == place{bucketARN: h.ARN}.bareARN()
	}
	rest, begins := strings.CutPrefix(arn, bare)
	return begins && (rest == "" || len(rest) == 7 && rest[0] == '-')
}

// leastName is how long the name of a secret is at least that is looked for in the texts of a container, where it has no
// punctuation in it: db or session stand there for much else.
const leastName = 8

// namesSecret reports whether a text is, or has in it, the name of a secret as a word of its own.
func namesSecret(text, name string, exact bool) bool {
	if exact || name == "" {
		return text == name && name != ""
	}
	if len(name) < leastName && !strings.ContainsAny(name, "-_/.") {
		return false
	}
	for from := 0; ; {
		i := strings.Index(text[from:], name)
		if i < 0 {
			return false
		}
		begin, end := from+i, from+i+len(name)
		if !isNameByte(text, begin-1) && !isNameByte(text, end) {
			return true
		}
		from = begin + 1
	}
}

// isNameByte reports whether the text has, at i, a byte that continues the name of a secret.
func isNameByte(text string, i int) bool {
	if i < 0 || i >= len(text) {
		return false
	}
	c := text[i]
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-_/.", c) >= 0
}

// strangerSkew is startSkew for what rotary has not started: nobody else compares its tasks with what is current.
const strangerSkew = time.Minute

// versionsOf returns the versions of the secret that a task may have which was created at began, or since; zero where
// that is not known.
//
//	the use           | the task may have
//	------------------|------------------------------------------------------
//	pins a version    | that one
//	follows current   | every labelled version whose PAST is later than began, less strangerSkew
//	another label     | every labelled version
func (u use) versionsOf(h history.History, began time.Time) []string {
	switch {
	case u.version != "":
		return []string{u.version}
	case u.follows() && !began.IsZero():
		return currentSince(h.Versions, began.Add(startSkew-strangerSkew))
	}
	return currentSince(h.Versions, time.Time{})
}
