package simulation

import (
	"slices"
	"time"

	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// Scenario is a story that is told with every fault at every call.
type Scenario struct {
	Name     string
	Manifest string        // of manifests
	Fresh    bool          // it begins before the first pass
	Fleet    bool          // its consumers are made of memory
	Slow     bool          // its services roll as slowly as busyPace
	Bake     time.Duration // its services are deployed by BLUE_GREEN, CANARY and LINEAR, and bake for so long; 0: by rolling updates
	Schedule Schedule
	Thin     int // an ordinary run plays each of this number of its schedules with a fault, of those that it would play

	Seeds Every      // of a world of random schedules: which seeds it has
	Draws []weighted // and what is drawn there beside drawn

	Text        []byte                      // a manifest, instead of one of manifests
	Environment string                      // of the manifest; default: production
	As          func(*manifest.Environment) // changes the environment before anything is put; may be nil
}

// Scenarios returns the scenarios that the simulation plays.
func Scenarios() []Scenario {
	return slices.Concat(protocolScenarios(), waysBack(), whatOthersDeploy(), bakes())
}

func protocolScenarios() []Scenario {
	return []Scenario{
		{Name: "happy", Manifest: "main", Schedule: MustParse(`
			rotate db
			settle`)},
		{Name: "first deploy", Manifest: "main", Fresh: true, Schedule: MustParse(`
			settle`)},
		{Name: "two sources at once", Manifest: "main", Schedule: MustParse(`
			begin db
			put vendor
			create db
			pass
			set db
			put vendor
			test db
			finish db
			settle`)},
		{Name: "put once, twice, three times", Manifest: "main", Schedule: MustParse(`
			put db
			put db
			pass
			put db
			settle`)},
		{Name: "there and back", Manifest: "main", Schedule: MustParse(`
			put db
			pass
			wait 1m
			back db
			settle`)},
		{Name: "label moved back", Manifest: "main", Schedule: MustParse(`
			rotate db
			pass
			wait 3m
			move db
			settle`)},
		{Name: "rotation in rotation", Manifest: "main", Schedule: MustParse(`
			rotate db
			pass
			rotate db
			wait 5m
			rotate db
			settle`)},
		{Name: "put in rotation", Manifest: "main", Schedule: MustParse(`
			begin db
			create db
			put db
			set db
			resume db
			settle`)},
		{Name: "failed rollout, fixed image", Manifest: "main", Schedule: MustParse(`
			break api
			rotate db
			pass
			wait 30m
			pass
			wait 30m
			pass
			fix api
			release api
			settle`)},
		{Name: "failed build", Manifest: "main", Schedule: MustParse(`
			failbuild dashboard
			rotate db
			pass
			wait 30m
			pass
			push dashboard
			settle`)},
		{Name: "deployments in between", Manifest: "main", Schedule: MustParse(`
			rotate db
			release api
			pass
			wait 2m
			redeploy api
			pass
			settle`)},
		{Name: "sinks by hand", Manifest: "main", Schedule: MustParse(`
			foreign ci
			foreign dashboard
			put vendor
			edit ci
			pass
			edit dashboard
			wait 5m
			pass
			settle`)},
		{Name: "its pipeline deploys", Manifest: "rendered", Schedule: MustParse(`
			rotate db
			pass
			wait 20m
			pass
			render api
			put vendor
			pass
			wait 5m
			redeploy api
			wait 1h
			pass
			render api
			settle`)},
		{Name: "runs in flight", Manifest: "main", Schedule: MustParse(`
			queue ci
			start ci
			queue ci
			rotate db
			pass
			wait 10m
			start ci
			pass
			complete ci
			wait 20m
			pass
			complete ci
			settle`)},
		{Name: "instant rollback", Manifest: "main", Schedule: MustParse(`
			rotate db
			pass
			wait 5m
			pass
			rollback dashboard
			pass
			wait 10m
			promote dashboard
			settle`)},
		{Name: "Skew Protection", Manifest: "main", Thin: 3, Schedule: MustParse(`
			skew dashboard 4h
			rotate db
			pass
			wait 5m
			pass
			push dashboard
			rotate db
			settle`)},
		{Name: "Skew Protection and an Instant Rollback", Manifest: "main", Thin: 3, Schedule: MustParse(`
			skew dashboard 4h
			rotate db
			pass
			wait 5m
			rollback dashboard
			pass
			wait 1h
			promote dashboard
			pass
			settle`)},
		{Name: "organization", Manifest: "organization", Thin: 3, Schedule: MustParse(`
			queue ci
			queue ci
			queue ci
			rotate db
			pass
			wait 5m
			select ci
			queue ci
			pass
			start ci
			complete ci
			complete ci
			put vendor
			pass
			complete ci
			complete ci
			settle`)},
		{Name: "a role reads a source", Manifest: "watched", Thin: 3, Schedule: MustParse(`
			spy db
			rotate db
			pass
			wait 5m
			spy api
			pass
			wait 20m
			pass
			rotate db
			spy db
			pass
			wait 6h
			pass
			pardon
			settle`)},
		{Name: "a repository of no consumer has a receipt", Manifest: "watched", Thin: 3, Schedule: MustParse(`
			stray ci
			wait 61m
			pass
			rotate db
			pass
			wait 10m
			pass
			wait 20m
			stray ci
			pass
			wait 20m
			pass
			gone
			settle`)},
		{Name: "symmetric secret", Manifest: "symmetric", Schedule: MustParse(`
			rotate handshake
			settle`)},
		{Name: "symmetric secret by hand", Manifest: "symmetric", Schedule: MustParse(`
			put handshake
			settle`)},
		{Name: "access key", Manifest: "keys", Schedule: MustParse(`
			rotate storage
			settle
			rotate storage
			settle`)},
		{Name: "access key by hand", Manifest: "keys", Schedule: MustParse(`
			newkey storage
			pass
			wait 1m
			rotate storage
			settle
			newkey storage
			settle`)},
		{Name: "access key, both slots taken", Manifest: "keys", Schedule: MustParse(`
			ownkey storage
			rotate storage
			pass
			wait 1h
			dropkeys storage
			rotate storage
			settle`)},
		{Name: "key added", Manifest: "main", Schedule: MustParse(`
			manifest key-added
			pass
			put vendor
			settle`)},
		{Name: "key removed", Manifest: "main", Schedule: MustParse(`
			manifest key-removed
			release api
			put vendor
			settle`)},
		{Name: "mapping renamed", Manifest: "main", Schedule: MustParse(`
			manifest renamed
			rotate db
			settle`)},
		{Name: "consumer leaves", Manifest: "main", Schedule: MustParse(`
			manifest leaving
			rotate db
			pass
			wait 5m
			pass
			delete api
			manifest gone
			settle`)},
		{Name: "a sink is down", Manifest: "main", Schedule: MustParse(`
			outage vercel
			rotate db
			pass
			wait 5m
			pass
			wait 1h
			pass
			mend
			settle`)},
		{Name: "jobs read sources", Manifest: "jobs", Thin: 3, Schedule: MustParse(`
			read nightly
			read partner
			read laptops
			rotate db
			read nightly
			put vendor
			pass
			wait 40m
			pass
			read partner
			settle
			put db
			put db
			read nightly
			settle`)},
		{Name: "retained", Manifest: "main", Schedule: MustParse(`
			rotate db
			retain db
			pass
			wait 30m
			pass
			wait 30m
			pass
			unretain db
			settle`)},
	}
}
