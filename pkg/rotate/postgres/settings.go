package postgres

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
)

// settings are those of ALTER ROLE: by database, "" for all, and by name.
type settings map[string]map[string]string

const aboutSettings = `SELECT r.rolname, coalesce(d.datname, ''), c.setting
	FROM pg_db_role_setting s JOIN pg_roles r ON r.oid = s.setrole LEFT JOIN pg_database d ON d.oid = s.setdatabase, unnest(s.setconfig) AS c (setting)
	WHERE r.rolname IN ($1, $2)`

// readSettings reads those of two roles.
func (s session) readSettings(ctx context.Context, first, second string) (one, two settings, err error) {
	rows, err := s.rows(ctx, "look at the roles' settings", aboutSettings, first, second)
	if err != nil {
		return nil, nil, err
	}
	one, two = settings{}, settings{}
	for _, row := range rows {
		name, value, found := strings.Cut(row[2], "=")
		if !found {
			return nil, nil, errors.New("look at the roles' settings: one has no value")
		}
		into := one
		if row[0] == second {
			into = two
		}
		if into[row[1]] == nil {
			into[row[1]] = map[string]string{}
		}
		into[row[1]][name] = value
	}
	return one, two, nil
}

func (s settings) clone() settings {
	all := settings{}
	for database, own := range s {
		all[database] = maps.Clone(own)
	}
	return all
}

// alterInto returns the statements that turn the settings of a user into want.
func (s settings) alterInto(want settings, user string) (all []statement, err error) {
	databases := slices.Concat(slices.Collect(maps.Keys(s)), slices.Collect(maps.Keys(want)))
	slices.Sort(databases)
	for _, database := range slices.Compact(databases) {
		alter := "ALTER ROLE " + identifier(user)
		if database != "" {
			alter += " IN DATABASE " + identifier(database)
		}
		for _, name := range slices.Sorted(maps.Keys(s[database])) {
			if _, wanted := want[database][name]; !wanted {
				all = append(all, statement{"take the setting " + name + " off",
					alter + " RESET " + parameterName(name)})
			}
		}
		for _, name := range slices.Sorted(maps.Keys(want[database])) {
			value := want[database][name]
			if has, there := s[database][name]; there && has == value {
				continue
			}
			list, err := writeValue(name, value)
			if err != nil {
				return nil, err
			}
			all = append(all, statement{"copy the setting " + name,
				alter + " SET " + parameterName(name) + " = " + list})
		}
	}
	return all, nil
}

// lists are the parameters whose value is kept as a list of quoted names (GUC_LIST_QUOTE, of which extensions have
// none): as one text it would become one name (https://www.postgresql.org/docs/current/sql-alterrole.html, pg_dumpall
// does so too).
var lists = []string{
	"local_preload_libraries", "search_path", "session_preload_libraries", "shared_preload_libraries",
	"temp_tablespaces", "unix_socket_directories",
}

// writeValue writes a setting's value as SQL.
func writeValue(name, value string) (string, error) {
	if !slices.Contains(lists, strings.ToLower(name)) {
		return literal(value), nil
	}
	names, err := splitList(value)
	if err != nil {
		return "", errors.New("the setting " + name + " is not a list that rotary can read")
	}
	for i := range names {
		names[i] = literal(names[i])
	}
	return strings.Join(names, ", "), nil
}

// splitList takes a list of names apart, some of which are in double quotes.
func splitList(list string) (names []string, err error) {
	for rest := list; ; {
		var name string
		rest = strings.TrimLeft(rest, " ")
		if quoted, is := strings.CutPrefix(rest, `"`); is {
			name, rest, err = cutQuoted(quoted)
		} else if end := strings.IndexByte(rest, ','); end >= 0 {
			name, rest = strings.TrimRight(rest[:end], " "), rest[end:]
		} else {
			name, rest = strings.TrimRight(rest, " "), ""
		}
		if err != nil || strings.ContainsAny(rest[:min(1, len(rest))], `"`) {
			return nil, errors.New("a quote is not closed")
		}
		names = append(names, name)
		if rest = strings.TrimLeft(rest, " "); rest == "" {
			return names, nil
		}
		if rest[0] != ',' {
			return nil, errors.New("there is no comma between two names")
		}
		rest = rest[1:]
	}
}

// cutQuoted reads a name up to its closing quote. Two of them are one in the name.
func cutQuoted(text string) (name, rest string, err error) {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(text, `"`)
		if !found {
			return "", "", errors.New("a quote is not closed")
		}
		b.WriteString(before)
		if !strings.HasPrefix(after, `"`) {
			return b.String(), after, nil
		}
		b.WriteByte('"')
		text = after[1:]
	}
}

// identifier writes a name as SQL.
func identifier(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// parameterName writes the name of a parameter, which may have a dot.
func parameterName(name string) string {
	parts := strings.Split(name, ".")
	for i := range parts {
		parts[i] = identifier(parts[i])
	}
	return strings.Join(parts, ".")
}

// literal writes a text as SQL, for standard_conforming_strings = on.
func literal(text string) string { return `'` + strings.ReplaceAll(text, `'`, `''`) + `'` }
