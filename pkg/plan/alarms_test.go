package plan

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

const day = 24 * time.Hour

// named are the names of a state's alarms.
func named(s State) []string {
	var names []string
	for _, a := range Describe(s, Make(s)).Alarms {
		if a.Subject != "db" || a.Detail == "" {
			names = append(names, "without subject or detail")
		}
		names = append(names, a.Name)
	}
	return names
}

func TestAlarmsComeOfAge(t *testing.T) {
	for _, tt := range []struct {
		name  string
		want  []string
		state func() State
	}{
		{"nothing is old", nil, converged},
		{"a credential nobody limits", nil, aged(manifest.Manual, 0, 0, 1000*day)},
		{"a manual credential at its limit", nil, aged(manifest.Manual, 0, 90*day, 90*day)},
		{"a manual credential over its limit", []string{RotationDue}, aged(manifest.Manual, 0, 90*day, 90*day+1)},
		{"a scheduled one that is due", nil, aged(manifest.Postgres, 30*day, 0, 30*day+rotatesLate)},
		{"a scheduled one that nobody rotates", []string{RotationDue}, aged(manifest.Postgres, 30*day, 0, 30*day+rotatesLate+1)},
		{"a scheduled one within its limit", nil, aged(manifest.Postgres, 30*day, 31*day, 31*day)},
		{"a scheduled one over its limit, with days left", []string{RotationDue}, aged(manifest.Postgres, 30*day, 31*day, 31*day+1)},
		{"what AWS rotates, at its limit", nil, aged(manifest.Managed, 0, 7*day, 7*day)},
		{"what AWS rotates, over its limit", []string{RotationDue}, aged(manifest.Managed, 0, 7*day, 7*day+1)},
		{"what nobody rotates, over its limit", []string{RotationDue}, aged(manifest.Never, 0, 7*day, 7*day+1)},
		{"a rotation under way", nil, rotating(pendingTooLong)},
		{"a rotation that does not end", []string{RotationStuck}, rotating(pendingTooLong + 1)},
		{"a vendor that is being asked", nil, making(history.AWSPending, live(3))},
		{"a vendor that was asked and may have answered", []string{RotationStuck}, making()},
		{"a retirement owed", nil, owed(manifest.Postgres, 0, owedAtLeast)},
		{"a retirement owed too long", []string{RetirementOwed}, owed(manifest.Postgres, 0, owedAtLeast+1)},
		{"one that its drains explain", nil, drained(day, owed(manifest.Postgres, 0, 2*day))},
		{"one that its drains do not explain", []string{RetirementOwed}, drained(day, owed(manifest.Postgres, 0, 2*day+1))},
		{"one that a bake explains", nil, baking(day, owed(manifest.Postgres, 0, 2*day))},
		{"one that a bake does not explain", []string{RetirementOwed}, baking(day, owed(manifest.Postgres, 0, 2*day+1))},
		{"a manual one owed, without a limit", nil, owed(manifest.Manual, 0, owedByHand)},
		{"a manual one owed too long, without a limit", []string{RetirementOwed}, owed(manifest.Manual, 0, owedByHand+1)},
		{"a manual one that its drains explain", nil, drained(3*day, owed(manifest.Manual, 0, 6*day))},
		{"labels that leave room", nil, labelled(14)},
		{"labels that leave little room", []string{LabelsFilling}, labelled(15)},
		{"a retirement that failed twice", nil, drained(day, failedTimes(2))},
		{"a retirement that failed three times", []string{RetirementFailed}, drained(day, failedTimes(3))},
		{"a manual one owed within its limit", nil, owed(manifest.Manual, 90*day, 90*day)},
		{"a manual one owed over its limit", []string{RotationDue, RetirementOwed}, owed(manifest.Manual, 90*day, 90*day+1)},
		{"a rollback under way", nil, drained(day, rollingBack(rollbackTooLong))},
		{"a rollback that somebody left", []string{RollbackAbandoned}, drained(day, rollingBack(rollbackTooLong+1))},
		{"a deadline just now", nil, drained(day, dying(deadTooLate))},
		{"a deadline that passed it by", []string{DeadlinePassed}, drained(day, dying(deadTooLate+1))},
		{"a key that nobody declared", []string{UndeclaredKey}, holdingMore(1, false)},
		{"keys of a secret that others use too", nil, holdingMore(3, true)},
	} {
		if diff := cmp.Diff(tt.want, named(tt.state())); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

// drained is a state whose source takes so long to retire.
func drained(takes time.Duration, state func() State) func() State {
	return func() State {
		s := state()
		s.db().Takes = takes
		return s
	}
}

// baking is a state with a consumer of the source whose rollouts bake for so long.
func baking(bake time.Duration, state func() State) func() State {
	return func() State {
		s := state()
		for i := range s.Buckets {
			for j := range s.Buckets[i].Consumers {
				s.Buckets[i].Consumers[j].Bakes = bake
			}
		}
		return s
	}
}

// labelled is a state whose source carries n labels.
func labelled(n int) func() State {
	return func() State {
		s := converged()
		has := 0
		for _, v := range s.db().Versions {
			has += len(v.Labels)
		}
		s.db().Versions[0].Labels = append(s.db().Versions[0].Labels, customs(n-has)...)
		return s
	}
}

// failedTimes is a state whose owed version could not be retired so many times.
func failedTimes(n int) func() State {
	return func() State {
		s := owing()
		failure := Failure{Count: n, First: noon, Last: noon, Error: "permission denied"}
		label(s.db(), 0, failure.Label(s.db().History, s.db().Versions[0]))
		return s
	}
}

// aged is a state whose current credential is so old.
func aged(with string, every, limit, age time.Duration) func() State {
	return func() State {
		s := converged()
		s.db().Manifest.Rotate, s.db().Manifest.MaxAge = manifest.RotateWith(with), manifest.Duration(limit)
		s.db().Manifest.Rotate.Every = manifest.Duration(every)
		s.db().Versions[len(s.db().Versions)-1].Created = noon.Add(-age)
		return s
	}
}

func rotating(age time.Duration) func() State {
	return func() State {
		s := converged()
		s.db().add(version{Version: history.Version{ID: sid(3), Created: noon.Add(-age), Labels: []string{history.AWSPending, live(3)}}})
		return s
	}
}

// making is a state in which a vendor that cannot be asked twice was asked for a version with these labels.
func making(labels ...string) func() State {
	return func() State {
		s := converged()
		label(s.db(), len(s.db().Versions)-1, history.MakingLabel(sid(3)))
		s.db().add(version{Version: history.Version{ID: sid(3), Created: noon, Empty: len(labels) == 0, Labels: labels}})
		return s
	}
}

// owed is a state in which version 2 has replaced version 1 so long ago.
func owed(with string, limit, age time.Duration) func() State {
	return func() State {
		s := owing()
		s.db().Manifest.Rotate, s.db().Manifest.MaxAge = manifest.RotateWith(with), manifest.Duration(limit)
		s.db().Versions[0].Created = noon.Add(-2 * age)
		s.db().Versions[1].Created = noon.Add(-age)
		return s
	}
}

func rollingBack(age time.Duration) func() State {
	return func() State {
		s := owing()
		label(s.db(), 0, history.Rollback)
		s.db().Changed = noon.Add(-age)
		return s
	}
}

// holdingMore is a source whose secret holds more than it declares.
func holdingMore(keys int, selects bool) func() State {
	return func() State {
		s := converged()
		s.db().Undeclared, s.db().Manifest.Existing = keys, selects
		return s
	}
}

func dying(late time.Duration) func() State {
	return func() State { return urgent(noon.Add(-late)) }
}

// TestEveryAlarmIsNamed reads the constants, so that a new one is not forgotten: infra makes its alarms from the names.
func TestEveryAlarmIsNamed(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "alarms.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, is := n.(*ast.ValueSpec); is {
			for _, value := range spec.Values {
				if text, is := value.(*ast.BasicLit); is && text.Kind == token.STRING {
					want = append(want, strings.Trim(text.Value, `"`))
				}
			}
		}
		return true
	})
	if diff := cmp.Diff(want, AlarmNames()); diff != "" || len(want) == 0 {
		t.Errorf("alarms (-constants +names):\n%s", diff)
	}
}
