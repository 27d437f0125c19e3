package simulation

// waysBack are the stories of people who go back, and of those who cannot wait until everybody has followed.
func waysBack() []Scenario {
	return []Scenario{
		{Name: "rollback after a failed rollout", Manifest: "fleet", Fleet: true, Schedule: MustParse(`
			break api
			rotate db
			pass
			wait 20m
			pass
			rollback db
			fix api
			release api
			settle`)},
		{Name: "rollback as the gates are about to open", Manifest: "fleet", Fleet: true, Schedule: MustParse(`
			rotate db
			pass
			wait 5m
			pass
			wait 10m
			pass
			rollback db
			settle`)},
		{Name: "rollback after the retirement", Manifest: "fleet", Fleet: true, Schedule: MustParse(`
			rotate db
			settle
			rollback db
			settle`)},
		{Name: "rollback abandoned", Manifest: "fleet", Fleet: true, Schedule: MustParse(`
			rotate db
			pass
			beginrollback db
			wait 3m
			pass
			wait 2h
			pass
			rollback db
			settle`)},
		{Name: "put in a rollback", Manifest: "fleet", Fleet: true, Schedule: MustParse(`
			rotate db
			pass
			beginrollback db
			put db
			pass
			rollback db
			settle`)},
		{Name: "rollback stops a rotation", Manifest: "fleet", Fleet: true, Schedule: MustParse(`
			rotate db
			pass
			beginemergency db
			create db
			rollback db
			resume db
			settle`)},
		{Name: "emergency", Manifest: "fleet", Fleet: true, Schedule: MustParse(`
			emergency db
			settle`)},
		{Name: "emergency beside an owed version", Manifest: "fleet", Fleet: true, Schedule: MustParse(`
			rotate db
			pass
			emergency db
			settle`)},
		{Name: "emergency with a deadline that all keep", Manifest: "fleet", Fleet: true, Schedule: MustParse(`
			emergency db 2h
			settle`)},
		{Name: "emergency with a deadline that one misses", Manifest: "fleet", Fleet: true, Schedule: MustParse(`
			break api
			emergency db 10m
			pass
			wait 5m
			pass
			wait 5m
			pass
			wait 5m
			pass
			fix api
			release api
			settle`)},
		{Name: "emergency and retain", Manifest: "fleet", Fleet: true, Schedule: MustParse(`
			emergency db 10m
			retain db
			pass
			wait 10m
			pass
			wait 5m
			pass
			unretain db
			settle`)},
		{Name: "emergency, then rollback", Manifest: "fleet", Fleet: true, Schedule: MustParse(`
			emergency db 10m
			pass
			rollback db
			wait 5m
			pass
			put db
			pass
			settle`)},
		{Name: "emergency in a rotation", Manifest: "fleet", Fleet: true, Schedule: MustParse(`
			begin db
			create db
			set db
			emergency db
			settle`)},
	}
}
