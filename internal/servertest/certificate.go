package servertest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"path/filepath"
	"testing"
	"time"
)

// Certificate names the PEM files of a server's certificate, in its folder.
type Certificate struct {
	CA   string // the authority's certificate, for clients
	Cert string // the server's, signed by the authority
	Key  string
}

// NewCertificate makes an authority and a server's certificate for hosts, which are names and addresses. Both are valid
// for the hour.
func NewCertificate(t testing.TB, folder string, hosts ...string) Certificate {
	t.Helper()
	authority, authorityKey := newTemplate(t, 1, "rotary test authority"), newKey(t)
	authority.IsCA, authority.BasicConstraintsValid, authority.KeyUsage = true, true, x509.KeyUsageCertSign
	server, serverKey := newTemplate(t, 2, "rotary test server"), newKey(t)
	server.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			server.IPAddresses = append(server.IPAddresses, ip)
		} else {
			server.DNSNames = append(server.DNSNames, host)
		}
	}
	c := Certificate{filepath.Join(folder, "ca.pem"), filepath.Join(folder, "server.pem"), filepath.Join(folder, "server.key")}
	writePEM(t, c.CA, "CERTIFICATE", createCertificate(t, authority, authority, &authorityKey.PublicKey, authorityKey))
	writePEM(t, c.Cert, "CERTIFICATE", createCertificate(t, server, authority, &serverKey.PublicKey, authorityKey))
	der, err := x509.MarshalPKCS8PrivateKey(serverKey)
	if err != nil {
		t.Fatal(err)
	}
	writePEM(t, c.Key, "PRIVATE KEY", der)
	return c
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func newTemplate(t testing.TB, serial int64, name string) *x509.Certificate {
	t.Helper()
	now := time.Now()
	return &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature,
	}
}

func createCertificate(t testing.TB, template, parent *x509.Certificate, public *ecdsa.PublicKey, key *ecdsa.PrivateKey) []byte {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func writePEM(t testing.TB, name, kind string, der []byte) {
	t.Helper()
	Write(t, name, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}
