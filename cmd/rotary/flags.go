package main

import (
	"errors"
	"reflect"
	"slices"
	"time"

	"github.com/alecthomas/kong"

	"github.com/rotary-secrets/rotary/pkg/duration"
)

// parserOptions are how every command line is read.
func parserOptions(t terminal, exited func(int)) []kong.Option {
	return []kong.Option{
		kong.Name("rotary"), kong.Writers(t.out, t.err), kong.Description(about), kong.Exit(exited),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.TypeMapper(reflect.TypeFor[time.Duration](), kong.MapperFunc(decodeDuration)),
	}
}

// decodeDuration reads a flag's time span as the manifest writes them, and as Go does: 7d, 1h30m.
func decodeDuration(ctx *kong.DecodeContext, target reflect.Value) error {
	var text string
	if err := ctx.Scan.PopValueInto("duration", &text); err != nil {
		return err
	}
	span, err := parseDuration(text)
	if err != nil {
		return err
	}
	target.SetInt(int64(span))
	return nil
}

// parseDuration reads a time span that is not negative. The error does not quote the text.
func parseDuration(text string) (time.Duration, error) {
	if span, err := duration.Parse(text); err == nil {
		return span.Std(), nil
	}
	span, err := time.ParseDuration(text)
	if err != nil || span < 0 {
		return 0, errors.New("expected duration: a number and a unit, like 90s, 30m, 24h, 7d or 2w")
	}
	return span, nil
}

// asksForJSON reports whether a command line that cannot be read asks for JSON.
func asksForJSON(args []string) bool {
	if i := slices.Index(args, "--"); i >= 0 {
		args = args[:i]
	}
	return slices.Contains(args, "--json")
}

// completeArgs returns what a command line without a command stands for. --version is no flag of kong's, because
// rollback and retire have one of that name.
func completeArgs(args []string) []string {
	switch {
	case len(args) == 0:
		return []string{"--help"}
	case args[0] == "--version" || args[0] == "-v":
		return append([]string{"version"}, args[1:]...)
	}
	return args
}
