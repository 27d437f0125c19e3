package bus

import (
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/internal/standin/wire"
)

// schedule is one schedule of the default group.
type schedule struct {
	scheduleInput
	name, arn         string
	created, modified time.Time
	at                time.Time     // one-time
	every             time.Duration // recurring; 0 = one-time
	timer             *sim.Timer    // the last run that was set; nil where none was
}

// scheduleInput holds the parameters of CreateSchedule and UpdateSchedule. Every other parameter is refused.
type scheduleInput struct {
	ActionAfterCompletion      string `json:",omitempty"`
	ClientToken                string `json:",omitempty"`
	Description                string `json:",omitempty"`
	FlexibleTimeWindow         timeWindow
	GroupName                  string `json:",omitempty"`
	ScheduleExpression         string
	ScheduleExpressionTimezone string `json:",omitempty"`
	State                      string `json:",omitempty"`
	Target                     target
}

type timeWindow struct{ Mode string }

// Scheduler is the API of EventBridge Scheduler (restJson1): CreateSchedule, UpdateSchedule, GetSchedule, ListSchedules
// and DeleteSchedule in the default group; everything else is refused. A rate schedule runs at once and then at its
// rate; a one-time schedule may not lie in the past. Runs are on the second.
func (b *Bus) Scheduler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /schedules/{Name}", b.tapOperation("CreateSchedule", true, b.createSchedule))
	mux.HandleFunc("PUT /schedules/{Name}", b.tapOperation("UpdateSchedule", true, b.updateSchedule))
	mux.HandleFunc("GET /schedules/{Name}", b.tapOperation("GetSchedule", false, b.getSchedule))
	mux.HandleFunc("GET /schedules", b.tapOperation("ListSchedules", false, b.listSchedules))
	mux.HandleFunc("DELETE /schedules/{Name}", b.tapOperation("DeleteSchedule", true, b.deleteSchedule))
	mux.HandleFunc("/", b.tapOperation("", true, func(r *http.Request, _ []byte) (any, error) {
		return nil, wire.NotImplemented("scheduler %s %s", r.Method, r.URL.Path)
	}))
	return mux
}

// tapOperation passes a request through the tap.
func (b *Bus) tapOperation(name string, write bool, do func(*http.Request, []byte) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		call := wire.Caller(r)
		call.Service, call.Operation, call.Resource = "scheduler", name, r.PathValue("Name")
		call.Write, call.Bytes = write, len(body)
		if name == "" {
			call.Operation = r.Method + " " + r.URL.Path
		}
		b.cfg.Tap.Serve(w, call, func(w http.ResponseWriter) {
			out, err := do(r, body)
			if err != nil {
				wire.WriteError(b.cfg.Clock, w, err)
				return
			}
			wire.WriteJSON(b.cfg.Clock, w, http.StatusOK, out)
		}, func(w http.ResponseWriter, o sim.Outcome) { wire.WriteError(b.cfg.Clock, w, wire.Refusal(o)) })
	}
}

// createSchedule is repeatable with the same client token, which the SDK keeps over its retries.
func (b *Bus) createSchedule(r *http.Request, body []byte) (any, error) {
	next, err := b.parseSchedule(r, body)
	if err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	before, exists := b.schedules[next.name]
	switch {
	case exists && (before.ClientToken == "" || before.ClientToken != next.ClientToken):
		return nil, &wire.Error{Code: "ConflictException", Message: "Schedule " + next.name + " already exists.", Status: http.StatusConflict}
	case !exists:
		b.schedules[next.name] = next
		b.armTimer(next, next.firstRunAt(b.cfg.Clock.Now()))
	}
	return map[string]string{"ScheduleArn": next.arn}, nil
}

// updateSchedule replaces all of a schedule and starts it anew.
func (b *Bus) updateSchedule(r *http.Request, body []byte) (any, error) {
	next, err := b.parseSchedule(r, body)
	if err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	before, exists := b.schedules[next.name]
	if !exists {
		return nil, scheduleNotFound(next.name)
	}
	before.stopTimer()
	next.created = before.created
	b.schedules[next.name] = next
	b.armTimer(next, next.firstRunAt(b.cfg.Clock.Now()))
	return map[string]string{"ScheduleArn": next.arn}, nil
}

