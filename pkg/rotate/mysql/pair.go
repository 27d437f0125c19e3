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

// examine looks at both accounts and refuses what cannot be copied. It changes nothing; the administrator's session is
// left open where there is no error.
func (r *Rotator) examine(ctx context.Context, admin, now, next login) (*pair, error) {
	host, err := r.hostOf(ctx, now.at(admin))
	if err != nil {
		return nil, fmt.Errorf("the current credential: %w", err)
	}
	s, err := r.open(ctx, admin)
	if err != nil {
		return nil, fmt.Errorf("the administrator's credential: %w", err)
	}
	p, err := s.pair(ctx, account{now.user, host}, account{next.user, host})
	if err != nil {
		s.close()
		return nil, err
	}
	return p, nil
}

// pair looks at the account from, which is to be copied, and at the one to.
func (s *session) pair(ctx context.Context, from, to account) (*pair, error) {
	exists, err := s.alone(ctx, from, to)
	if err != nil {
		return nil, err
	}
	p := &pair{admin: s, to: to, exists: exists}
	if p.current, err = s.definition(ctx, from); err != nil {
		return nil, err
	}
	if p.want, err = s.rights(ctx, from); err != nil {
		return nil, err
	}
	switch {
	case p.want.administers():
		return nil, refusal("its user is an administrator of the server, of which rotary makes no clone: give the application a user with what it needs")
	case !s.product.knows(p.current.plugin):
		return nil, refusal("its user's password is checked by a plugin for which no hash can be computed here: rotary knows " + native + ", and on MySQL " + cachingSHA2)
	case exists:
		p.has, err = s.rights(ctx, to)
	}
	return p, err
}

// account is what MariaDB and MySQL call a user together with where he may come from.
type account struct{ user, host string }

// sql is the account as it stands in a statement.
func (a account) sql() string { return identifier(a.user) + "@" + identifier(a.host) }

// hostOf logs in and returns the host of the account that the server has chosen: 10.0.%, say.
func (r *Rotator) hostOf(ctx context.Context, l login) (string, error) {
	s, err := r.connect(ctx, l)
	if err != nil {
		return "", err
	}
	defer s.close()
	chosen, err := s.one(ctx, "ask who is logged in", "SELECT CURRENT_USER()")
	if err != nil {
		return "", err
	}
	at := strings.LastIndex(chosen, "@")
	if at < 0 || chosen[:at] != l.user {
		return "", refusal("the server lets its user in as an anonymous one, or as a proxy for another")
	}
	return chosen[at+1:], nil
}

// alone says whether there is an account to. It is refused if its user, or from's, has an account at another host: which
// of them lets an application in depends on where that runs.
func (s *session) alone(ctx context.Context, from, to account) (exists bool, err error) {
	longest, err := s.one(ctx, "ask how long a name may be", "SELECT CHARACTER_MAXIMUM_LENGTH FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = 'mysql' AND TABLE_NAME = 'user' AND COLUMN_NAME = 'User'")
	if err != nil {
		return false, err
	}
	n, err := strconv.Atoi(longest)
	if err != nil {
		return false, errors.New("the server does not say how long a user's name may be")
	}
	if utf8.RuneCountInString(to.user) > n {
		return false, refusal(fmt.Sprintf("its user's name with %s behind it has more than the %d characters that the server allows", clone, n))
	}
	for _, a := range []account{from, to} {
		hosts, err := s.column(ctx, "look for the accounts of the source's users", "SELECT Host FROM mysql.user WHERE User = "+literal(a.user)+" AND Host <> ''")
		if err != nil {
			return false, err
		}
		if exists = len(hosts) > 0; exists && !slices.Equal(hosts, []string{a.host}) {
			return false, refusal("one of its users has accounts at several hosts, or at another one than the current version's: keep one account for each user")
		}
	}
	return exists, nil
}

// definition asks how an account logs in.
func (s *session) definition(ctx context.Context, of account) (definition, error) {
	text, err := s.one(ctx, "look at the current user's account", "SHOW CREATE USER "+of.sql())
	if err != nil {
		return definition{}, err
	}
	return parseDefinition(text)
}

// rights asks what an account may do. MySQL tells its default roles elsewhere.
func (s *session) rights(ctx context.Context, of account) (rights, error) {
	const doing = "look at what an account may do"
	lines, err := s.column(ctx, doing, "SHOW GRANTS FOR "+of.sql())
	if err != nil {
		return rights{}, err
	}
	r, err := parseRights(lines)
	if err != nil || s.product == mariaDB {
		return r, err
	}
	roles, err := s.rows(ctx, doing, "SELECT DEFAULT_ROLE_USER, DEFAULT_ROLE_HOST FROM mysql.default_roles WHERE USER = "+literal(of.user)+" AND HOST = "+literal(of.host))
	r.initial = initialRoles(roles)
	return r, err
}

// initialRoles are MySQL's default roles as they stand in a statement.
func initialRoles(rows [][]string) string {
	var roles []string
	for _, row := range rows {
		roles = append(roles, account{row[0], row[1]}.sql())
	}
	slices.Sort(roles)
	return cmp.Or(strings.Join(roles, ", "), none)
}

// install makes the other account, or makes it equal to current's, and gives it its password last. Until then nobody
// knows what a new one has for a password.
func (p *pair) install(ctx context.Context, password secret.Value) error {
	if !p.exists {
		hash, err := hashed(p.current.plugin, secret.New(rand.Text()+rand.Text()))
		if err != nil {
			return err
		}
		statement := "CREATE USER " + p.to.sql() + " " + p.admin.product.identifiedBy(p.current.plugin, hash)
		if err := p.admin.do(ctx, "create the other user", statement); err != nil {
			return err
		}
		p.has = rights{initial: none}
	}
	if err := p.equalize(ctx); err != nil {
		return err
	}
	hash, err := hashed(p.current.plugin, password)
	if err != nil {
		return err
	}
	statement := "ALTER USER " + p.to.sql() + " " + p.admin.product.identifiedBy(p.current.plugin, hash) + " " + p.current.options(p.admin.product)
	return p.admin.do(ctx, "give the other user its password", statement)
}

// equalize gives the other account the rights of current's and no more, and looks whether that has come out.
func (p *pair) equalize(ctx context.Context) error {
	statements := p.has.changes(p.admin.product, p.to.sql(), p.want)
	if len(statements) == 0 {
		return nil
	}
	if err := p.admin.do(ctx, "grant the other user what the current one has", statements...); err != nil {
		return err
	}
	has, err := p.admin.rights(ctx, p.to)
	if err == nil && !has.same(p.want) {
		err = errors.New("the other user was granted what the current one has, and the server shows something else")
	}
	return err
}
