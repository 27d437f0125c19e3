package dsn

import (
	"errors"
	"net/netip"
	"strconv"
	"strings"
)

// Check returns an error for what is no host that can be reached over a network: a name with a character that no name
// has, a Unix socket, a port that is no number. A port that is not written is good.
func (h Host) Check() error {
	switch {
	case h.Name == "":
		return errors.New("it names no host")
	case h.Name[0] == '/' || h.Name[0] == '@':
		return errors.New("a Unix socket is not a host that rotary can reach")
	case strings.ContainsAny(h.Name, "/,@()[] \t\r\n\x00"), strings.Contains(h.Name, ":") && !isAddress(h.Name):
		return errors.New("a host's name has a character in it that no name has")
	case h.Port == "":
		return nil
	}
	return CheckPort(h.Port)
}

// CheckPort returns an error for a text that is no port.
func CheckPort(text string) error {
	if n, err := strconv.ParseUint(text, 10, 16); err != nil || n == 0 {
		return errors.New("a port is not a number from 1 to 65535")
	}
	return nil
}

func isAddress(name string) bool {
	_, err := netip.ParseAddr(name)
	return err == nil
}
