// Package moto starts somebody else's emulator of AWS (moto_server 5.2.1), where it is installed, for tests that hold
// our code or our stand-in against it. It is not needed: both were written from AWS's documents.
package moto

import (
	"bufio"
	"os/exec"
	"regexp"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

var announced = regexp.MustCompile(`Running on (http://127\.0\.0\.1:\d+)`)

// Config starts a server that ends with the test, and returns a configuration for one of its accounts. Where moto is
// not installed, it logs that and returns false.
func Config(t *testing.T, account, region string) (cfg aws.Config, installed bool) {
	t.Helper()
	path, err := exec.LookPath("moto_server")
	if err != nil {
		t.Log("moto is not installed")
		return cfg, false
	}
	return aws.Config{
		Region: region, BaseEndpoint: aws.String(startServer(t, path)), RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(account, "secret", ""),
	}, true
}

// startServer starts a server on a port that is free, and returns its address once it says that it listens there.
func startServer(t *testing.T, path string) (at string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), path, "-H", "127.0.0.1", "-p", "0")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := cmd.StderrPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // it, and what a launcher may have started
		_ = cmd.Wait()
	})
	lines := bufio.NewScanner(out)
	for at == "" && lines.Scan() {
		if found := announced.FindStringSubmatch(lines.Text()); found != nil {
			at = found[1]
		}
	}
	if at == "" {
		t.Fatalf("%s ends before it listens", path)
	}
	go func() { // its log must not fill the pipe
		for lines.Scan() {
		}
	}()
	return at
}
