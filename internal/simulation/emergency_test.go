package simulation

import (
	"fmt"
	"strings"
	"testing"
)

// TestALateWriteOfAStoppedRotationHurtsNobody plays what a rotation that an emergency stops has sent last, and what
// lands after the emergency: at each of its calls, with the emergency after each of its steps, for every kind of
// source.
func TestALateWriteOfAStoppedRotationHurtsNobody(t *testing.T) {
	for _, kind := range []struct {
		name     string
		scenario Scenario
		source   string
	}{
		{"PostgreSQL", Scenario{Manifest: "twins", Fleet: true}, "db"},
		{"MySQL", Scenario{Manifest: "clones", Fleet: true}, "db"},
		{"an access key", Scenario{Manifest: "keys"}, "storage"},
		{"a value", Scenario{Manifest: "everything"}, "session"},
		{"a symmetric secret", Scenario{Manifest: "everything"}, "handshake"},
		{"a vendor", Scenario{Manifest: "everything"}, "token"},
	} {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			played := 0
			for n := range steps {
				for _, begins := range []string{
					"emergency SOURCE again", "emergency SOURCE", "emergency SOURCE 10m again",
					"beginemergency SOURCE again\nwait 5m\ngoon SOURCE", "beginemergency SOURCE again\ncreate SOURCE\nwait 5m\ngoon SOURCE",
					"beginemergency SOURCE again\nwait 5m\nresume SOURCE",
				} {
					played += playLateWrites(t, kind.scenario, kind.source, n, begins)
				}
			}
			t.Logf("%d schedules", played)
			if played < 36 {
				t.Error("that is too few: the count is wrong")
			}
		})
	}
}

// playLateWrites plays every fault after which something lands late, or is never answered, at each write of the nth
// step of a rotation, and then an emergency.
func playLateWrites(t *testing.T, s Scenario, source string, n int, begins string) (played int) {
	t.Helper()
	text := "begin SOURCE\n"
	for _, step := range []string{"create", "set", "test", "finish"}[:n+1] {
		text += step + " SOURCE\n"
	}
	before := MustParse(strings.ReplaceAll(text, "SOURCE", source))
	after := MustParse(strings.ReplaceAll(begins, "SOURCE", source) + "\nsettle")
	points, err := s.withSchedule(before).Points(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range points {
		if p.Step != len(before)-1 || !p.Call.Write || (p.Do != "late" && p.Do != "crash after") {
			continue
		}
		played++
		playEmergency(t, s.withSchedule(append(before.With(p.Step, p.At, p.Do), after...)))
	}
	return played
}

func playEmergency(t *testing.T, s Scenario) {
	t.Helper()
	w, err := s.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(w.Violations) > 0 {
		t.Errorf("%s", Failure{Schedule: s.Schedule, Violations: w.Violations})
	}
}

// The schedules from which ADR 20 comes: a late setSecret of the rotation that was stopped replaced the new password,
// and a key that rotary had made kept its own emergency from beginning.
func TestTheSchedulesOfADR20EndWell(t *testing.T) {
	for _, end := range []string{"emergency SOURCE", "emergency SOURCE again"} {
		for _, c := range []struct{ scenario, source, before string }{
			{"fleet", "db", "begin db\ncreate db\nset db; {ALTER ROLE}: late"},
			{"happy", "db", "begin db\ncreate db\nset db; {ALTER ROLE}: late"},
			{"access key", "storage", "begin storage\ncreate storage; {iam CreateAccessKey}: crash after"},
		} {
			t.Run(c.scenario+", "+end, func(t *testing.T) {
				s := stageOf(t, c.scenario)
				s.Schedule = places(t, s, c.before+"\n"+strings.ReplaceAll(end, "SOURCE", c.source)+"\nsettle")
				playEmergency(t, s)
			})
		}
	}
}

// TestALateRetirementHurtsNobody plays a retirement whose last request lands after an emergency has given the same user
// another password.
func TestALateRetirementHurtsNobody(t *testing.T) {
	for _, manifest := range []string{"twins", "clones"} {
		for _, call := range []string{"{ALTER ROLE own}", "{UpdateSecretVersionStage db}"} {
			t.Run(manifest+" "+call, func(t *testing.T) {
				s := Scenario{Manifest: manifest, Fleet: true}
				s.Schedule = places(t, s, fmt.Sprintf(`
					rotate db
					pass
					wait 5m
					pass
					wait 10m
					pass
					wait 13m
					pass; %s: late
					emergency db
					settle`, call))
				playEmergency(t, s)
			})
		}
	}
}
