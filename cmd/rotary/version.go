package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

type versionCmd struct{}

func (versionCmd) Help() string {
	return "Prints rotary's version and the version of Go it was built with. Needs no manifest."
}

func (versionCmd) Run(a *app) error {
	v := map[string]string{"version": "devel", "go": runtime.Version()}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		v["version"] = info.Main.Version
	}
	if a.json {
		return a.printJSON(v)
	}
	_, err := fmt.Fprintf(a.out, "rotary %s (%s)\n", v["version"], v["go"])
	return err
}
