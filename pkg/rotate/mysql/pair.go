package mysql

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/rotary-secrets/rotary/pkg/rotate/sqluser"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// pair are the account that lets current's user in, and the one with the other user and the same host, as the
// administrator sees them.
type pair struct {
	admin   *session
	to      account // the other account
	exists  bool
	current definition
	want    rights // current's
	has     rights // the other's
}

// examinePair looks at both accounts and refuses what cannot be copied. It changes nothing; the administrator's session is
// left open where there is no error.
func (s *server) examinePair(ctx context.Context, current *session, t sqluser.Turn) (*pair, error) {
	host, err := current.readHost(ctx, t.Current.User)
	if err != nil {
		return nil, fmt.Errorf("the current credential: %w", err)
	}
	admin, err := s.loginKnown(ctx, t.Admin)
	if err != nil {
		return nil, fmt.Errorf("log in as the administrator: %w", err)
	}
	p, err := admin.readPair(ctx, account{t.Current.User, host}, account{t.Next.User, host})
	if err != nil {
		admin.Close(ctx)
		return nil, err
	}
	return p, nil
}

// readPair looks at the account from, which is to be copied, and at the one to.
func (s *session) readPair(ctx context.Context, from, to account) (*pair, error) {
	exists, err := s.checkAccounts(ctx, from, to)
	if err != nil {
		return nil, err
	}
	p := &pair{admin: s, to: to, exists: exists}
	if p.current, err = s.readDefinition(ctx, from); err != nil {
		return nil, err
	}
	if p.want, err = s.readRights(ctx, from); err != nil {
		return nil, err
	}
	switch {
	case p.want.isAdministrator():
		return nil, sqluser.Refusal("its user is an administrator of the server, of which rotary makes no clone: " +
			"give the application a user with what it needs")
	case !s.product.canHash(p.current.plugin):
		return nil, sqluser.Refusal("its user's password is checked by a plugin for which no hash can be computed " +
			"here: rotary knows " + native + ", and on MySQL " + cachingSHA2)
	case exists:
		p.has, err = s.readRights(ctx, to)
	}
	return p, err
}

// account is a user together with the host that it may come from.
type account struct{ user, host string }

// quote returns the account as it stands in a statement.
func (a account) quote() string { return identifier(a.user) + "@" + identifier(a.host) }

// readHost returns the host of the account that the server has chosen for the session's user: 10.0.%, say.
func (s *session) readHost(ctx context.Context, user string) (string, error) {
	chosen, err := s.one(ctx, "ask who is logged in", "SELECT CURRENT_USER()")
	if err != nil {
		return "", err
	}
	at := strings.LastIndex(chosen, "@")
	if at < 0 || chosen[:at] != user {
		return "", sqluser.Refusal("the server lets its user in as an anonymous one, or as a proxy for another")
	}
	return chosen[at+1:], nil
}

// checkAccounts reports whether there is an account to. It is refused if its user, or from's, has an account at another
// host: which of them lets an application in depends on where that runs.
func (s *session) checkAccounts(ctx context.Context, from, to account) (exists bool, err error) {
	longest, err := s.one(ctx, "ask how long a name may be",
		"SELECT CHARACTER_MAXIMUM_LENGTH FROM information_schema.COLUMNS "+
			"WHERE TABLE_SCHEMA = 'mysql' AND TABLE_NAME = 'user' AND COLUMN_NAME = 'User'")
	if err != nil {
		return false, err
	}
	n, err := strconv.Atoi(longest)
	if err != nil {
		return false, errors.New("the server does not say how long a user's name may be")
	}
	if utf8.RuneCountInString(to.user) > n {
		return false, sqluser.Refusal(fmt.Sprintf("its user's name with %s behind it has more than the %d characters "+
			"that the server allows", sqluser.Clone, n))
	}
	for _, a := range []account{from, to} {
		hosts, err := s.column(ctx, "look for the accounts of the source's users",
			"SELECT Host FROM mysql.user WHERE User = "+literal(a.user)+" AND Host <> ''")
		if err != nil {
			return false, err
		}
		if exists = len(hosts) > 0; exists && !slices.Equal(hosts, []string{a.host}) {
			return false, sqluser.Refusal("one of its users has accounts at several hosts, " +
				"or at another one than the current version's: keep one account for each user")
		}
	}
	return exists, nil
}

// readDefinition asks how an account logs in.
func (s *session) readDefinition(ctx context.Context, of account) (definition, error) {
	text, err := s.one(ctx, "look at the current user's account", "SHOW CREATE USER "+of.quote())
	if err != nil {
		return definition{}, err
	}
	return parseDefinition(text)
}

// readRights asks what an account may do. MySQL tells its default roles elsewhere.
func (s *session) readRights(ctx context.Context, of account) (rights, error) {
	const doing = "look at what an account may do"
	lines, err := s.column(ctx, doing, "SHOW GRANTS FOR "+of.quote())
	if err != nil {
		return rights{}, err
	}
	r, err := parseRights(lines)
	if err != nil || s.product == mariaDB {
		return r, err
	}
	roles, err := s.rows(ctx, doing,
		"SELECT DEFAULT_ROLE_USER, DEFAULT_ROLE_HOST FROM mysql.default_roles WHERE USER = "+literal(of.user)+
			" AND HOST = "+literal(of.host))
	r.initial = writeInitialRoles(roles)
	return r, err
}

// writeInitialRoles returns MySQL's default roles as they stand in a statement.
func writeInitialRoles(rows [][]string) string {
	var roles []string
	for _, row := range rows {
		roles = append(roles, account{row[0], row[1]}.quote())
	}
	slices.Sort(roles)
	return cmp.Or(strings.Join(roles, ", "), none)
}

// install makes the other account, or makes it equal to current's, and gives it its password last. Until then nobody
// knows what a new one has for a password.
func (p *pair) install(ctx context.Context, password secret.Value) error {
	if !p.exists {
		hash, err := computeHash(p.current.plugin, secret.New(rand.Text()+rand.Text()))
		if err != nil {
			return err
		}
		statement := "CREATE USER " + p.to.quote() + " " + p.admin.product.writePassword(p.current.plugin, hash)
		if err := p.admin.do(ctx, "create the other user", statement); err != nil {
			return err
		}
		p.has = rights{initial: none}
	}
	if err := p.equalize(ctx); err != nil {
		return err
	}
	hash, err := computeHash(p.current.plugin, password)
	if err != nil {
		return err
	}
	statement := "ALTER USER " + p.to.quote() + " " + p.admin.product.writePassword(p.current.plugin, hash) + " " +
		p.current.writeOptions(p.admin.product)
	return p.admin.do(ctx, "give the other user its password", statement)
}

// equalize gives the other account the rights of current's and no more, and looks whether that has come out.
func (p *pair) equalize(ctx context.Context) error {
	statements := p.has.changesTo(p.admin.product, p.to.quote(), p.want)
	if len(statements) == 0 {
		return nil
	}
	if err := p.admin.do(ctx, "grant the other user what the current one has", statements...); err != nil {
		return err
	}
	has, err := p.admin.readRights(ctx, p.to)
	if err == nil && !has.equal(p.want) {
		err = errors.New("the other user was granted what the current one has, and the server shows something else")
	}
	return err
}
