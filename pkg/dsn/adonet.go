package dsn

import (
	"errors"
	"strings"
	"unicode"
)

// Drivers of .NET take name=value;name=value
// (https://learn.microsoft.com/dotnet/framework/data/adonet/connection-strings): names are not case-sensitive, and = in
// them is doubled; white space around names and values does not count; a value may stand in ' or ", which is doubled in
// it, and must where it has a semicolon, a control character, or white space at its ends, or begins with a quote.
// Names are those of Npgsql (https://www.npgsql.org/doc/connection-string-parameters.html) and MySqlConnector
// (https://mysqlconnector.net/connection-options/).

// parseADONET reads a text. The error is ErrUnknown if it has not this form.
func parseADONET(text string) (*String, error) {
	all, err := readADONETPairs(text)
	if err != nil {
		return nil, err
	}
	s := &String{Dialect: ADONET}
	values, err := s.assignRoles(all, roleInADONET)
	if (err != nil || s.noLogin != nil) && !strings.Contains(text, ";") {
		return nil, ErrUnknown
	}
	if err != nil {
		return nil, err
	}
	s.Database = values[roleDatabase]
	if s.Hosts, err = splitHosts(values[roleHost], cutBareHost); err != nil {
		return nil, err
	}
	return s, pairPorts(s.Hosts, values[rolePort])
}

// readADONETPairs reads all pairs.
func readADONETPairs(text string) (all []parameter, err error) {
	for i := 0; ; {
		i += len(text[i:]) - len(strings.TrimLeftFunc(text[i:], isSpaceOrSemicolon))
		if i == len(text) {
			return all, nil
		}
		name, length := cutADONETName(text[i:])
		if length < 0 || strings.TrimSpace(name) == "" || strings.Contains(name, ";") {
			return nil, ErrUnknown
		}
		i += length
		i += len(text[i:]) - len(strings.TrimLeftFunc(text[i:], unicode.IsSpace))
		p := parameter{name: strings.TrimSpace(name)}
		if p.value, length, err = cutADONETValue(text[i:]); err != nil {
			return nil, err
		}
		p.at = place{i, i + length, quoteLike(text[i : i+length])}
		all = append(all, p)
		i += length
		rest := strings.TrimLeftFunc(text[i:], unicode.IsSpace)
		if rest != "" && rest[0] != ';' {
			return nil, ErrUnknown
		}
		i = len(text) - len(rest)
	}
}

func isSpaceOrSemicolon(c rune) bool { return c == ';' || unicode.IsSpace(c) }

// cutADONETName reads a name up to its =, of which two are one in the name, and returns the bytes to the end of the =
// too, or -1 where there is none.
func cutADONETName(text string) (name string, length int) {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '=' {
			b.WriteByte(text[i])
			continue
		}
		if i+1 == len(text) || text[i+1] != '=' {
			return b.String(), i + 1
		}
		b.WriteByte('=')
		i++
	}
	return "", -1
}

// cutADONETValue reads a value that begins at once, and returns its bytes in the text, quotes included.
func cutADONETValue(text string) (value string, length int, err error) {
	if text == "" || text[0] != '"' && text[0] != '\'' {
		value, _, _ = strings.Cut(text, ";")
		value = strings.TrimSpace(value)
		if strings.ContainsFunc(value, unicode.IsControl) {
			return "", 0, errors.New("a value with a control character must stand in quotes")
		}
		return value, len(value), nil
	}
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		if text[i] != text[0] {
			b.WriteByte(text[i])
			continue
		}
		if i+1 == len(text) || text[i+1] != text[0] {
			return b.String(), i + 1, nil
		}
		b.WriteByte(text[0])
		i++
	}
	return "", 0, ErrUnknown
}

// quoteLike returns a function that writes a value in the quotes that the old one has; where it has none, only if it
// must.
func quoteLike(old string) func(string) string {
	quote := `"`
	if strings.HasPrefix(old, "'") {
		quote = "'"
	}
	quoted := old != "" && strings.HasPrefix(old, quote)
	return func(value string) string {
		must := strings.ContainsAny(value, `"'=;`) || strings.ContainsFunc(value, unicode.IsSpace) ||
			strings.ContainsFunc(value, unicode.IsControl)
		if !quoted && !must {
			return value
		}
		return quote + strings.ReplaceAll(value, quote, quote+quote) + quote
	}
}

// cutBareHost cuts host:port. An IPv6 address may also stand without brackets, and without a port.
func cutBareHost(entry string) (Host, error) {
	if !strings.HasPrefix(entry, "[") && strings.Count(entry, ":") > 1 {
		return Host{entry, ""}, nil
	}
	return cutHost(entry)
}

// roleInADONET returns the role of a name.
func roleInADONET(name string) role {
	return map[string]role{
		"username": roleUser, "userid": roleUser, "uid": roleUser, "user": roleUser,
		"password": rolePassword, "pwd": rolePassword, "psw": rolePassword,
		"host": roleHost, "server": roleHost, "datasource": roleHost,
		"address": roleHost, "addr": roleHost, "networkaddress": roleHost,
		"port": rolePort, "database": roleDatabase, "db": roleDatabase, "initialcatalog": roleDatabase,
	}[strings.ToLower(strings.ReplaceAll(name, " ", ""))]
}
