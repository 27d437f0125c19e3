package credential

import (
	"crypto/rsa"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rotary-secrets/rotary/pkg/dsn"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// CheckShapes returns what is wrong, a line for each key, with values that no target of their kind could accept. It asks
// nobody, and quotes no value. Keys that are not given are not looked at.
//
//	the key is                                     | its value has to be
//	-----------------------------------------------|------------------------------------------------------
//	under url, or an administrator's only one      | a connection string with hosts, and with a login where
//	                                               |   no fields hold one
//	the port of a login                            | numbers from 1 to 65535
//	the id of an access key                        | 16 to 128 letters, digits and _
//	a token that rotary signs in with              | one word
//	the private key of a GitHub App                | an RSA key in PEM
func CheckShapes(env *manifest.Environment, source manifest.Source, given map[string]secret.Value) []string {
	checks := listShapes(env, source)
	var wrong []string
	for _, key := range slices.Sorted(maps.Keys(given)) {
		if check := checks[key]; check != nil {
			if err := check(secret.Reveal(given[key])); err != nil {
				wrong = append(wrong, fmt.Sprintf("source %s: the value of %s is refused: %v", source.Name, key, err))
			}
		}
	}
	return wrong
}

// listShapes returns the check for each key of a source that has one.
func listShapes(env *manifest.Environment, source manifest.Source) map[string]func(text string) error {
	checks := map[string]func(string) error{}
	fields, apart := source.FindLogin()
	for _, key := range source.Database().URL {
		checks[key] = func(text string) error { return checkConnection(text, apart) }
	}
	if keys := source.KeyNames(); len(keys) == 1 && !apart && isDatabaseAdmin(env, source.Name) {
		checks[keys[0]] = func(text string) error { return checkConnection(text, false) }
	}
	if fields.Port != "" {
		checks[fields.Port] = checkPorts
	}
	if id, _ := source.AccessKey(); id != "" && source.Rotate.AWSAccessKey != nil {
		checks[id] = checkAccessKeyID
	}
	for _, c := range env.SignsInWith(source) {
		maps.Copy(checks, listSignInShapes(c))
	}
	return checks
}

func listSignInShapes(c manifest.Consumer) map[string]func(string) error {
	if c.Vercel != nil {
		return map[string]func(string) error{c.Vercel.SignIn.Token: checkToken}
	}
	s := c.GitHub.SignIn
	return map[string]func(string) error{s.Token: checkToken, s.AppID: checkToken, s.PrivateKey: checkRSAKey}
}

// isDatabaseAdmin reports whether a source holds the login of an administrator of a database.
func isDatabaseAdmin(env *manifest.Environment, name string) bool {
	return slices.ContainsFunc(env.Sources, func(s manifest.Source) bool { return s.Database().Admin == name })
}

// checkConnection checks a connection string; its login may stand apart from it.
func checkConnection(text string, apart bool) error {
	c, err := dsn.ParseOpen(text)
	if err == nil && !apart {
		err = c.CheckLogin()
	}
	if err != nil {
		return err
	}
	if len(c.Hosts) == 0 {
		return errors.New("it names no host")
	}
	for _, h := range c.Hosts {
		if err := h.Check(); err != nil {
			return err
		}
	}
	return nil
}

// checkPorts checks a port, or one for each of several hosts.
func checkPorts(text string) error {
	for port := range strings.SplitSeq(text, ",") {
		if err := dsn.CheckPort(port); err != nil {
			return err
		}
	}
	return nil
}

func checkAccessKeyID(text string) error {
	if !keyID().MatchString(text) {
		return errors.New("it is not the id of an access key, such as begins with AKIA")
	}
	return nil
}

func checkToken(text string) error {
	if len(strings.Fields(text)) != 1 {
		return errors.New("it is not one word")
	}
	return nil
}

func checkRSAKey(text string) error {
	block, _ := pem.Decode([]byte(text))
	if block != nil {
		if _, is := ParsePrivateKey(block.Bytes).(*rsa.PrivateKey); is {
			return nil
		}
	}
	return errors.New("it is not an RSA private key in PEM")
}
