package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/pkg/metric"
	"github.com/rotary-secrets/rotary/pkg/pipeline/logs"
)

func (w *world) newLogsClient() *cloudwatchlogs.Client { return cloudwatchlogs.NewFromConfig(w.cfg) }

// writeLog writes a line into the log of a function, and lets a second go by.
func (w *world) writeLog(function, line string) {
	w.t.Helper()
	if _, err := fmt.Fprintln(w.Region(w.env.Account, w.env.Region).Logs.Group(w.env.FunctionLogs(function)), line); err != nil {
		w.t.Fatal(err)
	}
	w.Clock.Advance(time.Second)
}

func (w *world) writeMilestone(function string, kind metric.MilestoneKind) {
	w.t.Helper()
	line := metric.Milestone{Kind: kind, Source: "handshake", Version: "v1", At: w.Clock.Now()}.Line()
	w.writeLog(function, string(line[:len(line)-1]))
}

// TestMilestonesAreReadFromEveryFunctionThatWritesThem: over many pages, in the order in which they were reached.
func TestMilestonesAreReadFromEveryFunctionThatWritesThem(t *testing.T) {
	w := newWorld(t)
	w.writeMilestone("rotary-dev-rotate", metric.Rotated) // before the time that is asked for
	since := w.Clock.Now()
	w.writeMilestone("rotary-dev-rotate", metric.Rotated)
	for range 500 {
		w.writeLog("rotary-dev-propagate", `{"msg":"wait","subject":"milestone"}`)
	}
	w.writeMilestone("rotary-dev-propagate", metric.Followed)
	w.writeLog("rotary-dev-propagate", `{"msg":"milestone","kind":"of a later version"}`)
	w.writeMilestone("rotary-dev-rotate", metric.Retired)
	w.writeMilestone("rotary-dev-look", metric.Retired) // nobody writes there
	found, unread, err := logs.ReadMilestones(t.Context(), w.env, w.env.Sources, w.newLogsClient(), since)
	var kinds []metric.MilestoneKind
	for _, m := range found {
		kinds = append(kinds, m.Kind)
	}
	if err != nil || !slices.Equal(kinds, []metric.MilestoneKind{metric.Rotated, metric.Followed, metric.Retired}) {
		t.Errorf("found %v, %v", found, err)
	}
	if len(unread) != 1 || unread[0].Group != "/aws/lambda/rotary-dev-rotate-network" || !errors.Is(unread[0].Err, logs.ErrNoLog) {
		t.Errorf("unread are %v", unread)
	}
}

func TestALogThatCannotBeReadIsNamed(t *testing.T) {
	for outcome, want := range map[sim.Outcome]error{sim.Denied: logs.ErrLogDenied, sim.Unavailable: nil} {
		w := newWorld(t)
		source, _ := w.env.Source("handshake")
		w.writeMilestone("rotary-dev-rotate", metric.Rotated)
		w.writeMilestone("rotary-dev-propagate", metric.Followed)
		w.Tap.OnCall(func(c sim.Call) sim.Fault {
			if c.Resource == "/aws/lambda/rotary-dev-propagate" {
				return sim.Fault{Outcome: outcome}
			}
			return sim.Fault{}
		})
		found, unread, err := logs.ReadMilestones(t.Context(), w.env, w.env.Sources[:0], w.newLogsClient(), time.Time{}.AddDate(1, 0, 0))
		if err != nil || len(found) > 0 || len(unread) != 1 || want != nil && !errors.Is(unread[0].Err, want) {
			t.Errorf("of no source: %v, %v, %v", found, unread, err)
		}
		found, unread, err = logs.ReadMilestones(t.Context(), w.env, append(w.env.Sources[:0:0], source), w.newLogsClient(), time.Time{}.AddDate(1, 0, 0))
		if err != nil || len(found) != 1 || len(unread) != 1 {
			t.Errorf("of handshake: %v, %v, %v", found, unread, err)
		}
	}
}

func TestWhoeverInterruptsDoesNotGetHalfAHistory(t *testing.T) {
	w := newWorld(t)
	w.writeMilestone("rotary-dev-propagate", metric.Followed)
	ctx, cancel := context.WithCancel(t.Context())
	w.Tap.OnCall(func(sim.Call) sim.Fault {
		cancel()
		return sim.Fault{Outcome: sim.Dropped}
	})
	if found, _, err := logs.ReadMilestones(ctx, w.env, w.env.Sources, w.newLogsClient(), w.Clock.Now()); !errors.Is(err, context.Canceled) || found != nil {
		t.Errorf("%v, %v", found, err)
	}
}
