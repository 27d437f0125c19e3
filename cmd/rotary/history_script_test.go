package main

import (
	"slices"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
)

// cmdDenied takes the right to some operations away from whoever runs commands, and gives all others back: denied
// OPERATION...
func cmdDenied(ts *testscript.TestScript, _ bool, args []string) {
	staged(ts).Tap.OnCall(func(c sim.Call) sim.Fault {
		if c.Caller == "" && slices.Contains(args, c.Operation) {
			return sim.Fault{Outcome: sim.Denied}
		}
		return sim.Fault{}
	})
}

// cmdNoLog deletes the log group of a function, as somebody might: nolog propagate.
func cmdNoLog(ts *testscript.TestScript, _ bool, args []string) {
	b := staged(ts)
	b.Region(b.Env.Account, b.Env.Region).Logs.Delete(b.Env.FunctionLogs(b.Env.Named(args[0])))
}
