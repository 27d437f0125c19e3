package main

import "github.com/alecthomas/kong"

type helpCmd struct {
	Command string `arg:"" optional:"" help:"The command; without one, all are listed."`
}

func (helpCmd) Help() string {
	return "rotary help CMD shows what rotary CMD --help shows. Exit code 2 where there is no such command."
}

// Run parses the command line that asks for the help, which kong prints before it exits.
func (h helpCmd) Run(k *kong.Kong) error {
	args := []string{"--help"}
	if h.Command != "" {
		args = []string{h.Command, "--help"}
	}
	_, err := k.Parse(args)
	return invalid{err}
}
