package main

import (
	"context"
	"os"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/rotary-secrets/rotary/internal/stage"
)

// cmdKeyPair writes the halves of a new key pair into two files: keypair PRIVATE PUBLIC.
func cmdKeyPair(ts *testscript.TestScript, _ bool, args []string) {
	private, public, err := stage.KeyPair(context.Background())
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(private+"\n"), 0o600))
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(public+"\n"), 0o600))
}
