package sqluser

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"syscall"
)

// Failures turns the errors of a product's driver into ones that hold no name, address or statement: they say what was
// being done, and what the server or the network answered.
type Failures struct {
	// ReadAnswer returns what the server has answered, in own words, or nil if the error is no answer of the server.
	ReadAnswer func(error) error
	// DescribeNetwork returns what the product's driver alone knows of a connection that failed; "" for nothing.
	DescribeNetwork func(error) string
	// What a person can write: the parameter for an authority's file, the one that checks no host, the one without TLS.
	Authority, AnyHost, Plain string
}

// Explain returns err in own words. It returns nil for nil.
func (f Failures) Explain(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, f.findCause(err))
}

func (f Failures) findCause(err error) error {
	if answer := f.ReadAnswer(err); answer != nil {
		return answer
	}
	for _, known := range []error{context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, known) {
			return known
		}
	}
	if errno, is := errors.AsType[syscall.Errno](err); is {
		return errno
	}
	return errors.New(f.describeNetwork(err))
}

// describeNetwork returns what went wrong before the server could answer.
func (f Failures) describeNetwork(err error) string {
	_, unknown := errors.AsType[x509.UnknownAuthorityError](err)
	_, other := errors.AsType[x509.HostnameError](err)
	_, invalid := errors.AsType[x509.CertificateInvalidError](err)
	_, record := errors.AsType[tls.RecordHeaderError](err)
	name, lookup := errors.AsType[*net.DNSError](err)
	timeout, slow := errors.AsType[net.Error](err)
	special := f.DescribeNetwork(err)
	switch {
	case unknown:
		return "the server's certificate is of an authority that is not trusted: name its file with " + f.Authority
	case other:
		return "the server's certificate is for another host: name the host that it is for, or use " + f.AnyHost
	case invalid:
		return "the server's certificate is not valid"
	case record:
		return f.DescribePlain()
	case special != "":
		return special
	case lookup && name.IsNotFound:
		return "there is no such host"
	case slow && timeout.Timeout():
		return "the server does not answer in time"
	}
	return "the connection fails"
}

// DescribePlain returns the text for a server that speaks no TLS.
func (f Failures) DescribePlain() string {
	return "the server speaks no TLS: switch it on there, or write " + f.Plain + " to send everything in the clear"
}
