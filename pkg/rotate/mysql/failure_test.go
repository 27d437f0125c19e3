package mysql

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	driver "github.com/go-sql-driver/mysql"

	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/rotate/sqluser"
)

func TestOnlyADeniedLoginIsRefused(t *testing.T) {
	for number, want := range map[uint16]bool{1045: true, 1040: false, 1044: false, 1130: false, 1226: false, 1862: false, 3118: false, 4151: false} {
		err := failures().Explain("log in", &driver.MySQLError{Number: number, Message: "canary"})
		if errors.Is(err, sqluser.ErrRefused) != want {
			t.Errorf("%d is a refused login: %v", number, !want)
		}
	}
	for number, want := range map[uint16]bool{1820: true, 1862: true, 3118: true, 3955: true, 4151: true, 1044: false, 1045: false} {
		err := failures().Explain("log in", &driver.MySQLError{Number: number, Message: "canary"})
		if errors.Is(err, sqluser.ErrLocked) != want || errors.Is(err, rotate.ErrNotAccepted) != (want || number == 1045) {
			t.Errorf("%d is a login that no password helps: %v", number, !want)
		}
	}
	if errors.Is(failures().Explain("log in", context.DeadlineExceeded), sqluser.ErrRefused) || failures().Explain("log in", nil) != nil {
		t.Error("no answer is an answer")
	}
}

func TestAnErrorSaysWhatWasDoneAndWhatWasAnswered(t *testing.T) {
	where := &net.TCPAddr{IP: net.IPv4(203, 0, 113, 7)}
	for want, err := range map[string]error{
		"log in: the server answers 1040: it has too many connections": &driver.MySQLError{Number: 1040, Message: "canary"},
		"log in: the server answers 9999":                              fmt.Errorf("canary: %w", &driver.MySQLError{Number: 9999, Message: "canary"}),
		"log in: connection refused":                                   &net.OpError{Op: "dial", Addr: where, Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)},
		"log in: context canceled":                                     fmt.Errorf("canary: %w", context.Canceled),
		"log in: there is no such host":                                &net.DNSError{Name: "canary", IsNotFound: true},
		"log in: the server does not answer in time":                   &net.DNSError{Name: "canary", IsTimeout: true},
		"log in: the connection fails":                                 errors.New("canary"),
	} {
		if got := failures().Explain("log in", err).Error(); got != want {
			t.Errorf("the error is %q, want %q", got, want)
		}
	}
	if got := failures().Explain("log in", driver.ErrUnknownPlugin).Error(); !strings.Contains(got, "a way of logging in") {
		t.Errorf("the error is %q", got)
	}
}
