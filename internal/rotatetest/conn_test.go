package rotatetest

import (
	"errors"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
)

// server returns a target that notes what it gets, answers each message with itself, and leaves when its client has
// left.
func server(t *testing.T) (address string, got func() []string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var messages []string
	done := make(chan struct{})
	go func() {
		defer close(done)
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer func() { _ = c.Close() }()
		p := make([]byte, 100)
		for n, err := c.Read(p); err == nil; n, err = c.Read(p) {
			messages = append(messages, string(p[:n]))
			if _, err := c.Write(p[:n]); err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() { _ = l.Close() })
	return l.Addr().String(), func() []string { <-done; return messages }
}

// What the server got and the client saw of three messages, where the process ends at the second.
func TestAProcessEndsBeforeOrAfterAnyMessage(t *testing.T) {
	for name, c := range map[string]struct {
		k    *killer
		want string // what arrived
	}{
		"never":                     {&killer{}, "one two three"},
		"before the second message": {&killer{at: 2}, "one"},
		"after the second message":  {&killer{at: 2, done: true}, "one two"},
	} {
		t.Run(name, func(t *testing.T) {
			address, got := server(t)
			base, err := net.Dial("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			conn := Conn(base, c.k.call)
			for i, text := range []string{"one", "two", "three"} {
				answer, err := exchange(conn, text)
				killed := c.k.at > 0 && i+1 >= c.k.at
				if killed != errors.Is(err, errKilled) || !killed && answer != text {
					t.Errorf("message %s is answered %q, %v", text, answer, err)
				}
			}
			if c.k.at > 0 {
				if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, errKilled) {
					t.Errorf("a process that has ended reads on: %v", err)
				}
			}
			for range 2 {
				if err := conn.Close(); err != nil {
					t.Error(err)
				}
			}
			if strings.Join(got(), " ") != c.want { // the server has left, or this would wait for it
				t.Errorf("the server got %v", got())
			}
		})
	}
}

func exchange(c net.Conn, text string) (answer string, err error) {
	if _, err := io.WriteString(c, text); err != nil {
		return "", err
	}
	p := make([]byte, len(text))
	_, err = io.ReadFull(c, p)
	return string(p), err
}

func TestAConnectionIsLeftWhenTheServerHasDoneWithIt(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	var done atomic.Bool
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, c)
		done.Store(true)
		_ = c.Close()
	}()
	base, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	k := &killer{at: 1, done: true}
	if _, err := io.WriteString(Conn(base, k.call), "work"); !errors.Is(err, errKilled) {
		t.Errorf("error is %v", err)
	}
	if !done.Load() {
		t.Error("the server still works when the next process begins")
	}
}
