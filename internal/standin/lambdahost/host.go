// Package lambdahost runs Lambda functions of one account and region: genuine provided.al2023 bootstraps, as
// processes that it drives through the Lambda Runtime API, or Go functions in this process. It also serves the
// part of the Lambda API that clients need to invoke them.
package lambdahost

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/internal/standin/wire"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// Function is one Lambda function: an executable (Path) or a Go function (Handler).
type Function struct {
	Name        string
	Path        string                                                    // bootstrap executable; its folder is LAMBDA_TASK_ROOT
	Handler     func(ctx context.Context, payload []byte) ([]byte, error) // instead of Path: runs in this process
	Env         map[string]string                                         // on top of what Lambda itself sets
	Timeout     time.Duration                                             // real time, default 30s
	Concurrency int                                                       // reserved concurrency; 0 = no limit. One process serves one invocation at a time anyway
	Callers     []string                                                  // service principals its resource policy allows
	Sources     []string                                                  // ARNs, * and ? stand for anything, for which Callers may call; none: for all
	Aliases     []string                                                  // names of aliases of $LATEST

	// Instead is asked first, in this process, and answers in place of Path or Handler where did is true; may be nil.
	Instead func(ctx context.Context, payload []byte) (answer []byte, did bool, err error)
}

// Config holds what a Host depends on.
type Config struct {
	Clock           *sim.Clock
	Account, Region string
	Tap             *sim.Tap  // what calls of the Lambda API pass through; nil = a tap of its own
	Log             io.Writer // gets what functions print; nil = kept in memory only
	// LogGroup returns what writes into a log group, made if it is not there. nil: there are no log groups.
	LogGroup func(name string) io.Writer
}

// Host has the functions of one account and region. Safe for concurrent use. No lock is held while a function
// runs, so a function may call whatever it likes, this host included.
type Host struct {
	cfg Config
	out *output

	mu        sync.Mutex
	functions map[string]*function
	prints    map[string]*output // what each function prints, on its way to its log group and to out; by name
	processes map[*process]bool  // those that may still run
	requests  int
	closed    bool
}

// function is a registered Function and what runs of it.
type function struct {
	Function
	arn     string
	running int           // under Host.mu: invocations accepted and not yet over
	turn    chan struct{} // holds one token: whoever has it may use the process
	process *process      // nil before the first cold start; set under Host.mu
}

// New returns a host without functions. Close it.
func New(cfg Config) *Host {
	if cfg.Tap == nil {
		cfg.Tap = sim.NewTap(cfg.Clock)
	}
	return &Host{cfg: cfg, out: newOutput(cfg.Log), functions: map[string]*function{}, prints: map[string]*output{}, processes: map[*process]bool{}}
}

// Register adds a function, or replaces the one of that name, and returns its ARN. A replaced function's process
// ends with the invocation it is running. Registering neither a Path nor a Handler, or both, is a bug and panics.
func (h *Host) Register(f Function) (arn string) {
	if (f.Path == "") == (f.Handler == nil) {
		panic("lambdahost: function " + f.Name + " needs either a Path or a Handler")
	}
	if f.Timeout == 0 {
		f.Timeout = 30 * time.Second
	}
	if abs, err := filepath.Abs(f.Path); err == nil && f.Path != "" {
		f.Path = abs
	}
	next := &function{Function: f, arn: h.ARN(f.Name), turn: make(chan struct{}, 1)}
	next.turn <- struct{}{}
	h.mu.Lock()
	old := h.functions[f.Name]
	h.functions[f.Name] = next
	if h.prints[f.Name] == nil {
		h.prints[f.Name] = newPassage(h.logWriter(f.Name))
	}
	h.mu.Unlock()
	if old != nil {
		go h.endReplacedProcess(old)
	}
	return next.arn
}

// ARN returns what the ARN of a function of that name is, registered or not.
func (h *Host) ARN(name string) string {
	return fmt.Sprintf("arn:%s:lambda:%s:%s:function:%s", manifest.PartitionOf(h.cfg.Region), h.cfg.Region, h.cfg.Account, name)
}

