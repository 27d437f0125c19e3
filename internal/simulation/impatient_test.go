package simulation

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

func TestWhoeverCannotWaitBringsNothingRetiredBack(t *testing.T) {
	for _, name := range slices.Sorted(maps.Keys(impatientRollbacks())) {
		t.Run(name, func(t *testing.T) {
			scenario, _, _ := strings.Cut(name, ":")
			s := stageOf(t, scenario)
			s.Schedule = places(t, s, impatientRollbacks()[name])
			w, err := s.Run(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if len(w.Violations) > 0 {
				t.Errorf("%s", Failure{Schedule: s.Schedule, Violations: w.Violations})
			}
		})
	}
}

// impatientRollbacks returns schedules of people who go back at once, early, twice and late, each in the scenario that
// its name begins with.
func impatientRollbacks() map[string]string {
	const retiring = `
		rotate db
		pass
		wait 5m
		pass
		wait 10m
		pass
		wait 13m
		pass`
	return map[string]string{
		"happy: at once": `
			rotate db
			pass
			hurryback db
			settle`,
		"happy: before anybody has followed": `
			break api
			rotate db
			hurryback db
			fix api
			release api
			settle`,
		"happy: while the retirement is sent": retiring + `; {ALTER ROLE own}: hurryback db
			settle`,
		"happy: before a retirement that timed out has landed": retiring + `; {ALTER ROLE own}: late
			hurryback db
			settle`,
		"happy: after the retirement": `
			rotate db
			settle
			hurryback db
			settle`,
		"happy: after a retirement whose answer was lost": retiring + `; {ALTER ROLE own}: lost
			hurryback db
			settle`,
		"happy: long after it was begun": `
			rotate db
			pass
			beginrollback db
			wait 2h
			hurryback db
			settle`,
		"happy: twice, one at each call of the other": `
			rotate db
			pass
			hurryback db; {lambda Invoke 2}: hurryback db
			settle`,
		"happy: into a rotation": `
			rotate db
			pass
			settle
			begin db
			create db
			hurryback db
			resume db
			settle`,
		"symmetric secret: at once": `
			rotate handshake
			pass
			hurryback handshake
			settle`,
		"happy: over what somebody puts meanwhile": `
			rotate db
			pass
			hurryback db; {lambda Invoke 2}: put db
			settle`,
		"symmetric secret: after the retirement": `
			rotate handshake
			settle
			hurryback handshake
			settle`,
		"access key: at once": `
			rotate storage
			pass
			hurryback storage
			settle`,
	}
}
