package main

import (
	_ "embed"
	"errors"
	"fmt"
	"strings"

	"github.com/alecthomas/kong"
)

type completionCmd struct {
	Shell string `arg:"" name:"SHELL" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

func (completionCmd) Help() string {
	return `Prints what makes a shell complete rotary's commands and flags, and the names of environments, sources, buckets and consumers, which it takes from the manifest. Nothing is called on the network. Exit code 0.

For the shell that you are in:
  bash:  source <(rotary completion bash)
  zsh:   source <(rotary completion zsh)
  fish:  rotary completion fish | source

For every new one, put that line into ~/.bashrc or, behind compinit, ~/.zshrc; for fish:
  rotary completion fish > ~/.config/fish/completions/rotary.fish`
}

// The scripts ask rotary itself, by the hidden command __complete, for what may stand at the cursor.
var (
	//go:embed completion/rotary.bash
	bashScript string
	//go:embed completion/rotary.zsh
	zshScript string
	//go:embed completion/rotary.fish
	fishScript string
)

func (c completionCmd) Run(a *app) error {
	_, err := fmt.Fprint(a.out, map[string]string{"bash": bashScript, "zsh": zshScript, "fish": fishScript}[c.Shell])
	return err
}

type completeCmd struct {
	Words []string `arg:"" optional:"" name:"WORD" help:"What stands on the command line, up to the cursor."`
}

func (completeCmd) Help() string {
	return `Prints what may stand at the cursor, one to a line, with a tab and a description. A line ":exec N" says that another command begins with the Nth word. Example:
  rotary __complete -- rotate de`
}

func (c completeCmd) Run(a *app, k *kong.Kong) error {
	words := c.Words
	if len(words) == 0 {
		words = []string{""}
	}
	l, err := readLine(k.Model.Node, words[:len(words)-1])
	if errors.Is(err, errUnknownLine) {
		return nil
	}
	if l.start > 0 {
		_, err := fmt.Fprintf(a.out, ":exec %d\n", l.start)
		return err
	}
	if file, given := l.flags["manifest"]; given {
		a.manifest = file
	}
	for _, s := range l.suggestWords(a, words[len(words)-1]) {
		if _, err := fmt.Fprintf(a.out, "%s\t%s\n", s.word, s.about); err != nil {
			return err
		}
	}
	return nil
}

// commandLine is the part of a command line before the cursor, read as far as it goes.
type commandLine struct {
	app, node *kong.Node        // node is the command, or app where none is given yet
	args      map[string]string // the positional arguments, by name
	flags     map[string]string // the flags with their values
	next      *kong.Positional  // the argument that is due
	due       *kong.Flag        // the flag whose value is due
	start     int               // the word with which another command begins; 0 where none does
}

// errUnknownLine is returned for a command line on which nothing can follow.
var errUnknownLine = errors.New("there is no such command")

// readLine reads words as kong does, and leaves out what it does not know.
func readLine(app *kong.Node, words []string) (*commandLine, error) {
	l := &commandLine{app: app, node: app, args: map[string]string{}, flags: map[string]string{}}
	position, onlyArgs := 0, false
	for i, word := range words {
		switch {
		case word == "=" && l.due != nil: // bash makes three words of --flag=value
		case l.due != nil:
			l.flags[l.due.Name], l.due = word, nil
		case word == "--" && !onlyArgs:
			onlyArgs = true
			if l.node.Name == "exec" {
				l.start = i + 1
				return l, nil
			}
		case strings.HasPrefix(word, "-") && !onlyArgs:
			l.readFlag(word)
		case len(l.node.Children) > 0:
			if l.node = findCommand(l.node, word); l.node == nil {
				return nil, errUnknownLine
			}
		case position < len(l.node.Positional):
			l.args[l.node.Positional[position].Name] = word
			position++
		}
	}
	if position < len(l.node.Positional) {
		l.next = l.node.Positional[position]
	}
	return l, nil
}

// readFlag notes a flag's value, or that it is due.
func (l *commandLine) readFlag(word string) {
	name, value, given := strings.Cut(strings.TrimLeft(word, "-"), "=")
	for _, f := range l.listFlags() {
		switch {
		case f.Name != name:
		case given || f.IsBool():
			l.flags[name] = value
		default:
			l.due = f
		}
	}
}

func (l *commandLine) listFlags() (flags []*kong.Flag) {
	for _, group := range l.node.AllFlags(true) {
		flags = append(flags, group...)
	}
	return flags
}

func findCommand(app *kong.Node, name string) *kong.Node {
	for _, command := range app.Children {
		if command.Name == name {
			return command
		}
		for _, alias := range command.Aliases {
			if alias == name {
				return command
			}
		}
	}
	return nil
}
