package lambdahost

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"
)

// initLimit is the time that a bootstrap has until it first asks for work, in real time: longer than Lambda's ten
// seconds, because the machine may have other things to do.
const initLimit = 2 * time.Minute

// process is one running bootstrap and the Runtime API it talks to. runInvocation is for one goroutine at a time.
//
//	started ──/next──► parked ──invoke──► working ──answer──► settling ──/next──► parked ...
//	any state: the process exits, or is killed at the deadline; then it is gone for good
type process struct {
	cmd     *exec.Cmd
	server  *http.Server
	runtime *runtimeAPI
	parked  bool          // waits in /next, with nothing to do
	exited  chan struct{} // closed when it has ended
	exit    string        // how it ended; read after exited
}

// startProcess starts a bootstrap with exactly env, its Runtime API on a loopback port of its own, and prints to out.
func startProcess(path string, env []string, out *os.File) (*process, error) {
	var loopback net.ListenConfig
	listener, err := loopback.Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	api := newRuntimeAPI()
	p := &process{runtime: api, server: &http.Server{Handler: api.registerRoutes(), ReadHeaderTimeout: time.Minute}, exited: make(chan struct{})}
	p.cmd = exec.Command(path) //nolint:noctx // the registered bootstrap; its end is kill's business
	p.cmd.Dir = filepath.Dir(path)
	p.cmd.Env = append(slices.Clone(env), "AWS_LAMBDA_RUNTIME_API="+listener.Addr().String())
	p.cmd.Stdout, p.cmd.Stderr = out, out
	if err := p.cmd.Start(); err != nil {
		_ = listener.Close()
		return nil, err
	}
	go func() { _ = p.server.Serve(listener) }()
	go p.waitForEnd()
	return p, nil
}

// waitForEnd waits for the end of the process.
func (p *process) waitForEnd() {
	p.exit = "Runtime exited without providing a reason"
	if err := p.cmd.Wait(); err != nil {
		p.exit = "Runtime exited with error: " + err.Error()
	}
	_ = p.server.Close()
	close(p.exited)
}

// hasEnded reports whether the process has ended.
func (p *process) hasEnded() bool {
	select {
	case <-p.exited:
		return true
	default:
		return false
	}
}

// killAndWait ends the process and waits until it has. Repeatable.
func (p *process) killAndWait() {
	_ = p.cmd.Process.Kill() // fails only where it has ended already
	<-p.exited
}

// runInvocation runs one invocation and waits until the process asks for the next one, has ended, or was killed at the
// deadline.
func (p *process) runInvocation(in invocation, timeout time.Duration) Result {
	if !p.waitForNext(time.After(initLimit)) {
		return p.initFailureResult(in)
	}
	p.parked = false
	in.deadline = time.Now().Add(timeout)
	deadline := time.After(timeout)
	if !p.runtime.giveInvocation(in, p.exited) {
		return p.exitResult(in)
	}
	select {
	case r := <-p.runtime.answers:
		if !p.waitForNext(deadline) {
			p.killAndWait()
		}
		return r
	case <-p.exited:
		return p.endedResult(in)
	case <-deadline:
		p.killAndWait()
		return failedResult("Sandbox.Timedout", fmt.Sprintf("RequestId: %s Error: Task timed out after %.2f seconds", in.id, timeout.Seconds()))
	}
}

// waitForNext waits until the process asks for work; false means that it ended or that the limit came first.
func (p *process) waitForNext(limit <-chan time.Time) bool {
	if p.parked {
		return !p.hasEnded()
	}
	select {
	case <-p.runtime.asks:
		p.parked = true
	case <-p.exited:
	case <-limit:
	}
	return p.parked
}

// initFailureResult returns the result where the process never asked for work.
func (p *process) initFailureResult(in invocation) Result {
	if !p.hasEnded() {
		p.killAndWait()
		return failedResult("Sandbox.Timedout", fmt.Sprintf("RequestId: %s Error: Task timed out after %.2f seconds", in.id, initLimit.Seconds()))
	}
	return p.endedResult(in)
}

// endedResult returns the result where the process has ended: the error that it reported, or its exit status.
func (p *process) endedResult(in invocation) Result {
	select {
	case r := <-p.runtime.answers:
		return r
	default:
		return p.exitResult(in)
	}
}

func (p *process) exitResult(in invocation) Result {
	return failedResult("Runtime.ExitError", "RequestId: "+in.id+" Error: "+p.exit)
}

// processEnvironment returns the environment of a function's process; nothing is inherited.
func (h *Host) processEnvironment(f *function) []string {
	env := map[string]string{
		"_HANDLER":                        "bootstrap",
		"AWS_LAMBDA_FUNCTION_NAME":        f.Name,
		"AWS_LAMBDA_FUNCTION_VERSION":     "$LATEST",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
		"AWS_LAMBDA_INITIALIZATION_TYPE":  "on-demand",
		"AWS_LAMBDA_LOG_GROUP_NAME":       "/aws/lambda/" + f.Name,
		"AWS_LAMBDA_LOG_STREAM_NAME":      "standin/[$LATEST]",
		"AWS_REGION":                      h.cfg.Region,
		"AWS_DEFAULT_REGION":              h.cfg.Region,
		"AWS_ACCESS_KEY_ID":               h.cfg.Account, // how the stand-in knows the account,
		"AWS_SECRET_ACCESS_KEY":           "x",
		"AWS_SESSION_TOKEN":               f.Name, // and the caller
		"LAMBDA_TASK_ROOT":                filepath.Dir(f.Path),
		"LANG":                            "en_US.UTF-8",
		"PATH":                            "/usr/local/bin:/usr/bin:/bin:/opt/bin",
		"TZ":                              ":UTC",
	}
	for name, value := range f.Env {
		env[name] = value
	}
	list := make([]string, 0, len(env))
	for name, value := range env {
		list = append(list, name+"="+value)
	}
	slices.Sort(list)
	return list
}
