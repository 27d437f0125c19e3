package sqluser

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/rotary-secrets/rotary/pkg/dsn"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// Clone is how the second user's name ends.
const Clone = "_clone"

// Syntax is how sources write the logins of a product.
type Syntax struct {
	Port    string // where none is written
	Longest int    // bytes of a user's name, of which the product would cut off what is more; 0: the server says it
	// OptionalDatabase reports whether a login can be tried without a database, to which it may have lost the right.
	OptionalDatabase bool
	// Parse reads a connection string, with or without a user and a password.
	Parse func(text string) (Text, error)
	// ReadEncryption reads the words of rotate.fields: sslmode, and the file of an authority.
	ReadEncryption func(word, authority string) (Encryption, error)
	// CheckStart returns why a source with this login cannot be rotated. nil: no further check.
	CheckStart func(manifest.Source, Login) error
}

// Text is a connection string of the product that was understood.
type Text interface {
	// ReadLogin returns who logs in where. User and Password are empty where the text has none.
	ReadLogin() (Login, error)
	// CheckLogin returns an error where the text has no user or no password.
	CheckLogin() error
}

// Login is who logs in where, and how.
type Login struct {
	User       string
	Password   secret.Value
	Hosts      []Host
	Database   string // "": it names none
	Encryption Encryption
	Options    map[string]string // of the connection, by the product's own names
}

// Host is a host's name in small letters, and its port.
type Host struct{ Name, Port string }

// Refusal is an error for which a rotation does not start at all.
type Refusal string

func (r Refusal) Error() string { return string(r) }

// Refusal returns the reason.
func (r Refusal) Refusal() string { return string(r) }

// partnerOf returns the user that takes turns with this one.
func (r *Rotator[S]) partnerOf(user string) (string, error) {
	original, cloned := strings.CutSuffix(user, Clone)
	longest := r.syntax.Longest
	switch {
	case cloned && original == "":
		return "", errors.New("its user's name is nothing but " + Clone)
	case longest > 0 && len(user) > longest:
		return "", fmt.Errorf("its user's name has more than %d bytes, the rest of which the server ignores", longest)
	case cloned:
		return original, nil
	case longest > 0 && len(user)+len(Clone) > longest:
		return "", fmt.Errorf("its user's name with %s behind it has more than the %d bytes that the server keeps: "+
			"take a name of at most %d bytes", Clone, longest, longest-len(Clone))
	}
	return user + Clone, nil
}

// checkWritable reports what no server would take, or not as it is written.
func (l Login) checkWritable() error {
	if strings.ContainsRune(l.User+l.Database+secret.Reveal(l.Password), 0) {
		return errors.New("it has a zero byte")
	}
	return nil
}

// pairHosts returns the hosts of two lists. One port is that of all hosts.
func (s Syntax) pairHosts(names, ports string) (hosts []Host, err error) {
	n, p := strings.Split(names, ","), strings.Split(ports, ",")
	if len(p) == 1 {
		p = slices.Repeat(p, len(n))
	}
	if len(p) != len(n) {
		return nil, errors.New("as many ports as hosts are needed, or one")
	}
	for i, name := range n {
		h, err := s.NewHost(name, p[i])
		if err != nil {
			return nil, err
		}
		hosts = append(hosts, h)
	}
	return hosts, nil
}

// NewHost returns a host as it is compared with others. An empty port is the product's own.
func (s Syntax) NewHost(name, port string) (Host, error) {
	port = cmp.Or(port, s.Port)
	if err := (dsn.Host{Name: name, Port: port}).Check(); err != nil {
		return Host{}, err
	}
	return Host{strings.TrimSuffix(strings.ToLower(name), "."), port}, nil
}

// ReadText returns who logs in where by a connection string: all of a login but its encryption and its options.
func (s Syntax) ReadText(c *dsn.String) (Login, error) {
	l := Login{User: c.User, Password: c.Password, Database: c.Database}
	for _, entry := range c.Hosts {
		h, err := s.NewHost(entry.Name, entry.Port)
		if err != nil {
			return Login{}, err
		}
		l.Hosts = append(l.Hosts, h)
	}
	return l, nil
}

// nameHost adds to an error which of several hosts it is about.
func (l Login) nameHost(i int, err error) error {
	if err == nil || len(l.Hosts) == 1 {
		return err
	}
	return fmt.Errorf("host %d of %d: %w", i+1, len(l.Hosts), err)
}
