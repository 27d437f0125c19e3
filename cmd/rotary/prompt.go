package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// hiddenLine is a line that was typed and not shown.
type hiddenLine struct {
	text string
	more bool // another whole line has been typed already, as when several are pasted
}

// maxTyped is how many bytes of a line a terminal passes on: it drops the rest, and nobody is told
// (https://man7.org/linux/man-pages/man3/termios.3.html, "canonical mode").
const maxTyped = 4095

// readHiddenLine reads a line from the keyboard and shows none of it. The error is ctx's where ctx ends; the terminal
// shows what is typed again then. It is io.EOF where nothing more is typed.
func readHiddenLine(ctx context.Context) (hiddenLine, error) {
	type typed struct {
		text []byte
		err  error
	}
	fd := int(os.Stdin.Fd())
	shown, err := term.GetState(fd)
	if err != nil {
		return hiddenLine{}, fmt.Errorf("hide what is typed: %w", err)
	}
	done := make(chan typed, 1)
	go func() {
		text, err := term.ReadPassword(fd)
		done <- typed{text, err}
	}()
	select {
	case <-ctx.Done():
		return hiddenLine{}, errors.Join(ctx.Err(), term.Restore(fd, shown))
	case t := <-done:
		return hiddenLine{string(t.text), hasPendingInput(fd)}, t.err
	}
}

// errNothingTyped is returned where a prompt is left without an answer.
var errNothingTyped = errors.New("nothing was typed, and nothing was changed")

// promptValues asks for the value of a key, or, where none is named, of each key that a source has: Enter keeps what is
// there.
func (a *app) promptValues(source manifest.Source, key string) (map[string]secret.Value, error) {
	if names := source.KeyNames(); key == "" && len(names) > 1 {
		return a.promptAll(source, names)
	} else if key == "" {
		key = names[0]
	}
	for {
		value, err := a.promptValue(fmt.Sprintf("%s of %s, hidden: ", key, source.Name))
		if err != nil {
			return nil, err
		}
		if secret.Reveal(value) != "" {
			a.describeTyped(key, value)
			return map[string]secret.Value{key: value}, nil
		}
		fmt.Fprintln(a.err, "Nothing was typed. Paste the value, or end with Ctrl-C: nothing is changed.")
	}
}

func (a *app) promptAll(source manifest.Source, keys []string) (map[string]secret.Value, error) {
	given := map[string]secret.Value{}
	fmt.Fprintf(a.err, "The values of %s, hidden. Enter keeps what is there; Ctrl-C changes nothing.\n", source.Name)
	for _, key := range keys {
		value, err := a.promptValue(key + ": ")
		if err != nil {
			return nil, err
		}
		if secret.Reveal(value) != "" {
			a.describeTyped(key, value)
			given[key] = value
		}
	}
	if len(given) == 0 {
		return nil, errNothingTyped
	}
	return given, nil
}

func (a *app) describeTyped(key string, value secret.Value) {
	fmt.Fprintf(a.err, "%s: %s\n", key, describeShape(value))
}

// promptValue asks for one value, which may be empty. Only PEM is read over several lines, up to its end.
func (a *app) promptValue(question string) (secret.Value, error) {
	fmt.Fprint(a.err, question)
	line, err := a.hidden(a.ctx)
	fmt.Fprintln(a.err)
	text := line.text
	if err == nil && strings.HasPrefix(text, "-----BEGIN ") {
		text, line, err = a.readPEM(text)
	}
	switch {
	case errors.Is(err, io.EOF):
		return secret.Value{}, errNothingTyped
	case err != nil:
		return secret.Value{}, fmt.Errorf("read the value from the keyboard: %w", err)
	case line.more:
		return secret.Value{}, a.refuseLines()
	case len(line.text) >= maxTyped:
		return secret.Value{}, fmt.Errorf("a terminal passes on %d bytes of a line, and this one is longer: %s",
			maxTyped, adviseFile)
	case text == "":
		return secret.Value{}, nil
	}
	return secret.New(text), checkReadable(text)
}

const adviseFile = "put the value from a file: rotary put ENV SOURCE KEY < FILE; nothing was changed"

// readPEM reads the lines up to the end of the PEM that begins with this one.
func (a *app) readPEM(first string) (text string, last hiddenLine, err error) {
	text = first
	for !strings.HasPrefix(last.text, "-----END ") && len(text) <= maxInput {
		if last, err = a.hidden(a.ctx); err != nil {
			return "", last, err
		}
		text += "\n" + last.text
	}
	return text, last, nil
}

// refuseLines reads the lines that were pasted too, so that no shell runs them.
func (a *app) refuseLines() error {
	for more := true; more; {
		line, err := a.hidden(a.ctx)
		if err != nil {
			return err
		}
		more = line.more
	}
	return errors.New("several lines were pasted, and only PEM may have them here: " + adviseFile)
}
