package rotatetest

import (
	"io"
	"net"
	"sync"
	"time"
)

// leaving bounds how long a server may take to notice that its client has gone.
const leaving = 30 * time.Second

// Conn is a connection to a target, on which every write is a call of its own, named send: the process may end before
// the target gets it, or when the target has done with it and nobody has heard. From then on nothing goes through, in
// either direction. A connection that ends, like that or by Close, is only left when the server has left it too: what
// comes after is not a race against what it still does.
func Conn(base net.Conn, calls Calls) net.Conn { return &conn{Conn: base, calls: calls} }

type conn struct {
	net.Conn
	calls Calls
	once  sync.Once
	mu    sync.Mutex
	dead  error
}

// Write implements net.Conn. A write that fails ends the connection.
func (c *conn) Write(p []byte) (n int, err error) {
	if err := c.endWith(nil); err != nil {
		return 0, err
	}
	if err = c.calls("send", func() error { n, err = c.Conn.Write(p); return err }); err != nil {
		_ = c.endWith(err)
		c.leaveServer()
		return 0, err
	}
	return n, nil
}

// Read implements net.Conn.
func (c *conn) Read(p []byte) (int, error) {
	if err := c.endWith(nil); err != nil {
		return 0, err
	}
	return c.Conn.Read(p)
}

// Close implements net.Conn. It can be called again.
func (c *conn) Close() error {
	c.leaveServer()
	return nil
}

// endWith notes the first error with which the connection ended, and returns it.
func (c *conn) endWith(err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.dead == nil {
		c.dead = err
	}
	return c.dead
}

// leaveServer sends the end of the stream, and waits until the server ends its own.
func (c *conn) leaveServer() {
	c.once.Do(func() {
		if half, is := c.Conn.(interface{ CloseWrite() error }); is && half.CloseWrite() == nil {
			_ = c.SetReadDeadline(time.Now().Add(leaving))
			_, _ = io.Copy(io.Discard, c.Conn)
		}
		_ = c.Conn.Close()
	})
}
