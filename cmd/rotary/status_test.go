package main

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/pkg/plan"
)

func TestStatusShowsEveryOwedRetirementWithItsGatesAndWhatAPersonHasToLookAt(t *testing.T) {
	r := plan.Report{
		Environment: "dev", Mode: "retire", At: nine,
		Sources: []plan.SourceReport{
			{Name: "calm", Rotator: "random", Version: "v-11111111", Since: nine.Add(-time.Hour)},
			{Name: "db", Rotator: "postgres", Version: "v-22222222", Since: nine.Add(-time.Minute), Pending: "v-33333333", Owed: []plan.OwedReport{
				{Version: "v-44444444", Since: nine.Add(-50 * time.Hour), Dies: nine.Add(90 * time.Second), Blocked: []plan.Wait{{Reason: plan.InUse, Detail: "consumer api may still use it"}, {Reason: plan.Deployable}, {Reason: plan.Settling}}},
				{Version: "v-55555555", Since: nine.Add(-time.Minute), Dies: nine, Blocked: []plan.Wait{{Reason: plan.Retained, Detail: "it carries RETAIN"}}},
				{Version: "v-66666666", Since: nine.Add(-90 * time.Minute)},
			}},
			{Name: "partner", Rotator: "http", AtOnce: true, Consumers: []string{"api", "worker"}},
		},
		Consumers: []plan.ConsumerReport{{Name: "api", Bucket: "app", Running: "v-77777777", State: "behind", Detail: "2 of 2 tasks"}},
		Waits:     []plan.Wait{{Subject: "db", Version: "v-44444444", Reason: plan.InUse}, {Subject: "api", Reason: plan.RolloutFailed, Detail: "no image"}},
		Alarms:    []plan.Alarm{{Name: plan.RetirementOwed, Subject: "db", Detail: "version 44444444 was replaced 2d ago and is not retired"}},
	}
	var out bytes.Buffer
	if err := (&app{terminal: terminal{nil, &out, &out}}).printStatus(r); err != nil {
		t.Fatal(err)
	}
	want := ` source   rotator   version   age    state
 calm     random    11111111  1h00m
 db       postgres  22222222  1m     rotating to 33333333, 3 owed
 partner  http      -         -

 consumer  reads  runs      state   detail
 api       app    77777777  behind  2 of 2 tasks

 owed  version   for    dies      waits for
 db    44444444  2d     in 1m30s  in-use (consumer api may still use it); then deployable, settling
 db    55555555  1m     overdue   retained (it carries RETAIN)
 db    66666666  1h30m  -         nothing: the next pass retires it

waiting
  api: rollout-failed (no image)
notices
  partner: its rotation ends the old credential at once; refused until they have followed: api, worker
alarms
  db: version 44444444 was replaced 2d ago and is not retired (retirement-owed)
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
}
