package sqluser

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"syscall"
)

// Mode is how much of a server's certificate is checked.
type Mode string

// The modes. What a driver's own words leave to the server (prefer, allow) is Required here.
const (
	Disabled   Mode = "disabled"    // no encryption, because the source says so
	Required   Mode = "required"    // encrypted, with any certificate
	VerifyCA   Mode = "verify-ca"   // with a certificate of the authority, or of one that the system trusts
	VerifyFull Mode = "verify-full" // and for that host
)

// Encryption is how a connection is encrypted. It is never weaker than what the source says.
type Encryption struct {
	Mode      Mode
	Authority string // PEM file, relative to the working directory; "": the certificates that the system trusts
}

// NewEncryption returns a mode with the file of an authority: to name one that nobody checks is to ask for VerifyCA.
func NewEncryption(mode Mode, authority string) Encryption {
	if mode == Required && authority != "" {
		mode = VerifyCA
	}
	return Encryption{Mode: mode, Authority: authority}
}

// Config returns how to talk TLS to a host, or nil for no encryption. parameter is how the product calls the
// authority's file, for errors.
func (e Encryption) Config(host, parameter string) (*tls.Config, error) {
	if e.Mode == Disabled {
		return nil, nil //nolint:nilnil // no TLS is what was asked for
	}
	roots, err := readRoots(e.Authority, parameter)
	if err != nil {
		return nil, err
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: host, RootCAs: roots}
	if e.Mode == VerifyFull {
		return c, nil
	}
	c.InsecureSkipVerify = true // what is verified instead is the source's choice
	if e.Mode == VerifyCA {
		c.VerifyConnection = func(s tls.ConnectionState) error { return verifyChain(s.PeerCertificates, roots) }
	}
	return c, nil
}

// readRoots reads the authorities of a file; nil stands for the system's.
func readRoots(file, parameter string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil //nolint:nilnil // crypto/x509's own word for it
	}
	pem, err := os.ReadFile(file)
	if errno, is := errors.AsType[syscall.Errno](err); is {
		return nil, fmt.Errorf("the file that %s names cannot be read: %w", parameter, errno)
	}
	if err != nil {
		return nil, fmt.Errorf("the file that %s names cannot be read", parameter)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("the file that %s names has no certificate in it", parameter)
	}
	return roots, nil
}

// verifyChain checks a chain without the host's name.
func verifyChain(chain []*x509.Certificate, roots *x509.CertPool) error {
	o := x509.VerifyOptions{Roots: roots, Intermediates: x509.NewCertPool()}
	for _, c := range chain[1:] {
		o.Intermediates.AddCert(c)
	}
	_, err := chain[0].Verify(o)
	return err
}
