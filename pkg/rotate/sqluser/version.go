package sqluser

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/rotary-secrets/rotary/pkg/dsn"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// place is where the login of a version is tried: by one URL, or by the parts of the login.
type place struct {
	key string // of the URL, or of the host
	Login
}

// ReadLogin reads a version of the source: its login, at the first place where it is tried. No error holds anything of
// the version.
func (r *Rotator[S]) ReadLogin(v rotate.Values) (Login, error) {
	places, err := r.readPlaces(v)
	if err != nil {
		return Login{}, err
	}
	return places[0].Login, nil
}

// readPlaces reads a version of the source: its login at every place where it is tried. These are its URLs but for the
// untested ones, or, where it has none, the host of its fields. It fails where two of its keys hold different logins.
func (r *Rotator[S]) readPlaces(v rotate.Values) (places []place, err error) {
	at := r.source.Database()
	if len(at.URL) == 0 {
		l, err := r.syntax.readFields(*at.Fields, v)
		if err == nil && len(l.Hosts) == 0 {
			err = fmt.Errorf("%s is missing or empty", at.Fields.Host)
		}
		return []place{{at.Fields.Host, l}}, err
	}
	beside, err := readBeside(at.Fields, v)
	if err != nil {
		return nil, err
	}
	var all []place
	for _, key := range at.URL {
		p := place{key: key}
		if slices.Contains(at.UntestedURLs, key) {
			p.Login, err = readUntested(key, v, beside)
		} else if p.Login, err = r.syntax.readURL(key, v, beside); err == nil {
			places = append(places, p)
		}
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	if f := at.Fields; f != nil {
		all = append(all, place{f.Username + " with " + f.Password, *beside})
	}
	return places, checkOneLogin(all)
}

// checkOneLogin fails where two places have different logins, and names their keys.
func checkOneLogin(all []place) error {
	for _, p := range all[1:] {
		if p.User != all[0].User || !p.Password.Equal(all[0].Password) {
			return fmt.Errorf("%s and %s hold different logins: write one user and one password into both",
				all[0].key, p.key)
		}
	}
	return nil
}

// readPart returns the URL, or the part of a login, under a key; "" where there is none.
func readPart(key string, v rotate.Values) string { return secret.Reveal(v[key]) }

// requirePart returns what readPart does, and fails where that is "".
func requirePart(key string, v rotate.Values) (string, error) {
	text := readPart(key, v)
	if text == "" {
		return "", fmt.Errorf("%s is missing or empty", key)
	}
	return text, nil
}

// readURL reads the URL under a key. Where a login stands beside it, the URL may leave its user and its password out.
func (s Syntax) readURL(key string, v rotate.Values, beside *Login) (Login, error) {
	text, err := requirePart(key, v)
	if err != nil {
		return Login{}, err
	}
	l, err := s.parseURL(text, beside)
	if err != nil {
		return Login{}, fmt.Errorf("%s: %w", key, err)
	}
	return l, nil
}

func (s Syntax) parseURL(text string, beside *Login) (Login, error) {
	u, err := s.Parse(text)
	if err == nil && beside == nil {
		err = u.CheckLogin()
	}
	if err != nil {
		return Login{}, err
	}
	l, err := u.ReadLogin()
	if err != nil {
		return Login{}, err
	}
	l = l.completeFrom(beside)
	return l, l.checkWritable()
}

// readUntested reads the user and the password of a URL that is not tried, as readURL does: nothing else of it has to
// be understood.
func readUntested(key string, v rotate.Values, beside *Login) (Login, error) {
	text, err := requirePart(key, v)
	if err != nil {
		return Login{}, err
	}
	c, err := dsn.ParseOpen(text)
	if err == nil && beside == nil {
		err = c.CheckLogin()
	}
	if err != nil {
		return Login{}, fmt.Errorf("%s: %w", key, err)
	}
	return Login{User: c.User, Password: c.Password}.completeFrom(beside), nil
}

// completeFrom returns l with the user and the password from beside that it does not have.
func (l Login) completeFrom(beside *Login) Login {
	if beside == nil {
		return l
	}
	l.User = cmp.Or(l.User, beside.User)
	if l.Password.Equal(secret.New("")) {
		l.Password = beside.Password
	}
	return l
}

// readBeside reads the user and the password that stand in keys of their own beside a URL; nil where there are none.
func readBeside(f *manifest.Login, v rotate.Values) (*Login, error) {
	if f == nil {
		return nil, nil //nolint:nilnil // no login there is what the manifest says
	}
	l, err := readUser(*f, v)
	return &l, err
}

// readUser reads a user and a password that stand in keys of their own.
func readUser(f manifest.Login, v rotate.Values) (Login, error) {
	user, err := requirePart(f.Username, v)
	if err != nil {
		return Login{}, err
	}
	_, err = requirePart(f.Password, v)
	return Login{User: user, Password: v[f.Password]}, err
}

// readFields reads a login whose parts stand in keys of their own. It has no hosts where none is written.
func (s Syntax) readFields(f manifest.Login, v rotate.Values) (Login, error) {
	l, err := readUser(f, v)
	if err != nil {
		return Login{}, err
	}
	l.Database = readPart(f.DBName, v)
	if host := readPart(f.Host, v); host != "" {
		if l.Hosts, err = s.pairHosts(host, readPart(f.Port, v)); err != nil {
			return Login{}, fmt.Errorf("%s: %w", f.Host, err)
		}
	}
	if l.Encryption, err = s.ReadEncryption(cmp.Or(f.SSLMode, "verify-full"), f.SSLRootCert); err != nil {
		return Login{}, err
	}
	return l, l.checkWritable()
}

// replaceLogin returns a version's content with another login in it, in every key that holds one. All else stays as it
// is, byte for byte: a URL that leaves its user and its password out goes on doing so.
func (r *Rotator[S]) replaceLogin(v rotate.Values, user string, password secret.Value) (rotate.Values, error) {
	next, at := maps.Clone(v), r.source.Database()
	for _, key := range at.URL {
		c, err := dsn.ParseOpen(readPart(key, v))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
		text, err := c.WithLogin(user, secret.Reveal(password))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
		next[key] = secret.New(text)
	}
	if f := at.Fields; f != nil {
		next[f.Username], next[f.Password] = secret.New(user), password
	}
	return next, nil
}

// listHosts returns the hosts of all places.
func listHosts(places []place) (hosts []Host) {
	for _, p := range places {
		hosts = append(hosts, p.Hosts...)
	}
	return hosts
}

// nameKey adds to an error which of several URLs it is about.
func (r *Rotator[S]) nameKey(p place, err error) error {
	if err == nil || len(r.source.Database().URL) < 2 {
		return err
	}
	return fmt.Errorf("%s: %w", p.key, err)
}