func (b *Bus) getSchedule(r *http.Request, _ []byte) (any, error) {
	if err := checkDefaultGroup(r.URL.Query().Get("groupName")); err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	s, exists := b.schedules[r.PathValue("Name")]
	if !exists {
		return nil, scheduleNotFound(r.PathValue("Name"))
	}
	out := struct {
		scheduleInput
		Name, Arn                          string
		CreationDate, LastModificationDate wire.Time
	}{s.scheduleInput, s.name, s.arn, wire.Time(s.created), wire.Time(s.modified)}
	out.ClientToken = ""
	return out, nil
}

func (b *Bus) listSchedules(r *http.Request, _ []byte) (any, error) {
	q := r.URL.Query()
	if err := checkDefaultGroup(q.Get("ScheduleGroup")); err != nil {
		return nil, err
	}
	if q.Get("NamePrefix")+q.Get("State") != "" {
		return nil, wire.NotImplemented("scheduler NamePrefix or State")
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	type summary struct {
		Name, Arn, GroupName, State        string
		CreationDate, LastModificationDate wire.Time
		Target                             struct{ Arn string }
	}
	all := []summary{}
	for _, s := range b.schedules {
		all = append(all, summary{s.name, s.arn, s.GroupName, s.State, wire.Time(s.created), wire.Time(s.modified), struct{ Arn string }{s.Target.Arn}})
	}
	in := listPageInput{NextToken: q.Get("NextToken")}
	if q.Has("MaxResults") {
		n, err := strconv.Atoi(q.Get("MaxResults"))
		if err != nil {
			return nil, wire.Errorf("ValidationException", "MaxResults must be between 1 and 100")
		}
		in.Limit = &n
	}
	return answerPage(b, "Schedules", all, func(s summary) string { return s.Name }, in)
}

func (b *Bus) deleteSchedule(r *http.Request, _ []byte) (any, error) {
	if err := checkDefaultGroup(r.URL.Query().Get("groupName")); err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	s, exists := b.schedules[r.PathValue("Name")]
	if !exists {
		return nil, scheduleNotFound(r.PathValue("Name"))
	}
	s.stopTimer()
	delete(b.schedules, s.name)
	return emptyAnswer{}, nil
}

func scheduleNotFound(name string) error {
	return &wire.Error{Code: "ResourceNotFoundException", Message: "Schedule " + name + " does not exist.", Status: http.StatusNotFound}
}

func checkDefaultGroup(name string) error {
	if name == "" || name == "default" {
		return nil
	}
	return &wire.Error{Code: "ResourceNotFoundException", Message: "Schedule group " + name + " does not exist.", Status: http.StatusNotFound}
}

// parseSchedule validates what a schedule is to be, and fills in the defaults.
func (b *Bus) parseSchedule(r *http.Request, body []byte) (*schedule, error) {
	now := b.cfg.Clock.Now()
	s := &schedule{name: r.PathValue("Name"), created: now, modified: now}
	s.arn = b.formatARN("scheduler", "schedule/default/"+s.name)
	if err := wire.Decode(body, &s.scheduleInput); err != nil {
		return nil, err
	}
	for field, fallback := range map[*string]string{&s.ActionAfterCompletion: "NONE", &s.GroupName: "default", &s.ScheduleExpressionTimezone: "UTC", &s.State: "ENABLED"} {
		if *field == "" {
			*field = fallback
		}
	}
	if err := checkDefaultGroup(s.GroupName); err != nil {
		return nil, err
	}
	if err := s.validateSchedule(); err != nil {
		return nil, err
	}
	if err := s.parseExpression(now); err != nil {
		return nil, err
	}
	return s, b.checkTarget(s.Target)
}

func (s *schedule) validateSchedule() error {
	switch {
	case s.FlexibleTimeWindow.Mode != "OFF":
		return wire.NotImplemented("scheduler flexible time window %q", s.FlexibleTimeWindow.Mode)
	case s.ScheduleExpressionTimezone != "UTC":
		return wire.NotImplemented("scheduler timezone %q", s.ScheduleExpressionTimezone)
	case s.Target.RoleArn == "":
		return wire.Errorf("ValidationException", "Target.RoleArn must not be null")
	case s.State != "ENABLED" && s.State != "DISABLED", s.ActionAfterCompletion != "NONE" && s.ActionAfterCompletion != "DELETE":
		return wire.Errorf("ValidationException", "State or ActionAfterCompletion is not valid")
	}
	return nil
}

// parseExpression reads at(yyyy-mm-ddThh:mm:ss) and rate(value unit).
func (s *schedule) parseExpression(now time.Time) error {
	invalid := wire.Errorf("ValidationException", "Invalid Schedule Expression %s.", s.ScheduleExpression)
	text, closed := strings.CutSuffix(s.ScheduleExpression, ")")
	if !closed {
		return invalid
	}
	if at, is := strings.CutPrefix(text, "at("); is {
		var err error
		if s.at, err = time.ParseInLocation("2006-01-02T15:04:05", at, time.UTC); err != nil || s.at.Before(now.Truncate(time.Second)) {
			return invalid
		}
		return nil
	}
	if strings.HasPrefix(text, "cron(") {
		return wire.NotImplemented("scheduler cron expressions")
	}
	parts := regexp.MustCompile(`^rate\(([1-9][0-9]{0,5}) (minute|hour|day)s?$`).FindStringSubmatch(text)
	if parts == nil {
		return invalid
	}
	n, _ := strconv.Atoi(parts[1]) // the expression allows digits only
	s.every = time.Duration(n) * map[string]time.Duration{"minute": time.Minute, "hour": time.Hour, "day": 24 * time.Hour}[parts[2]]
	return nil
}

// firstRunAt returns the time of a schedule's first run: without a start date, a rate starts at once
// (docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html).
func (s *schedule) firstRunAt(now time.Time) time.Time {
	if s.every > 0 {
		return now
	}
	return s.at
}

func (s *schedule) stopTimer() {
	if s.timer != nil {
		s.timer.Stop()
	}
}

// armTimer sets a schedule's next run. The caller holds the lock.
func (b *Bus) armTimer(s *schedule, at time.Time) {
	if s.State == "ENABLED" {
		s.timer = b.cfg.Clock.After(at.Sub(b.cfg.Clock.Now()), "schedule "+s.name, func() { b.runSchedule(s, at) })
	}
}

// runSchedule sends a schedule's input to its target and decides what comes next.
func (b *Bus) runSchedule(s *schedule, at time.Time) {
	b.mu.Lock()
	current := b.schedules[s.name] == s
	input := s.renderInput(at, b.newUUIDLocked(), b.cfg)
	switch {
	case current && s.every > 0:
		b.armTimer(s, at.Add(s.every))
	case current && s.ActionAfterCompletion == "DELETE":
		delete(b.schedules, s.name)
	}
	b.mu.Unlock()
	if current {
		b.deliverToTarget(s.Target, input)
	}
}

// renderInput returns the target's input with the context attributes put in, or what the Scheduler sends without one.
func (s *schedule) renderInput(at time.Time, execution string, cfg Config) []byte {
	when := at.UTC().Format(time.RFC3339)
	if s.Target.Input == "" {
		return fmt.Appendf(nil, `{"version":"0","id":%q,"detail-type":"Scheduled Event","source":"aws.scheduler","account":%q,"time":%q,"region":%q,"resources":[%q],"detail":"{}"}`,
			execution, cfg.Account, when, cfg.Region, s.arn)
	}
	return []byte(strings.NewReplacer("<aws.scheduler.execution-id>", execution, "<aws.scheduler.scheduled-time>", when,
		"<aws.scheduler.schedule-arn>", s.arn, "<aws.scheduler.attempt-number>", "1").Replace(s.Target.Input))
}
