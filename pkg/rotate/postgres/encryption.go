package postgres

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"slices"
)

// The words of sslmode (https://www.postgresql.org/docs/current/libpq-ssl.html).
const (
	disable    = "disable"
	allow      = "allow"
	prefer     = "prefer"
	require    = "require"
	verifyCA   = "verify-ca"
	verifyFull = "verify-full"
)

// encryption says how a connection is protected. It is never weaker than what the source says:
//
//	disable                no TLS, because it is written
//	allow, prefer, absent  as require: what they leave to the server, rotary does not
//	require                TLS; with sslrootcert as verify-ca
//	verify-ca              and a certificate of that authority, or of one that the system trusts
//	verify-full            and for that host
type encryption struct {
	mode        string
	authority   string // sslrootcert: a file, relative to the working directory; "" or "system": what the system trusts
	negotiation string // sslnegotiation
}

func (e encryption) check() error {
	switch {
	case !slices.Contains([]string{disable, allow, prefer, require, verifyCA, verifyFull}, e.mode):
		return errors.New("its sslmode is none of disable, allow, prefer, require, verify-ca, verify-full")
	case e.negotiation != "" && e.negotiation != "postgres" && e.negotiation != "direct":
		return errors.New("its sslnegotiation is neither postgres nor direct")
	case e.authority == "system" && e.mode != verifyFull:
		return errors.New("its sslrootcert=system needs sslmode=verify-full")
	}
	return nil
}

// config returns how to talk TLS to a host, or nil for no TLS.
func (e encryption) config(host string) (*tls.Config, error) {
	if e.mode == disable {
		return nil, nil //nolint:nilnil // no TLS is what was asked for
	}
	roots, err := e.roots()
	if err != nil {
		return nil, err
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: host, RootCAs: roots}
	if e.negotiation == "direct" {
		c.NextProtos = []string{"postgresql"}
	}
	if e.mode == verifyFull {
		return c, nil
	}
	c.InsecureSkipVerify = true
	if e.mode == verifyCA || e.authority != "" {
		c.VerifyConnection = func(s tls.ConnectionState) error { return verify(s.PeerCertificates, roots) }
	}
	return c, nil
}

// roots are the authorities that are trusted. nil: those of the system.
func (e encryption) roots() (*x509.CertPool, error) {
	if e.authority == "" || e.authority == "system" {
		return nil, nil //nolint:nilnil // crypto/x509's own word for it
	}
	pem, err := os.ReadFile(e.authority)
	if err != nil {
		return nil, fmt.Errorf("the file that sslrootcert names cannot be read: %w", cause(err))
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, errors.New("the file that sslrootcert names has no certificate in it")
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
