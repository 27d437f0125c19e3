package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/rogpeppe/go-internal/testscript"
)

// programEnv returns the variables with which the test binary is rotary, in the folder and with the variables of a
// script.
func programEnv(ts *testscript.TestScript) []string {
	env := []string{
		asProgram + "=yes", "AWS_CONFIG_FILE=" + os.DevNull, "AWS_SHARED_CREDENTIALS_FILE=" + os.DevNull,
		"AWS_EC2_METADATA_DISABLED=true",
	}
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "TERM", "CLOUD_REGION", "VENDOR_B_API_KEY",
		"AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "ROTARY_MANIFEST"} {
		if value := ts.Getenv(name); value != "" {
			env = append(env, name+"="+value)
		}
	}
	if n, err := strconv.Atoi(ts.Getenv("FILLER")); err == nil {
		env = append(env, "FILLER="+strings.Repeat("f", n))
	}
	return env
}

// cmdSpawn runs rotary as a process of its own, with an empty standard input or a file's: spawn ARGS [< FILE]. Its
// exit code is checked with code. FILLER=N gives it a variable of that size, STACK=N a stack of so many KiB, of which
// Linux takes a quarter, but no less than 128 KiB, for arguments and variables.
func cmdSpawn(ts *testscript.TestScript, neg bool, args []string) {
	b := of(ts)
	in, err := os.Open(os.DevNull)
	if n := len(args); n >= 2 && args[n-2] == "<" {
		in, err = os.Open(ts.MkAbs(args[n-1]))
		args = args[:n-2]
	}
	ts.Check(err)
	defer in.Close() //nolint:errcheck // it was read only
	if b.Stage != nil {
		b.Tap.Reset()
	}
	program, err := os.Executable()
	ts.Check(err)
	if stack := ts.Getenv("STACK"); stack != "" {
		program, args = "sh", append([]string{"-c", `ulimit -s "$0" && exec "$@"`, stack, program}, args...)
	}
	var out, errs bytes.Buffer
	c := exec.Command(program, args...)
	c.Dir, c.Env, c.Stdin, c.Stdout, c.Stderr = ts.MkAbs("."), programEnv(ts), in, &out, &errs
	b.code = 0
	if err := c.Run(); c.ProcessState == nil {
		ts.Check(err)
	} else {
		b.code = (&child{Cmd: c}).exitCode()
	}
	_, _ = io.WriteString(ts.Stdout(), out.String())
	_, _ = io.WriteString(ts.Stderr(), errs.String())
	b.seen.keep(args, errs.String())
	if (b.code != 0) != neg {
		ts.Fatalf("rotary %s: exit code %d", strings.Join(args, " "), b.code)
	}
}

// asChild is the variable that makes the test binary a command that exec runs. It holds the socket on which the command
// tells what happens to it, and is told to exit.
const asChild = "ROTARY_TEST_AS_CHILD"

// runAsChild is the command: it writes "started VALUE" and "got SIGNAL", ends with code 0 after a SIGTERM unless it is
// stubborn, and with code N when it reads N.
func runAsChild(socket string) {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, forwardedSignals()...)
	conn, err := net.Dial("unix", socket)
	if err != nil {
		os.Exit(99)
	}
	go func() {
		code, err := bufio.NewReader(conn).ReadString('\n')
		n, wrong := strconv.Atoi(strings.TrimSpace(code))
		if err == nil && wrong == nil {
			os.Exit(n)
		}
	}()
	fmt.Fprintf(conn, "started %s\n", os.Getenv("A_KEY"))
	for s := range signals {
		fmt.Fprintf(conn, "got %v\n", s)
		if s == syscall.SIGTERM && os.Getenv("STUBBORN") == "" {
			os.Exit(0)
		}
	}
}

// cmdOverwrite is a person who overwrites a secret with what a file holds: overwrite SECRET FILE.
func cmdOverwrite(ts *testscript.TestScript, _ bool, args []string) {
	text := strings.TrimSuffix(ts.ReadFile(args[1]), "\n")
	_, err := staged(ts).Secrets().PutSecretValue(context.Background(),
		&secretsmanager.PutSecretValueInput{SecretId: &args[0], SecretString: &text})
	ts.Check(err)
}

// cmdProgram puts a rotary into the folder bin of the script, for shells that run it.
func cmdProgram(ts *testscript.TestScript, _ bool, _ []string) {
	ts.Check(writeProgram(ts.MkAbs("bin")))
}

// writeProgram writes a script that is rotary into a folder.
func writeProgram(folder string) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	script := fmt.Sprintf("#!/bin/sh\n%s=yes exec '%s' \"$@\"\n", asProgram, program)
	return errors.Join(os.MkdirAll(folder, 0o755), os.WriteFile(filepath.Join(folder, "rotary"), []byte(script), 0o755))
}
