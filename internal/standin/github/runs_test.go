package github_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	gh "github.com/google/go-github/v92/github"

	"github.com/rotary-secrets/rotary/internal/standin/github"
	"github.com/rotary-secrets/rotary/internal/standin/sim"
)

// accepts is one target that accepts one credential.
type accepts map[string]string

func (a accepts) Accepts(target, credential string) bool { return a[target] == credential }

// The repository's secret A and the environment's secret B change between a run's creation and the start of its jobs.
func TestARunReadsTheRepositorysSecretsWhenQueuedAndAnEnvironmentsWhenItsJobsStart(t *testing.T) {
	for name, c := range map[string]struct {
		created string
		moves   []string
		a, b    string // what it has read in the end
	}{
		"in progress at once":    {github.InProgress, nil, "old", "old"},
		"completed at once":      {github.Completed, nil, "old", "old"},
		"queued":                 {github.Queued, nil, "old", ""},
		"queued, then started":   {github.Queued, []string{github.InProgress}, "old", "new"},
		"waiting for somebody":   {github.Pending, []string{github.Queued, github.Waiting}, "old", ""},
		"waited for somebody":    {github.Requested, []string{github.Waiting, github.InProgress}, "old", "new"},
		"started and falls back": {github.InProgress, []string{github.Waiting, github.InProgress}, "old", "old"},
		"ended before its jobs":  {github.Queued, []string{github.Completed}, "old", ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.server.SetSecretByHand(repo, "", "A", "old")
			w.server.SetSecretByHand(repo, "dev", "B", "old")
			run := w.server.StartRun(repo, c.created, "dev")
			w.server.SetSecretByHand(repo, "", "A", "new")
			w.server.SetSecretByHand(repo, "dev", "B", "new")
			for _, status := range c.moves {
				w.server.MoveRun(repo, run, status)
			}
			a, _ := w.server.RunSecret(repo, run, "a")
			b, read := w.server.RunSecret(repo, run, "B")
			if a != c.a || b != c.b || read != (c.b != "") {
				t.Errorf("A is %q, want %q; B is %q (read: %v), want %q", a, c.a, b, read, c.b)
			}
		})
	}
}

func TestAnEnvironmentsSecretHidesTheRepositorys(t *testing.T) {
	w := newWorld(t)
	w.server.SetSecretByHand(repo, "", "A", "the repository's")
	w.server.SetSecretByHand(repo, "dev", "A", "the environment's")
	run := w.server.StartRun(repo, github.Queued, "dev")
	before, _ := w.server.RunSecret(repo, run, "A")
	w.server.MoveRun(repo, run, github.InProgress)
	if after, _ := w.server.RunSecret(repo, run, "A"); before != "the repository's" || after != "the environment's" {
		t.Errorf("it reads %s, and when its jobs run %s", before, after)
	}
}

func TestAnUnfinishedRunPresentsWhatItRead(t *testing.T) {
	clock := sim.NewClock(start)
	targets := accepts{"db": "old", "vendor": "old"}
	s := github.New(github.Config{Clock: clock, Tap: sim.NewTap(clock), Targets: targets})
	s.AddRepository(repo, "dev", "prod/eu")
	s.SetSecretByHand(repo, "", "DB_KEY", "old")
	s.SetSecretByHand(repo, "dev", "TOKEN", "old")
	s.SetPresented(repo, "", github.Presented{Secret: "db_key", Target: "db"})
	s.SetPresented(repo, "dev", github.Presented{Secret: "TOKEN", Target: "vendor"})
	ended, queued, plain := s.StartRun(repo, github.InProgress, "dev"), s.StartRun(repo, github.Queued, "dev"), s.StartRun(repo, github.Waiting)
	s.FinishRun(repo, ended)

	expect := func(when string, want ...github.Refusal) {
		t.Helper()
		if diff := cmp.Diff(want, s.Present()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", when, diff)
		}
	}
	expect("while both accept what they read")
	targets["vendor"] = "new"
	expect("before the job that reads the vendor's has started")
	s.MoveRun(repo, queued, github.InProgress)
	vendor := github.Refusal{Repository: repo, Run: queued, Environment: "dev", Secret: "TOKEN", Target: "vendor"}
	expect("when it has", vendor)
	targets["db"] = "new"
	db := github.Refusal{Repository: repo, Run: queued, Secret: "db_key", Target: "db"}
	alone := db
	alone.Run = plain
	expect("when the repository's is revoked too", db, vendor, alone)
	s.FinishRun(repo, queued)
	s.FinishRun(repo, plain)
	expect("when they are completed")
}

