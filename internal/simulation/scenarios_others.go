package simulation

import "time"

// whatOthersDeploy returns the stories of people and pipelines that deploy what they have from elsewhere than rotary, and
// of consumers that cannot be seen for a while.
func whatOthersDeploy() []Scenario {
	return []Scenario{
		{Name: "old revisions are deployed", Manifest: "twins", Thin: 5, Schedule: MustParse(`
			rotate db
			pass
			wait 5m
			deployold api
			pass
			wait 5m
			pass
			wait 13m
			pass
			wait 9m
			deployold worker-a
			deployold worker-b 1
			settle`)},
		{Name: "old versions are deployed", Manifest: "fleet", Fleet: true, Schedule: MustParse(`
			rotate db
			pass
			wait 5m
			deployold api
			pass
			wait 5m
			pass
			wait 13m
			pass
			wait 9m
			deployold worker-a
			settle`)},
		{Name: "a pipeline deploys a copy", Manifest: "twins", Thin: 5, Schedule: MustParse(`
			copy api
			rotate db
			pass
			wait 9m
			paste api
			pass
			wait 3m
			copy api
			pass
			wait 9m
			paste api
			settle`)},
		{Name: "a pipeline deploys a copy of a version", Manifest: "fleet", Fleet: true, Schedule: MustParse(`
			copy api
			rotate db
			pass
			wait 9m
			paste api
			pass
			wait 3m
			copy api
			pass
			wait 9m
			paste api
			settle`)},
		{Name: "a pipeline deploys without pins", Manifest: "twins", Thin: 5, Schedule: MustParse(`
			deploy api
			wait 3m
			rotate db
			deploy worker-a
			pass
			wait 5m
			force worker-b
			deploy api
			pass
			settle`)},
		{Name: "one service cannot be seen", Manifest: "main", Thin: 5, Schedule: MustParse(`
			blind api
			rotate db
			pass
			wait 20m
			pass
			sight api
			pass
			blind ci
			wait 5m
			pass
			sight ci
			settle`)},
		{Name: "strangers run", Manifest: "twins", Thin: 7, Schedule: MustParse(`
			canary api
			runtask worker-a
			exile api
			wait 2m
			rotate db
			pass
			wait 5m
			pass
			wait 20m
			pass
			direct worker-b
			gone
			pass
			wait 20m
			settle`)},
		{Name: "strangers are dismissed", Manifest: "main", Thin: 11, Schedule: MustParse(`
			canary api
			runtask api
			wait 2m
			rotate db
			pass
			wait 5m
			pass
			dismiss ecs:main/api-canary
			dismiss ecs-family:main/api-production
			pass
			wait 20m
			pass
			wait 1h
			settle`)},
		{Name: "two logins in one bucket", Manifest: "two-logins", Thin: 5, Schedule: MustParse(`
			rotate db
			pass
			wait 3m
			rotate audit
			pass
			wait 2m
			put db
			settle`)},
	}
}

// bakes returns the stories of services that shift traffic, and of people who go back in the middle of that.
func bakes() []Scenario {
	return []Scenario{
		{Name: "a rollback in a bake", Manifest: "twins", Thin: 5, Bake: 20 * time.Minute, Schedule: MustParse(`
			rotate db
			pass
			wait 10m
			unbake api
			pass
			wait 5m
			pass
			wait 30m
			pass
			unbake worker-a
			release api
			put db
			pass
			wait 15m
			unbake worker-b
			wait 30m
			release worker-b
			settle`)},
		{Name: "a bake of versions", Manifest: "fleet", Fleet: true, Bake: 20 * time.Minute, Schedule: MustParse(`
			rotate db
			pass
			wait 10m
			unbake api
			pass
			wait 30m
			release api
			put db
			pass
			wait 15m
			unbake worker-b
			wait 30m
			release worker-b
			settle`)},
		{Name: "a rotation overtakes a bake", Manifest: "twins", Thin: 5, Bake: 30 * time.Minute, Schedule: MustParse(`
			rotate db
			pass
			wait 10m
			put db
			pass
			wait 10m
			redeploy api
			wait 5m
			unbake api
			wait 40m
			release api
			settle`)},
	}
}
