package lambdahost

import (
	"bytes"
	"io"
	"os"
	"sync"
)

// mark is written into the pipe by waitForOutput. No function prints it.
const mark = "\x00\x01lambdahost sync\x01\x00"

// output collects what functions print. They write straight into one pipe, so their order is kept, and
// waitForOutput knows when everything written before it has arrived.
type output struct {
	file *os.File // the pipe's writing end: stdout and stderr of every process

	turn sync.Mutex    // one waitForOutput at a time
	seen chan struct{} // the mark has come out

	mu      sync.Mutex
	log     io.Writer
	keeps   bool   // kept gets what was printed
	pending []byte // may hold the start of a mark
	kept    []byte
	closed  bool
}

// newOutput returns an output that passes on what it takes in, and keeps it. It panics where the system has no pipe left.
func newOutput(log io.Writer) *output { return openOutput(log, true) }

// newPassage returns an output that only passes on what it takes in.
func newPassage(log io.Writer) *output { return openOutput(log, false) }

func openOutput(log io.Writer, keeps bool) *output {
	r, w, err := os.Pipe()
	if err != nil {
		panic(err)
	}
	o := &output{file: w, log: log, keeps: keeps, seen: make(chan struct{}, 1)}
	go o.readPipe(r)
	return o
}

func (o *output) readPipe(r *os.File) {
	defer func() { _ = r.Close() }()
	buf := make([]byte, 64<<10)
	for {
		n, err := r.Read(buf)
		o.addBytes(buf[:n])
		if err != nil {
			return
		}
	}
}

func (o *output) addBytes(b []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.pending = append(o.pending, b...)
	for {
		before, after, found := bytes.Cut(o.pending, []byte(mark))
		if !found {
			break
		}
		o.keepBytes(before)
		o.pending = after
		o.seen <- struct{}{}
	}
	whole := max(0, len(o.pending)-len(mark)+1)
	o.keepBytes(o.pending[:whole])
	o.pending = append([]byte(nil), o.pending[whole:]...)
}

func (o *output) keepBytes(b []byte) {
	if o.keeps {
		o.kept = append(o.kept, b...)
	}
	if o.log != nil && len(b) > 0 {
		_, _ = o.log.Write(b)
	}
}

// printLine adds a line that no process wrote.
func (o *output) printLine(text string) { _, _ = o.file.WriteString(text) }

// waitForOutput waits until everything printed so far is in the text. It does nothing once closed.
func (o *output) waitForOutput() {
	o.turn.Lock()
	defer o.turn.Unlock()
	if _, err := o.file.WriteString(mark); err == nil {
		<-o.seen
	}
}

// allText returns a copy of everything printed so far.
func (o *output) allText() []byte {
	o.waitForOutput()
	o.mu.Lock()
	defer o.mu.Unlock()
	return append(bytes.Clone(o.kept), o.pending...)
}

// closeOutput takes in the rest of what was printed. Repeatable.
func (o *output) closeOutput() error {
	o.waitForOutput()
	o.mu.Lock()
	first := !o.closed
	o.closed = true
	o.mu.Unlock()
	if !first {
		return nil
	}
	return o.file.Close()
}
