package mysql

import (
	"cmp"
	"slices"
	"strings"
)

// none is the servers' word for no role, and for no demand for encryption.
const none = "NONE"

// definition holds how an account logs in and what limits it, from SHOW CREATE USER.
type definition struct {
	plugin   string            // what checks the password
	require  string            // NONE or SSL
	limits   map[string]string // by their names; none: no limit
	policies map[string]string // about passwords, by their names; none: the server's default
}

// The limits and the policies, as they are named in statements. MariaDB and MySQL each have some that the other has
// not.
var (
	limits = []string{
		"MAX_QUERIES_PER_HOUR", "MAX_UPDATES_PER_HOUR", "MAX_CONNECTIONS_PER_HOUR", "MAX_USER_CONNECTIONS",
		"MAX_STATEMENT_TIME",
	}
	policies = []string{
		"PASSWORD EXPIRE", "PASSWORD HISTORY", "PASSWORD REUSE INTERVAL", "PASSWORD REQUIRE CURRENT",
		"FAILED_LOGIN_ATTEMPTS", "PASSWORD_LOCK_TIME",
	}
)

// parseDefinition reads what SHOW CREATE USER shows.
func parseDefinition(line string) (definition, error) {
	d := definition{require: none, policies: map[string]string{}}
	w, err := splitWords(line)
	if err != nil || !w.takeWords("CREATE", "USER") {
		return definition{}, unknown
	}
	if _, is := w.takeAccount(); !is || !d.takeAuthentication(w) {
		return definition{}, unknown
	}
	for !w.isEmpty() {
		if !d.takeOption(w) {
			return definition{}, unknown
		}
	}
	return d, nil
}

// takeAuthentication reads what checks the password: MariaDB's IDENTIFIED BY PASSWORD 'hash' or IDENTIFIED VIA plugin
// USING 'hash', MySQL's IDENTIFIED WITH 'plugin' AS 'hash'. Nothing is MariaDB's account without a password.
func (d *definition) takeAuthentication(w *words) (understood bool) {
	d.plugin, understood = native, true
	switch {
	case w.takeWords("IDENTIFIED", "BY", "PASSWORD"):
		_, understood = w.takeKind(quoted)
	case w.takeWords("IDENTIFIED", "VIA"):
		d.plugin, understood = w.takeKind(bare)
		if w.takeWords("USING") {
			_, understood = w.takeKind(quoted)
		}
	case w.takeWords("IDENTIFIED", "WITH"):
		d.plugin, understood = w.takeKind(quoted)
		if w.takeWords("AS") && understood {
			if _, understood = w.takeKind(quoted); !understood {
				_, understood = w.takeKind(bare) // in hexadecimal digits
			}
		}
	}
	return understood
}

// takeOption reads one of the options, which come in any order.
func (d *definition) takeOption(w *words) (understood bool) {
	switch {
	case w.takeWords("DEFAULT", "ROLE"):
		return takeRoles(w)
	case w.takeWords("REQUIRE"):
		return d.takeRequire(w)
	case w.takeWords("WITH"):
		return d.takeLimits(w)
	case w.takeWords("ACCOUNT", "UNLOCK"):
		return true
	case w.takeWords("ATTRIBUTE"), w.takeWords("COMMENT"): // a note about the account, not a right of it
		_, understood = w.takeKind(quoted)
		return understood
	}
	for _, name := range policies {
		if w.takeWords(strings.Fields(name)...) {
			return d.takePolicy(w, name)
		}
	}
	return false
}

// takeRoles reads MySQL's default roles, which are told elsewhere too: NONE, or `role`@`host`, ...
func takeRoles(w *words) (understood bool) {
	if w.takeWords(none) {
		return true
	}
	for more := true; more; more = w.takeWords(",") {
		if _, is := w.takeAccount(); !is {
			return false
		}
	}
	return true
}

// takeRequire reads: NONE or SSL. A rotator has no certificate to log in with.
func (d *definition) takeRequire(w *words) (understood bool) {
	for _, one := range []string{none, "SSL"} {
		if w.takeWords(one) {
			d.require = one
			return true
		}
	}
	return false
}

// takeLimits reads: LIMIT number, one or several.
func (d *definition) takeLimits(w *words) (understood bool) {
	d.limits = map[string]string{}
	for _, name := range limits {
		if w.takeWords(name) {
			d.limits[name], understood = w.takeKind(bare)
			if !understood {
				return false
			}
		}
	}
	return understood
}

// takePolicy reads: DEFAULT, NEVER, OPTIONAL, UNBOUNDED, a number, or a number of days. Where nothing follows, the
// password has expired, or may only be changed by who repeats it: such an account is not copied.
func (d *definition) takePolicy(w *words, name string) (understood bool) {
	interval := w.takeWords("INTERVAL")
	value, is := w.takeKind(bare)
	number := strings.Trim(value, "0123456789") == ""
	if w.takeWords("DAY") {
		value += " DAY"
	}
	if interval {
		value = "INTERVAL " + value
	}
	d.policies[name] = value
	return is && (number || slices.Contains([]string{"DEFAULT", "NEVER", "OPTIONAL", "UNBOUNDED"}, value))
}

// writeOptions returns the rest of an ALTER USER after which an account has what d says and nothing else.
func (d definition) writeOptions(p product) string {
	text := "REQUIRE " + d.require + " WITH"
	for _, name := range limits {
		if p.hasOption(name) {
			text += " " + name + " " + cmp.Or(d.limits[name], "0")
		}
	}
	text += " ACCOUNT UNLOCK"
	for _, name := range policies {
		usual := "DEFAULT"
		if !strings.HasPrefix(name, "PASSWORD ") {
			usual = "0"
		}
		if p.hasOption(name) {
			text += " " + name + " " + cmp.Or(d.policies[name], usual)
		}
	}
	return text
}
