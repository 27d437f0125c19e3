package dsn

import "strings"

// libpq and what follows it take keyword=value pairs with white space between them
// (https://www.postgresql.org/docs/current/libpq-connect.html, 32.1.1.1): white space around = does not count; a value
// that is empty or has white space stands in single quotes; in and out of them a backslash takes what follows it as it
// is. Keywords are small letters, digits, _ and the dot of an extension's settings.

// parseLibpq reads a text. The error is ErrUnknown if it has not this form.
func parseLibpq(text string) (*String, error) {
	all, err := readKeywords(text)
	if err != nil {
		return nil, err
	}
	if len(all) == 0 || separatedBySemicolons(text, all) {
		return nil, ErrUnknown
	}
	s := &String{Dialect: Libpq}
	values, err := s.assignRoles(all, roleInLibpq)
	if err == nil && s.noLogin != nil && strings.Contains(text, ";") {
		return nil, ErrUnknown
	}
	if err != nil {
		return nil, err
	}
	s.Database = values[roleDatabase]
	bare := func(entry string) (Host, error) { return Host{entry, ""}, nil }
	if s.Hosts, err = splitHosts(values[roleHost], bare); err != nil {
		return nil, err
	}
	return s, pairPorts(s.Hosts, values[rolePort])
}

// readKeywords reads all pairs.
func readKeywords(text string) (all []parameter, err error) {
	for i := 0; ; {
		i += len(text[i:]) - len(strings.TrimLeft(text[i:], blanks))
		if i == len(text) {
			return all, nil
		}
		keyword, after, found := strings.Cut(text[i:], "=")
		if keyword = strings.TrimRight(keyword, blanks); !found || !isKeyword(keyword) {
			return nil, ErrUnknown
		}
		i = len(text) - len(strings.TrimLeft(after, blanks))
		value, length, closed := cutKeywordValue(text[i:])
		if !closed {
			return nil, ErrUnknown
		}
		all = append(all, parameter{keyword, value, place{i, i + length, escapeLike(text[i : i+length])}})
		i += length
	}
}

// separatedBySemicolons reports whether each value but the last ends with a semicolon, as where somebody has written a
// blank after those of ADO.NET.
func separatedBySemicolons(text string, all []parameter) bool {
	for i, p := range all {
		if i < len(all)-1 && !strings.HasSuffix(text[p.at.start:p.at.end], ";") {
			return false
		}
	}
	return len(all) > 1
}

// isKeyword reports whether a text could be a keyword.
func isKeyword(text string) bool {
	return text != "" && strings.Trim(text, "abcdefghijklmnopqrstuvwxyz0123456789_.") == ""
}

// cutKeywordValue reads a value that begins at once, and returns its bytes in the text, quotes included.
func cutKeywordValue(text string) (value string, length int, closed bool) {
	var b strings.Builder
	quoted := strings.HasPrefix(text, "'")
	i := 0
	if quoted {
		i++
	}
	for ; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\'':
			return b.String(), i + 1, true
		case !quoted && strings.IndexByte(blanks, c) >= 0:
			return b.String(), i, true
		case c == '\\' && i+1 < len(text):
			i++
		case c == '\\':
			return "", 0, false
		}
		b.WriteByte(text[i])
	}
	return b.String(), len(text), !quoted
}

// escapeLike returns a function that writes a value in quotes if the old one has them, or the new one needs them.
func escapeLike(old string) func(string) string {
	return func(value string) string {
		if !strings.HasPrefix(old, "'") && value != "" && !strings.ContainsAny(value, blanks+`'\`) {
			return value
		}
		return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(value) + "'"
	}
}

// roleInLibpq returns the role of a keyword.
func roleInLibpq(name string) role {
	return map[string]role{
		"user": roleUser, "password": rolePassword, "host": roleHost, "port": rolePort, "dbname": roleDatabase,
	}[name]
}
