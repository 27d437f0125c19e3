package mysql

import (
	"maps"
	"slices"
	"strings"

	"github.com/rotary-secrets/rotary/pkg/rotate/sqluser"
)

// rights holds what an account may do, from SHOW GRANTS.
type rights struct {
	on      map[string]map[string]bool // the privileges, by what they are on: both as they stand in a statement
	roles   map[string]bool            // by role: whether it may be given to others
	initial string                     // the roles that are set at login, or NONE
}

const (
	grantOption = "GRANT OPTION"
	everything  = "ALL PRIVILEGES"
	global      = "*.*"
)

// unknown is why an account is not copied: what is not understood is not skipped.
const unknown = sqluser.Refusal("the account has a grant or an option that is not known here and would not be copied (proxies, partial revokes, certificates and second passwords are not): take it away, or rotate by hand")

// parseRights reads what SHOW GRANTS FOR an account shows.
func parseRights(lines []string) (rights, error) {
	r := rights{on: map[string]map[string]bool{}, roles: map[string]bool{}, initial: none}
	for _, line := range lines {
		w, err := splitWords(line)
		if err != nil {
			return rights{}, unknown
		}
		understood := false
		switch {
		case w.takeWords("SET", "DEFAULT", "ROLE"):
			understood = r.takeInitial(w)
		case w.takeWords("GRANT") && !w.isEmpty() && w.left[0].kind == identified:
			understood = r.takeRoles(w)
		default:
			understood = r.takePrivileges(w)
		}
		if !understood || !w.isEmpty() {
			return rights{}, unknown
		}
	}
	return r, nil
}

// takeInitial reads: `role` FOR `user`@`host`.
func (r *rights) takeInitial(w *words) (understood bool) {
	role, is := w.takeAccount()
	if !is || !w.takeWords("FOR") {
		return false
	}
	r.initial = role
	_, is = w.takeAccount()
	return is
}

// takeRoles reads: `role`, ... TO `user`@`host` [WITH ADMIN OPTION].
func (r *rights) takeRoles(w *words) (understood bool) {
	var roles []string
	for more := true; more; more = w.takeWords(",") {
		role, is := w.takeAccount()
		if !is {
			return false
		}
		roles = append(roles, role)
	}
	if !w.takeWords("TO") {
		return false
	}
	_, is := w.takeAccount()
	admin := w.takeWords("WITH", "ADMIN", "OPTION")
	for _, role := range roles {
		r.roles[role] = admin
	}
	return is
}

// takePrivileges reads: privilege [(`column`, ...)], ... ON object TO `user`@`host` and what MariaDB says again there.
func (r *rights) takePrivileges(w *words) (understood bool) {
	var privileges []string
	for more := true; more; more = w.takeWords(",") {
		some, is := takePrivilege(w)
		if !is {
			return false
		}
		privileges = append(privileges, some...)
	}
	object, is := takeObject(w)
	if !is || !w.takeWords("TO") || slices.Contains(privileges, "PROXY") {
		return false
	}
	if _, is := w.takeAccount(); !is {
		return false
	}
	if takeTail(w, object) {
		privileges = append(privileges, grantOption)
	}
	r.addPrivileges(object, privileges)
	return true
}

func (r *rights) addPrivileges(object string, privileges []string) {
	for _, privilege := range privileges {
		if privilege == "USAGE" { // that is none
			continue
		}
		if r.on[object] == nil {
			r.on[object] = map[string]bool{}
		}
		r.on[object][privilege] = true
	}
}

// takePrivilege reads one privilege; one on columns counts once for each.
func takePrivilege(w *words) (privileges []string, is bool) {
	var name []string
	for !w.isEmpty() && w.left[0].kind == bare && !slices.Contains([]string{"(", ",", "ON"}, w.left[0].text) {
		text, _ := w.takeKind(bare)
		name = append(name, text)
	}
	privilege := strings.Join(name, " ")
	if !w.takeWords("(") {
		return []string{privilege}, privilege != ""
	}
	for more := true; more; more = w.takeWords(",") {
		column, is := w.takeName()
		if !is {
			return nil, false
		}
		privileges = append(privileges, privilege+" ("+column+")")
	}
	return privileges, w.takeWords(")")
}

