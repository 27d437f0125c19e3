package mysql

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"
)

// MySQL's words for how a connection is encrypted
// (https://dev.mysql.com/doc/refman/8.0/en/connection-options.html#option_general_ssl-mode).
const (
	disabled       = "DISABLED"
	preferred      = "PREFERRED"
	required       = "REQUIRED"
	verifyCA       = "VERIFY_CA"
	verifyIdentity = "VERIFY_IDENTITY"
)

// encryption is how a connection is encrypted.
//
//	mode            | authority | encrypted | certificate signed by       | for the host
//	----------------|-----------|-----------|-----------------------------|-------------
//	DISABLED        | none      | no        |                             |
//	none, PREFERRED | none      | yes       | anybody                     | any
//	REQUIRED        | none      | yes       | anybody                     | any
//	any of these    | a file    | yes       | the file's authorities      | any
//	VERIFY_CA       | none      | yes       | the system's authorities    | any
//	VERIFY_CA       | a file    | yes       | the file's authorities      | any
//	VERIFY_IDENTITY | either    | yes       | the file's or the system's  | this one
//
// Where a client of MySQL would go on without encryption (PREFERRED), or look past the file (REQUIRED), rotary does not.
type encryption struct {
	mode      string
	authority string // a file of certificates in PEM, below the working directory
}

// newEncryption reads a mode in MySQL's words or in the manifest's, in small letters or capitals.
func newEncryption(word, authority string) (encryption, error) {
	e := encryption{authority: authority}
	switch strings.ReplaceAll(strings.ToUpper(word), "-", "_") {
	case "", preferred, "PREFER", required, "REQUIRE":
		e.mode = required
	case disabled, "DISABLE":
		e.mode = disabled
	case verifyCA:
		e.mode = verifyCA
	case verifyIdentity, "VERIFY_FULL":
		e.mode = verifyIdentity
	default:
		return encryption{}, errors.New("it says in no words that rotary knows how to encrypt: write DISABLED, REQUIRED, VERIFY_CA or VERIFY_IDENTITY")
	}
	if authority != "" && e.mode == disabled {
		return encryption{}, errors.New("it names an authority for certificates, and no encryption")
	}
	if authority != "" && e.mode == required {
		e.mode = verifyCA
	}
	return e, nil
}

// config is for a connection to a host; nil for one without encryption.
func (e encryption) config(host string) (*tls.Config, error) {
	if e.mode == disabled {
		return nil, nil //nolint:nilnil // no TLS is what was asked for
	}
	roots, err := e.roots()
	if err != nil {
		return nil, err
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots, ServerName: host}
	if e.mode == verifyIdentity {
		return c, nil
	}
	c.InsecureSkipVerify = true // what is verified instead is the source's choice
	if e.mode == verifyCA {
		c.VerifyConnection = func(s tls.ConnectionState) error { return verify(s.PeerCertificates, roots) }
	}
	return c, nil
}

// roots are the authorities of the file; nil stands for the system's.
func (e encryption) roots() (*x509.CertPool, error) {
	if e.authority == "" {
		return nil, nil //nolint:nilnil // crypto/x509's own word for it
	}
	text, err := os.ReadFile(e.authority)
	if err != nil {
		return nil, fmt.Errorf("the file that ssl-ca names cannot be read: %w", cause(err))
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(text) {
		return nil, errors.New("the file that ssl-ca names has no certificate in it")
	}
	return roots, nil
}

// verify checks a chain without the host's name.
func verify(chain []*x509.Certificate, roots *x509.CertPool) error {
	o := x509.VerifyOptions{Roots: roots, Intermediates: x509.NewCertPool()}
	for _, c := range chain[1:] {
		o.Intermediates.AddCert(c)
	}
	_, err := chain[0].Verify(o)
	return err
}
