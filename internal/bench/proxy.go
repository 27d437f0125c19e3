package bench

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
)

// proxies stand in front of the services that a Lambda reaches, each at an address of its own on loopback. Each keeps
// every request and every answer for half of the latency, as a network does, and records the call. Safe for concurrent
// use.
type proxies struct {
	servers []*http.Server
	env     map[string]string // what points a Lambda at them

	mu        sync.Mutex
	latency   time.Duration
	recording bool
	began     time.Time
	calls     []Call
}

// awsServices are the AWS services that a Lambda may call, by the name of the variable that points the SDK at each
// (https://docs.aws.amazon.com/sdkref/latest/guide/ss-endpoints-table.html).
var awsServices = []string{
	"CLOUDTRAIL", "ECS", "EVENTBRIDGE", "IAM", "LAMBDA", "RESOURCE_GROUPS_TAGGING_API", "SCHEDULER", "SECRETS_MANAGER", "STS",
}

// openProxies opens a proxy for each service. The caller closes them.
func openProxies(aws, github, vercel http.Handler) (*proxies, error) {
	p := &proxies{env: map[string]string{}}
	for _, service := range awsServices {
		if err := p.serve("AWS_ENDPOINT_URL_"+service, "", aws); err != nil {
			return nil, err
		}
	}
	others := []struct {
		variable, path string
		handler        http.Handler
	}{{"AWS_ENDPOINT_URL", "", aws}, {"ROTARY_GITHUB_URL", "/", github}, {"ROTARY_VERCEL_URL", "", vercel}}
	for _, o := range others {
		if err := p.serve(o.variable, o.path, o.handler); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// serve opens one proxy, to which a variable points.
func (p *proxies) serve(variable, path string, to http.Handler) error {
	var loopback net.ListenConfig
	l, err := loopback.Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		p.close()
		return fmt.Errorf("listen on loopback: %w", err)
	}
	s := &http.Server{Handler: p.delay(to), ReadHeaderTimeout: time.Minute}
	p.servers, p.env[variable] = append(p.servers, s), "http://"+l.Addr().String()+path
	go func() { _ = s.Serve(l) }()
	return nil
}

// close cuts open requests off.
func (p *proxies) close() {
	for _, s := range p.servers {
		_ = s.Close()
	}
}

// setLatency sets how long a call takes beside what its service takes.
func (p *proxies) setLatency(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.latency = d
}

// startRecording forgets what was recorded before.
func (p *proxies) startRecording() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.recording, p.began, p.calls = true, time.Now(), nil
}

// stopRecording returns the calls since startRecording, in the order in which they were answered.
func (p *proxies) stopRecording() []Call {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.recording = false
	return slices.Clone(p.calls)
}

// delay returns a handler that passes requests on to another.
func (p *proxies) delay(to http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		half, began := p.latency/2, time.Now()
		p.mu.Unlock()
		if !waitFor(r.Context(), half) {
			return
		}
		a := &answer{header: w.Header(), status: http.StatusOK}
		to.ServeHTTP(a, r)
		if !waitFor(r.Context(), half) {
			return
		}
		p.record(a, began)
		w.WriteHeader(a.status)
		_, _ = w.Write(a.body.Bytes())
	})
}

// waitFor waits, and returns false where the client has gone.
func waitFor(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// record notes a call that is about to be answered.
func (p *proxies) record(a *answer, began time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.recording {
		return
	}
	p.calls = append(p.calls, Call{
		Service: a.call.Service, Operation: a.call.Operation, Resource: a.call.Resource, Write: a.call.Write,
		Status: a.status, Throttled: a.throttled(), Begin: began.Sub(p.began), End: time.Since(p.began),
		Sent: a.call.Bytes, Answered: a.body.Len(),
	})
}

// answer keeps an answer until it is sent, and the call that it answers.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
	call   sim.Call
}

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) WriteHeader(status int)      { a.status = status }
func (a *answer) Write(b []byte) (int, error) { return a.body.Write(b) }

// NoteCall takes the call's name from the stand-in's tap.
func (a *answer) NoteCall(c sim.Call) { a.call = c }

// throttled reports whether the call was refused for its rate, as AWS and GitHub say so.
func (a *answer) throttled() bool {
	return a.header.Get("X-Amzn-Errortype") == "ThrottlingException" || a.status == http.StatusTooManyRequests
}
