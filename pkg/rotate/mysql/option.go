package mysql

import (
	"errors"
	"regexp"
	"strings"
	"sync"

	"github.com/rotary-secrets/rotary/pkg/dsn"
	"github.com/rotary-secrets/rotary/pkg/rotate/sqluser"
)

// vocabulary is how a dialect writes how a connection is encrypted. Names are in small letters, without blanks, - and _.
type vocabulary struct {
	modes       map[string]func(value string) string // parameters that say it, in MySQL's words; "?" means nothing
	authorities map[string]bool                      // parameters that name the file of an authority
	harmless    map[string]bool                      // parameters that do not change what is checked
	// flags are older parameters, true or false, which count where no mode is given. readFlags returns the mode.
	flags     map[string]bool
	readFlags func(values map[string]bool) string
}

// chooseVocabulary returns that of a connection string's dialect.
func chooseVocabulary(c *dsn.String) vocabulary {
	switch {
	case c.Dialect == dsn.ADONET:
		return vocabularyOfADONET
	case c.Dialect == dsn.JDBC && c.Scheme == "mariadb":
		return vocabularyOfMariaDBInJava
	case c.Dialect == dsn.JDBC:
		return vocabularyOfMySQLInJava
	}
	return vocabularyOfURLs
}

// vocabularyOfURLs has ssl-mode and ssl-ca, as MySQL has them, however they are written (sslMode, ssl_ca); sslaccept,
// which is Prisma's; and tls, which is the Go driver's.
var vocabularyOfURLs = vocabulary{
	modes: map[string]func(string) string{
		"sslmode":   func(value string) string { return value },
		"sslaccept": translateWords(map[string]string{"strict": verifyIdentity, "accept_invalid_certs": required}),
		"tls": translateWords(map[string]string{
			"true": verifyIdentity, "skip-verify": required, "preferred": preferred, "false": disabled,
		}),
	},
	authorities: map[string]bool{"sslca": true},
}

// vocabularyOfMySQLInJava: https://dev.mysql.com/doc/connector-j/en/connector-j-connp-props-security.html
var vocabularyOfMySQLInJava = vocabulary{
	modes:    map[string]func(string) string{"sslmode": func(value string) string { return value }},
	harmless: harmlessInJava,
	flags:    map[string]bool{"usessl": true, "requiressl": true, "verifyservercertificate": true},
	readFlags: func(values map[string]bool) string {
		uses, says := values["usessl"]
		switch {
		case says && !uses:
			return disabled
		case values["verifyservercertificate"]:
			return verifyCA
		case values["requiressl"]:
			return required
		}
		return preferred
	},
}

// vocabularyOfMariaDBInJava:
// https://mariadb.com/docs/connectors/mariadb-connector-j/about-mariadb-connector-j/connection-parameters
var vocabularyOfMariaDBInJava = vocabulary{
	modes: map[string]func(string) string{"sslmode": func(value string) string {
		if strings.EqualFold(value, "trust") {
			return required
		}
		return value
	}},
	authorities: map[string]bool{"serversslcert": true},
	harmless:    harmlessInJava,
	flags:       map[string]bool{"usessl": true, "trustservercertificate": true, "disablesslhostnameverification": true},
	readFlags: func(values map[string]bool) string {
		uses, says := values["usessl"]
		switch {
		case says && !uses:
			return disabled
		case !says, values["trustservercertificate"]:
			return required
		case values["disablesslhostnameverification"]:
			return verifyCA
		}
		return verifyIdentity
	},
}

// harmlessInJava are versions and ciphers.
var harmlessInJava = map[string]bool{
	"tlsversions": true, "tlsciphersuites": true, "enabledtlsprotocols": true,
	"enabledsslciphersuites": true, "enabledsslprotocolsuites": true,
}

// vocabularyOfADONET is that of MySqlConnector: https://mysqlconnector.net/connection-options/
var vocabularyOfADONET = vocabulary{
	modes: map[string]func(string) string{"sslmode": func(value string) string {
		return translateWords(map[string]string{
			"none": disabled, "disabled": disabled, "preferred": preferred, "required": required,
			"verifyca": verifyCA, "verifyfull": verifyIdentity,
		})(strings.ToLower(value))
	}},
	authorities: map[string]bool{"sslca": true, "cacertificatefile": true},
	harmless:    map[string]bool{"tlsversion": true, "tlsciphersuites": true},
}

// readOptions reads the parameters that say how to log in. What else drivers and the application's session are told
// there is not rotary's, but another word about encryption, or a second one, is refused.
func readOptions(options []dsn.Option, own vocabulary) (sqluser.Encryption, error) {
	var modes, authorities []string
	flags := map[string]bool{}
	for _, o := range options {
		key := strings.NewReplacer("-", "", "_", "", " ", "").Replace(strings.ToLower(o.Name))
		switch {
		case elsewhere[key]:
			return sqluser.Encryption{}, errors.New("it has " + key + ": rotary cannot read from that who logs in where")
		case own.authorities[key]:
			authorities = append(authorities, o.Value)
		case own.modes[key] != nil:
			modes = append(modes, own.modes[key](o.Value))
		case own.flags[key] && (strings.EqualFold(o.Value, "true") || strings.EqualFold(o.Value, "false")):
			flags[key] = strings.EqualFold(o.Value, "true")
		case encrypts().MatchString(key) && !own.harmless[key]:
			return sqluser.Encryption{},
				errors.New("it has a word about encryption that rotary does not know: " +
					"write ssl-mode=VERIFY_IDENTITY and ssl-ca=file, in ADO.NET SslMode=VerifyFull and SslCa=file")
		}
	}
	if len(modes) == 0 && len(flags) > 0 {
		modes = append(modes, own.readFlags(flags))
	}
	if len(modes) > 1 || len(authorities) > 1 {
		return sqluser.Encryption{}, errors.New("it says twice how to encrypt: keep one ssl-mode and one ssl-ca")
	}
	return readEncryption(strings.Join(modes, ""), strings.Join(authorities, ""))
}

// elsewhere are parameters by which some drivers override who logs in where.
var elsewhere = map[string]bool{
	"user": true, "username": true, "password": true, "host": true, "hostname": true, "port": true, "socket": true,
	"unixsocket": true, "protocol": true, "localsocket": true, "pipe": true, "connectionprotocol": true,
}

// encrypts finds other parameters about encryption, and about sending a password without it.
var encrypts = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`ssl|tls|^(trust|verify)|certificate|plaintext|clear|oldpasswords`)
})

// translateWords returns a function that translates words, and the unknown to "?".
func translateWords(words map[string]string) func(string) string {
	return func(value string) string {
		if word, known := words[value]; known {
			return word
		}
		return "?"
	}
}
