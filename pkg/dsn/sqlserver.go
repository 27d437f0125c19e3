package dsn

import (
	"errors"
	"strings"
)

// SQL Server's driver for Java takes jdbc:sqlserver://host\instance:port;name=value
// (https://learn.microsoft.com/sql/connect/jdbc/building-the-connection-url). A value in braces may have a semicolon
// and blanks at its ends, but no closing brace; another has no opening one. Names are not case-sensitive.

// parseSQLServer reads what stands behind jdbc:sqlserver://, which begins at the given byte of the text.
func parseSQLServer(rest string, begin int) (*String, error) {
	s := &String{Dialect: SQLServer, Scheme: "sqlserver"}
	server, properties, _ := strings.Cut(rest, ";")
	all, err := readProperties(properties, begin+len(server)+1)
	if err != nil {
		return nil, err
	}
	values, err := s.assignRoles(all, roleInSQLServer)
	if err != nil {
		return nil, err
	}
	s.Database = values[roleDatabase]
	if server == "" {
		server = values[roleHost]
	}
	h, err := cutHost(server)
	if h.Port == "" {
		h.Port = values[rolePort]
	}
	s.Hosts = []Host{h}
	return s, err
}

// readProperties reads name=value;name={value}.
func readProperties(text string, begin int) (all []parameter, err error) {
	for i := 0; i < len(text); i++ {
		name, _, found := strings.Cut(text[i:], "=")
		if strings.Trim(text[i:], "; ") == "" {
			return all, nil
		}
		name = strings.Trim(name, "; ")
		if !found || strings.Contains(name, ";") {
			return nil, errors.New("one of its properties has no value")
		}
		start := i + strings.IndexByte(text[i:], '=') + 1
		end, braced := start+len(text[start:]), false
		trimmed := strings.TrimLeft(text[start:], " ")
		if braced = strings.HasPrefix(trimmed, "{"); braced {
			start = len(text) - len(trimmed)
			length := strings.IndexByte(trimmed, '}')
			if length < 0 {
				return nil, errors.New("a brace is not closed")
			}
			end = start + length + 1
		} else if n := strings.IndexByte(text[start:], ';'); n >= 0 {
			end = start + n
		}
		p := parameter{name, text[start:end], place{begin + start, begin + end, writeProperty}}
		if braced {
			p.value = p.value[1 : len(p.value)-1]
		} else if p, err = p.trimBlanks(); err != nil {
			return nil, err
		}
		all = append(all, p)
		after := strings.TrimLeft(text[end:], " ")
		if after != "" && after[0] != ';' {
			return nil, errors.New("something else than ; follows a brace")
		}
		i = len(text) - len(after)
	}
	return all, nil
}

// trimBlanks takes the blanks around a value that is not in braces off.
func (p parameter) trimBlanks() (parameter, error) {
	p.at.start += len(p.value) - len(strings.TrimLeftFunc(p.value, isBlankInJava))
	p.value = strings.TrimFunc(p.value, isBlankInJava)
	p.at.end = p.at.start + len(p.value)
	if strings.Contains(p.value, "{") {
		return p, errors.New("a value that has a brace does not begin with it")
	}
	return p, nil
}

func isBlankInJava(c rune) bool { return c <= ' ' }

// writeProperty writes a value in braces where it needs them.
func writeProperty(value string) string {
	if strings.ContainsAny(value, ";{") || strings.TrimFunc(value, isBlankInJava) != value {
		return "{" + value + "}"
	}
	return value
}

// roleInSQLServer returns the role of a property.
func roleInSQLServer(name string) role {
	return map[string]role{
		"user": roleUser, "username": roleUser, "password": rolePassword, "servername": roleHost, "server": roleHost,
		"portnumber": rolePort, "port": rolePort, "databasename": roleDatabase, "database": roleDatabase,
	}[strings.ToLower(name)]
}
