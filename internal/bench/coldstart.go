package bench

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

	"github.com/rotary-secrets/rotary"
	"github.com/rotary-secrets/rotary/internal/standin"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// Start is what a function needs from its start until it asks for work, as the Lambda service counts the duration of an
// init, and the size of what is deployed.
type Start struct {
	Name     string  `json:"name"`
	InitMS   float64 `json:"init_ms"`                   // median of the starts
	TimesAs  float64 `json:"times_empty"`               // InitMS, as a multiple of the empty function's
	CPUMS    float64 `json:"cpu_ms,omitempty"`          // processor time, likewise: what a busy machine does not change; absent where the system does not tell
	TimesCPU float64 `json:"times_empty_cpu,omitempty"` // likewise
	MB       float64 `json:"mb"`                        // of the bootstrap, in 1,000,000 bytes
}

// EmptyFunction is the name of the function that does nothing: see testdata/empty.
const EmptyFunction = "empty"

// starts is how often each function is started. The first start is not counted: it reads the file.
const starts = 11

// MeasureStarts starts each function a few times, in turn, with rotary's own manifest beside it and the stand-in around
// it, and returns their medians, that of EmptyFunction first. folder has NAME/bootstrap of each; in dir they are laid out.
// Functions find out whose credentials they have before they ask for work, as they do in AWS: a call of STS, here
// without latency.
func MeasureStarts(ctx context.Context, folder, dir string, names ...string) ([]Start, error) {
	file, err := manifest.Parse("rotary.yaml", rotary.Manifest)
	if err != nil {
		return nil, err
	}
	env, err := file.Environment("dev")
	if err != nil {
		return nil, err
	}
	w := standin.New(standin.Config{Start: time.Now()})
	at, stop, err := w.Listen()
	if err != nil {
		return nil, err
	}
	defer stop()
	names = append([]string{EmptyFunction}, names...)
	inits, cpus := map[string][]time.Duration{}, map[string][]time.Duration{}
	for i := range starts {
		for _, name := range names {
			task, err := layOut(filepath.Join(dir, name), filepath.Join(folder, name, "bootstrap"), rotary.Manifest)
			if err != nil {
				return nil, err
			}
			init, cpu, err := startOnce(ctx, task, []string{
				"LAMBDA_TASK_ROOT=" + filepath.Dir(task), "_HANDLER=bootstrap", "AWS_REGION=" + env.Region, "AWS_LAMBDA_FUNCTION_NAME=" + name,
				"AWS_ACCESS_KEY_ID=" + env.Account, "AWS_SECRET_ACCESS_KEY=x", "AWS_SESSION_TOKEN=" + name,
				"AWS_ENDPOINT_URL=" + at.AWS, "ROTARY_ENVIRONMENT=" + env.Name, "PATH=/usr/bin:/bin", "TZ=:UTC",
			})
			if err != nil {
				return nil, fmt.Errorf("start %s: %w", name, err)
			}
			if i > 0 {
				inits[name], cpus[name] = append(inits[name], init), append(cpus[name], cpu)
			}
		}
	}
	var all []Start
	for _, name := range names {
		file, err := os.Stat(filepath.Join(folder, name, "bootstrap"))
		if err != nil {
			return nil, fmt.Errorf("measure a bootstrap: %w", err)
		}
		init, cpu := middleOf(inits[name]), middleOf(cpus[name])
		one := Start{Name: name, InitMS: inMS(init), CPUMS: inMS(cpu), MB: float64(file.Size()) / 1e6}
		one.TimesAs = float64(init) / float64(middleOf(inits[EmptyFunction]))
		if least := middleOf(cpus[EmptyFunction]); least > 0 {
			one.TimesCPU = float64(cpu) / float64(least)
		}
		all = append(all, one)
	}
	return all, nil
}

func middleOf(times []time.Duration) time.Duration {
	slices.Sort(times)
	return times[len(times)/2]
}

// layOut lays out what a function's zip holds, and returns where its bootstrap is.
func layOut(dir, bootstrap string, manifestYAML []byte) (string, error) {
	absolute, err := filepath.Abs(bootstrap)
	if err != nil {
		return "", fmt.Errorf("find the bootstrap %s: %w", bootstrap, err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("lay out a function: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "rotary.yaml"), manifestYAML, 0o600); err != nil {
		return "", fmt.Errorf("lay out a function: %w", err)
	}
	link := filepath.Join(dir, "bootstrap")
	_ = os.Remove(link)
	if err := os.Symlink(absolute, link); err != nil {
		return "", fmt.Errorf("lay out a function: %w", err)
	}
	return link, nil
}

// longestStart is how long a function has until it asks for work: Lambda gives it ten seconds.
const longestStart = 30 * time.Second

// startOnce starts a bootstrap with a Runtime API of its own, and ends it when it asks for work.
func startOnce(ctx context.Context, path string, env []string) (init, cpu time.Duration, err error) {
	var loopback net.ListenConfig
	l, err := loopback.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, 0, fmt.Errorf("listen on loopback: %w", err)
	}
	asked := make(chan time.Time, 1)
	s := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/2018-06-01/runtime/invocation/next" {
			select {
			case asked <- time.Now():
			default:
			}
		}
		<-r.Context().Done()
	})}
	go func() { _ = s.Serve(l) }()
	defer func() { _ = s.Close() }()
	ctx, cancel := context.WithTimeout(ctx, longestStart)
	defer cancel()
	command := exec.CommandContext(ctx, path)
	command.Env = slices.Concat(env, []string{"AWS_LAMBDA_RUNTIME_API=" + l.Addr().String()})
	began := time.Now()
	if err := command.Start(); err != nil {
		return 0, 0, err
	}
	var failed error
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		failed = command.Wait()
	}()
	select {
	case at := <-asked:
		init = at.Sub(began)
		cpu, _ = readCPU(command.Process.Pid)
		cancel()
		<-ended
		return init, cpu, nil
	case <-ended:
		if ctx.Err() != nil {
			return 0, 0, fmt.Errorf("it did not ask for work: %w", ctx.Err())
		}
		return 0, 0, fmt.Errorf("it ended before it asked for work: %w", failed)
	}
}