// takeObject reads: ON [kind] `database`.`name`.
func takeObject(w *words) (object string, is bool) {
	if !w.takeWords("ON") {
		return "", false
	}
	for _, kind := range []string{"PROCEDURE", "FUNCTION", "PACKAGE BODY", "PACKAGE"} {
		if w.takeWords(strings.Fields(kind)...) {
			object = kind + " "
			break
		}
	}
	database, is := w.takeName()
	if !is || !w.takeWords(".") {
		return "", false
	}
	name, is := w.takeName()
	return object + database + "." + name, is
}

// takeTail reads WITH GRANT OPTION. On the line about *.* MariaDB also repeats the account's options, which are not
// rights: SHOW CREATE USER tells them.
func takeTail(w *words, object string) (grants bool) {
	passesOn := func() bool { return w.takeWords("WITH", "GRANT", "OPTION") }
	if object != global || w.isEmpty() || !slices.Contains([]string{"IDENTIFIED", "REQUIRE", "WITH"}, w.left[0].text) {
		return passesOn()
	}
	for !w.isEmpty() {
		grants = passesOn() || grants
		w.skipWord()
	}
	return grants
}

// isAdministrator reports whether an account may make, change or impersonate others, or pass on every right: a clone of
// it would be a second administrator whose password stands in an application's environment.
func (r rights) isAdministrator() bool {
	for _, privilege := range []string{
		everything, "SUPER", "CREATE USER", grantOption, "SYSTEM_USER", "ROLE_ADMIN", "SET_USER_ID", "SET_ANY_DEFINER",
	} {
		if r.on[global][privilege] {
			return true
		}
	}
	return false
}

// equal reports whether both accounts may do the same.
func (r rights) equal(other rights) bool {
	return r.initial == other.initial && maps.Equal(r.roles, other.roles) && maps.EqualFunc(r.on, other.on, maps.Equal)
}

// changesTo returns the statements after which the account to, which has r, has want: first what is too much, because
// revoking from ALL PRIVILEGES after granting them would leave a hole.
func (r rights) changesTo(p product, to string, want rights) []string {
	var all []string
	for _, object := range slices.Sorted(maps.Keys(r.on)) {
		for _, privilege := range privilegesBeyond(r.on[object], want.on[object]) {
			all = append(all, "REVOKE "+privilege+" ON "+object+" FROM "+to)
		}
	}
	for _, role := range slices.Sorted(maps.Keys(r.roles)) {
		if admin, is := want.roles[role]; !is || admin != r.roles[role] {
			all = append(all, "REVOKE "+role+" FROM "+to)
		}
	}
	for _, object := range slices.Sorted(maps.Keys(want.on)) {
		if missing := privilegesBeyond(want.on[object], r.on[object]); len(missing) > 0 {
			all = append(all, writeGrant(missing, object, to))
		}
	}
	for _, role := range slices.Sorted(maps.Keys(want.roles)) {
		if admin, is := r.roles[role]; !is || admin != want.roles[role] {
			all = append(all, "GRANT "+role+" TO "+to+map[bool]string{true: " WITH ADMIN OPTION"}[want.roles[role]])
		}
	}
	if r.initial != want.initial {
		all = append(all, p.writeSetInitial(want.initial, to))
	}
	return all
}

// privilegesBeyond returns what is in these and not in those, sorted.
func privilegesBeyond(these, those map[string]bool) []string {
	var all []string
	for _, privilege := range slices.Sorted(maps.Keys(these)) {
		if !those[privilege] {
			all = append(all, privilege)
		}
	}
	return all
}

// writeGrant returns the statement that grants privileges on an object.
func writeGrant(privileges []string, object, to string) string {
	with := ""
	if i := slices.Index(privileges, grantOption); i >= 0 {
		privileges, with = slices.Delete(privileges, i, i+1), " WITH GRANT OPTION"
	}
	if len(privileges) == 0 {
		privileges = []string{"USAGE"}
	}
	return "GRANT " + strings.Join(privileges, ", ") + " ON " + object + " TO " + to + with
}