func TestAMissingSecretIsRefused(t *testing.T) {
	clock := sim.NewClock(start)
	s := github.New(github.Config{Clock: clock, Tap: sim.NewTap(clock), Targets: accepts{"db": "key"}})
	s.AddRepository(repo)
	s.SetPresented(repo, "", github.Presented{Secret: "DB_KEY", Target: "db"})
	s.SetSecretByHand(repo, "", "DB_KEY", "key")
	s.DeleteSecretByHand(repo, "", "DB_KEY")
	run := s.StartRun(repo, github.InProgress)
	if diff := cmp.Diff([]github.Refusal{{Repository: repo, Run: run, Secret: "DB_KEY", Target: "db"}}, s.Present()); diff != "" {
		t.Errorf("refused (-want +got):\n%s", diff)
	}
}

func TestTheJournalSaysWhoChangedWhat(t *testing.T) {
	w := newWorld(t)
	w.server.SetSecretByHand(repo, "dev", "THEIRS", "x")
	w.server.DeleteSecretByHand(repo, "dev", "nothing")
	w.clock.Advance(time.Minute)
	seen := len(w.server.Changes(0))
	if got := w.put("OURS", "x"); got != 201 {
		t.Fatalf("PUT = %d", got)
	}
	if _, err := w.client.Actions.DeleteEnvSecret(t.Context(), "example", "app", "dev", "THEIRS"); err != nil {
		t.Fatal(err)
	}
	w.server.SetVariableByHand(repo, "", "receipt", "1")
	w.server.SetVariableByHand(repo, "", "RECEIPT", "2")
	w.server.DeleteVariableByHand(repo, "", "receipt")
	at := start.Add(time.Minute)
	want := []github.Change{
		{At: at, Repository: repo, Kind: "secret", Name: "OURS", Did: "created", By: "token"},
		{At: at, Repository: repo, Environment: "dev", Kind: "secret", Name: "THEIRS", Did: "deleted", By: "token"},
		{At: at, Repository: repo, Kind: "variable", Name: "RECEIPT", Did: "created", By: github.ByHand},
		{At: at, Repository: repo, Kind: "variable", Name: "RECEIPT", Did: "updated", By: github.ByHand},
		{At: at, Repository: repo, Kind: "variable", Name: "RECEIPT", Did: "deleted", By: github.ByHand},
	}
	if diff := cmp.Diff(want, w.server.Changes(seen)); diff != "" || seen != 1 {
		t.Errorf("%d changes before, and then (-want +got):\n%s", seen, diff)
	}
	if rest := w.server.Changes(100); len(rest) != 0 {
		t.Errorf("after more than there are: %v", rest)
	}
}

func TestARunThatIsStartedAgainReadsAnewAndKeepsItsCreation(t *testing.T) {
	w := newWorld(t)
	w.server.ShareOrganizationSecret(repo, "a", "organization's")
	w.server.ShareOrganizationSecret(repo, "B", "organization's")
	w.server.SetSecretByHand(repo, "", "B", "first")
	id := w.server.StartRun(repo, github.InProgress, "dev")
	w.server.FinishRun(repo, id)
	w.clock.Advance(time.Hour)
	w.server.SetSecretByHand(repo, "", "B", "second")
	w.server.SetSecretByHand(repo, "dev", "C", "third")
	w.server.RerunRun(repo, id, github.Queued)
	for name, want := range map[string]string{"A": "organization's", "B": "second", "C": ""} {
		if got, _ := w.server.RunSecret(repo, id, name); got != want {
			t.Errorf("queued again, it has %q as %s, want %q", got, name, want)
		}
	}
	w.server.MoveRun(repo, id, github.InProgress)
	if got, _ := w.server.RunSecret(repo, id, "C"); got != "third" {
		t.Errorf("in progress again, it has %q as C", got)
	}
	runs, _, err := w.client.Actions.ListRepositoryWorkflowRuns(t.Context(), "example", "app", nil)
	if err != nil {
		t.Fatal(err)
	}
	run := runs.WorkflowRuns[0]
	if run.GetRunAttempt() != 2 || !run.GetCreatedAt().Equal(gh.Timestamp{Time: start}) || !run.GetRunStartedAt().Equal(gh.Timestamp{Time: start.Add(time.Hour)}) {
		t.Errorf("attempt %d, created %v, started %v", run.GetRunAttempt(), run.GetCreatedAt(), run.GetRunStartedAt())
	}
}
