package simulation

import (
	"strconv"
	"strings"
	"testing"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
)

// regression is a schedule that fails where one rule of the protocol is left out: the rules R1a to R19b of
// docs/safety.md.
type regression struct {
	rule     string // that it guards
	scenario string // in which it is played, by its name, or the fleet
	schedule string // places are named, not numbered
}

func TestEveryRuleOfTheProtocolIsNeeded(t *testing.T) {
	for _, r := range regressions() {
		t.Run(r.rule, func(t *testing.T) {
			s := stageOf(t, r.scenario)
			s.Schedule = places(t, s, r.schedule)
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

func stageOf(t testing.TB, name string) Scenario {
	if name == "fleet" {
		return Scenario{Name: name, Manifest: "fleet", Fleet: true}
	}
	return scenario(t, name)
}

func TestEveryManifestIsValidAndNoOther(t *testing.T) {
	names := map[string]string{} // by text: what replaces nothing in another one is not what it is called
	for name, text := range manifests {
		if other, same := names[text]; same {
			t.Errorf("manifests %s and %s are the same", name, other)
		}
		names[text] = name
		if env, err := resolveManifest(name, "production"); err != nil || len(env.Sources) == 0 {
			t.Errorf("manifest %s has no sources: %v", name, err)
		}
	}
}

func TestAPlaceIsACallThatIsMade(t *testing.T) {
	s := stageOf(t, "fleet")
	got := places(t, s, "put db\npass; {fleet Update worker-b}: crash before; {Update worker-b}: late\n")
	w, err := s.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	w.Step(got[0])
	for i, call := range w.Step(Step{Do: got[1].Do}) {
		if is := call.Operation == "Update" && call.Resource == "worker-b"; is != (i+1 == got[1].Twos[0].At) {
			t.Errorf("%s: call %d is %s %s", got, i+1, call.Operation, call.Resource)
		}
	}
}

// places reads a schedule in which a call is named by words of its caller, service, operation and resource, and by
// its number among such calls where it is not the first: "pass; {UpdateSecretVersionStage api-secrets 2}: crash
// before". The schedule is played up to there to find its number.
func places(t testing.TB, s Scenario, text string) Schedule {
	t.Helper()
	var found Schedule
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		parts := strings.Split(line, ";")
		found = append(found, MustParse(parts[0])...)
		for _, part := range parts[1:] {
			place, do, named := strings.Cut(strings.TrimSpace(part), ":")
			if !named {
				t.Fatalf("%q names no place", part)
			}
			i := len(found) - 1
			at := find(t, s.withSchedule(found), strings.Fields(strings.Trim(place, "{}")))
			found[i] = MustParse(found.With(i, at, strings.TrimSpace(do))[i].String())[0]
		}
	}
	return found
}

// find plays a schedule and returns the number of the call in its last step that these words mean.
func find(t testing.TB, s Scenario, words []string) int {
	t.Helper()
	w, err := s.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = w.World.Close() }()
	nth, err := strconv.Atoi(words[len(words)-1])
	if err == nil {
		words = words[:len(words)-1]
	} else {
		nth = 1
	}
	last := len(s.Schedule) - 1
	w.Play(s.Schedule[:last])
	for i, call := range w.Step(s.Schedule[last]) {
		if meant(call, words) {
			nth--
		}
		if nth == 0 {
			return i + 1
		}
	}
	t.Fatalf("%s\nno call of the last step is %v", s.Schedule, words)
	return 0
}

func meant(call sim.Call, words []string) bool {
	text := call.Caller + " " + call.Service + " " + call.Operation + " " + call.Resource
	for _, word := range words {
		if !strings.Contains(text, word) {
			return false
		}
	}
	return true
}

// regressions returns one schedule for each rule. Its comment says what happens where the rule is off.
func regressions() []regression {
	return []regression{
		// Off: what was written counts as running, and the login that api still runs is revoked.
		{"R10 what was written is not yet running", "happy", `
			break api
			rotate db
			pass
			wait 20m
			pass
			wait 20m
			pass`},
		// Off: one new task is up, and the login that the deployment goes back to is revoked.
		{"R11 a rollout that is not COMPLETED can still go back", "happy", `
			unguard api
			flaky api
			rotate db
			pass
			wait 20m
			pass
			wait 10m
			pass
			wait 10m
			pass
			fix api`},
		// Off: the way back has failed too, and api is rolled for ever onto what it has and starts no task of (seed
		// 2573).
		{"R12 a deployment that ECS has given up is begun anew", "happy", `
			break api
			rotate db
			sweeps
			move db
			fix api`},
		// Off: the first reconciler wakes up and rolls api onto what the second has retired.
		{"R13 two reconcilers at once retire nothing within the quiet period", "fleet", `
			put db
			pass; {fleet Update api}: put db; {fleet Update api}: pass; {fleet Update api}: wait 3m; {fleet Update api}: pass; {fleet Update api}: pass; {fleet Update api}: pass
			settle`},
		// Off: a rollout that timed out lands two changes later, on a login that is revoked.
		{"R14 what timed out can land as long as it is not quiet", "fleet", `
			put db
			pass; {fleet Update api}: late
			put db
			pass
			wait 3m
			pass
			pass
			pass
			pass
			settle`},
		// Off: the second rotation gives the user that consumers still log in as another password.
		{"R15 a rotation does not begin while a version is owed", "happy", `
			rotate db
			rotate db
			settle`},
		// Off: AWSCURRENT has been moved back, and the pass revokes what it saw as owed before.
		{"R16 Advance reads the labels again", "happy", `
			rotate db
			settle; {lambda Invoke}: move db
			settle`},

		// Off: the version between two passes carries AWSPREVIOUS, is not marked, and its login is forgotten.
		{"R1a every version newer than SEEN is marked, whatever its labels", "happy", `
			put db
			put db
			settle`},
		// Off: what was put and taken back before any pass is newer than AWSCURRENT, and forgotten.
		{"R1b also those that AWSCURRENT was moved back from", "happy", `
			put db
			move db
			settle`},
		// Off: what has been retired is newer than the newest live version, and is marked again for ever.
		{"R1c SEEN remembers, and not the newest LIVE", "happy", `
			rotate db
			pass
			move db
			settle`},
		// Off: the rotation finishes over the version that was put while it began, and that one is forgotten.
		{"R1d a put while createSecret runs is known", "happy", `
			begin db
			create db; {PutSecretValue db}: put db
			resume db
			settle`},
		// Off: the first version is neither marked by a pass nor by the rotation, and is forgotten.
		{"R1e createSecret marks the current version", "first deploy", `
			rotate db
			settle`},
		// Off: the pass gives the next number to what was put, and takes it from what the rotation makes.
		{"R2 a label is named after its version, not counted", "happy", `
			begin db
			create db; {PutSecretValue db}: put db; {PutSecretValue db}: pass
			put db
			resume db
			settle`},
		// Off: the value that came back is revoked with its first version.
		{"R3 an identity that another version holds is not revoked", "happy", `
			put db
			back db
			settle; {lambda Invoke}: put db
			settle`},
		// Off: a person retains the version when the pass has looked already, and it is revoked.
		{"R4 RETAIN counts until the last moment", "happy", `
			rotate db
			pass
			wait 5m
			pass
			wait 10m
			pass
			wait 13m
			pass; {lambda Invoke}: retain db`},
		// Off: the next version of the symmetric secret follows one that is current no more.
		{"R4b what an Advance puts follows the current version", "symmetric secret", `
			rotate handshake
			settle; {rotate PutSecretValue handshake}: put handshake; {rotate PutSecretValue handshake}: pass; {rotate PutSecretValue handshake}: wait 3m
			settle`},
		// Off: the password is set after its version has been retired, and nobody knows that it works.
		{"R5 the quiet period outlasts setSecret", "fleet", `
			begin db
			create db
			set db; {ALTER ROLE}: late
			put db
			pass
			wait 3m
			pass
			pass
			pass
			pass
			settle`},
		// Off: the key that nobody has written down takes the second slot for ever, and AWS accepts it.
		{"R6 a never used key that no version holds, made since the rotation began, is deleted", "access key", `
			begin storage
			create storage; {iam CreateAccessKey}: crash after
			settle`},
		// Off: what IAM has not listed yet is in the way, and the rotation gives up.
		{"R6b a key that is made late is deleted too", "access key", `
			begin storage
			create storage; {iam CreateAccessKey}: late
			wait 5m
			settle`},
		// Off: a key is deleted that somebody has made for themselves, and not used yet.
		{"R6c whoever made a key before the rotation began keeps it", "access key", `
			ownkey storage unused
			rotate storage
			settle`},
		// Off: a key is deleted that somebody has made for themselves, and uses.
		{"R6d whoever has used a key keeps it", "access key", `
			begin storage
			wait 1m
			ownkey storage
			create storage
			settle`},
		// Off: the key that a put has brought is taken for an orphan, because the versions were read before it was put.
		{"R6e what the other versions hold is read after the keys", "access key", `
			begin storage
			create storage; {iam CreateAccessKey}: newkey storage
			settle`},
		// Off: the version that api stays on loses its last label with the second change.
		{"R7 the outgoing version is held before AWSCURRENT moves", "happy", `
			unhold api-secrets
			outage ecs
			put db
			pass
			put db
			pass`},
		// Off: a rollout that timed out brings a version without a label.
		{"R7b a version is held until it is quiet", "fleet", `
			put db
			pass; {fleet Update api}: late
			move db
			pass
			wait 3m
			pass
			put db
			pass
			settle`},
		// Off: a swap that was given up lands, and the pass that loses against it rolls what is not current. What it
		// rolls is held since it was put: alone, this rule's absence endangers nobody.
		{"R7c a lost swap ends the pass", "fleet", `
			put db
			pass; {UpdateSecretVersionStage api-secrets}: late
			put db
			pass; {UpdateSecretVersionStage api-secrets}: wait 5m
			settle`},
		// Off: a revision whose login is revoked can still be deployed.
		{"R8 what pins a dropped version is deregistered first", "happy", `
			rotate db
			settle; {lambda Invoke}: redeploy api
			settle`},
		// Off: the version that api is on again loses its label, and its revision stays deployable when its login is
		// revoked.
		{"R17 what somebody deploys while it is withdrawn stays held", "happy", `
			rotate db
			pass
			wait 15m
			pass; {ecs DescribeServices 3}: redeploy api
			settle`},
		// Off: what is deployed during a slow look is quiet when it ends, and its login is revoked.
		{"R18 a look is of the moment at which it began", "happy", `
			release api
			wait 5m
			rotate db
			pass
			wait 15m
			pass
			wait 5m
			pass; {github GET secrets}: redeploy api; {github GET secrets}: wait 20m
			settle`},
		// Off: the pass begins its look minutes before it deregisters, and the login is revoked while ECS still takes
		// what was deregistered.
		{"R19 a version is withdrawn since the last answer to its withdrawal", "happy", `
			rotate db
			pass
			wait 5m
			pass; {ecs DeregisterTaskDefinition}: wait 4m
			settle`},
		// Off: the first answer of the look that withdraws is five minutes old, and its time with it. What is current has
		// not changed since, so that no other answer disagrees.
		{"R19b also where the first answer of the look is an old one", "rollback stops a rotation", `
			rotate db
			beginemergency db
			create db
			rollback db
			settle; {BatchGetSecretValue 3}: stale`},
		// Off: the value is not found under the name that it had.
		{"R9 a value under other rules is looked for under any name", "happy", `
			manifest swapped
			rotate db
			pass
			wait 20m
			pass
			wait 10m
			pass
			wait 10m
			pass
			delete api
			manifest gone
			settle`},
	}
}