// Allows reports whether the function exists and its resource policy lets the service principal invoke it for source,
// an ARN. The policy is that of the function: no alias has one.
func (h *Host) Allows(arn, principal, source string) bool {
	f, qualifier, err := h.findFunction(arn, "")
	if err != nil || isAlias(qualifier) || !slices.Contains(f.Callers, principal) {
		return false
	}
	return len(f.Sources) == 0 || slices.ContainsFunc(f.Sources, func(pattern string) bool { return matchesARNLike(pattern, source) })
}

// matchesARNLike reports whether an ARN matches a pattern, as a policy's operator ArnLike does.
func matchesARNLike(pattern, arn string) bool {
	re := strings.NewReplacer(`\*`, `.*`, `\?`, `.`).Replace(regexp.QuoteMeta(pattern))
	return regexp.MustCompile(`^(?s:` + re + `)$`).MatchString(arn)
}

// logWriter returns what takes in the prints of one function: all prints together, and its log group.
func (h *Host) logWriter(function string) io.Writer {
	if h.cfg.LogGroup == nil {
		return h.out.file
	}
	return io.MultiWriter(h.out.file, h.cfg.LogGroup("/aws/lambda/"+function))
}

// Output returns everything the functions have printed so far, complete for invocations that are over.
func (h *Host) Output() []byte {
	h.waitForPrints()
	return h.out.allText()
}

// waitForPrints waits until everything that functions have printed so far is in their log groups and on its way to out.
func (h *Host) waitForPrints() {
	h.mu.Lock()
	all := slices.Collect(maps.Values(h.prints))
	h.mu.Unlock()
	for _, o := range all {
		o.waitForOutput()
	}
}

// Close ends every process this host started and waits for them; invocations that are running fail. Repeatable.
func (h *Host) Close() error {
	h.mu.Lock()
	h.closed = true
	running := slices.Collect(maps.Keys(h.processes))
	h.mu.Unlock()
	for _, p := range running {
		p.killAndWait()
	}
	h.mu.Lock()
	all := slices.Collect(maps.Values(h.prints))
	h.mu.Unlock()
	var errs []error
	for _, o := range append(all, h.out) { // out last: what the others still have goes there
		errs = append(errs, o.closeOutput())
	}
	return errors.Join(errs...)
}

// latest is the qualifier of a function's newest code.
const latest = "$LATEST"

// isAlias reports whether a qualifier names an alias.
func isAlias(qualifier string) bool { return qualifier != "" && qualifier != latest }

// findFunction finds a function by name, partial ARN or ARN, each with or without a qualifier, which may stand in the
// request instead. It returns the qualifier that the function is asked through: none, $LATEST or one of its aliases.
func (h *Host) findFunction(nameOrARN, qualifier string) (f *function, through string, err error) {
	name := nameOrARN
	for _, prefix := range []string{h.ARN(""), h.cfg.Account + ":function:"} {
		name = strings.TrimPrefix(name, prefix)
	}
	name, through, _ = strings.Cut(name, ":")
	if through != "" && qualifier != "" && through != qualifier {
		return nil, "", &wire.Error{Code: "InvalidParameterValueException", Status: http.StatusBadRequest,
			Message: "The derived qualifier from the function name does not match the specified qualifier."}
	}
	through = cmp.Or(through, qualifier)
	h.mu.Lock()
	defer h.mu.Unlock()
	f, found := h.functions[name]
	if !found || isAlias(through) && !slices.Contains(f.Aliases, through) {
		missing := qualifyARN(h.ARN(name), through)
		return nil, "", &wire.Error{Code: "ResourceNotFoundException", Message: "Function not found: " + missing, Status: http.StatusNotFound}
	}
	return f, through, nil
}

// qualifyARN returns an ARN with a qualifier, if there is one.
func qualifyARN(arn, qualifier string) string {
	if qualifier == "" {
		return arn
	}
	return arn + ":" + qualifier
}
