package simulation

// waysBack returns the stories of people who go back, and of those who cannot wait until everybody has followed.
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
		{Name: "rollback with real sinks", Manifest: "main", Thin: 5, Schedule: MustParse(`
			rotate db
			pass
			wait 5m
			pass
			rollback db
			settle`)},
		{Name: "deadline with real sinks", Manifest: "main", Thin: 5, Schedule: MustParse(`
			queue ci
			start ci
			emergency db 10m
			pass
			wait 10m
			pass
			wait 5m
			pass
			complete ci
			settle`)},
		{Name: "rollback to the first of three versions", Manifest: "symmetric", Thin: 8, Schedule: MustParse(`
			rotate handshake
			pass
			wait 3m
			rollback handshake
			settle`)},
		{Name: "rollback to the second of three versions", Manifest: "symmetric", Thin: 16, Schedule: MustParse(`
			rotate handshake
			sweeps
			rollback handshake
			settle`)},
		{Name: "rollback to the third of three versions", Manifest: "symmetric", Thin: 24, Schedule: MustParse(`
			rotate handshake
			sweeps
			sweeps
			rollback handshake
			settle`)},
		{Name: "emergency between the first two versions", Manifest: "symmetric", Thin: 16, Schedule: MustParse(`
			rotate handshake
			pass
			emergency handshake
			settle`)},
		{Name: "emergency between the second and the third version", Manifest: "symmetric", Thin: 24, Schedule: MustParse(`
			rotate handshake
			sweeps
			emergency handshake 1h
			settle`)},
		{Name: "access key: rollback", Manifest: "keys", Thin: 8, Schedule: MustParse(`
			rotate storage
			pass
			wait 3m
			rollback storage
			settle`)},
		{Name: "access key: emergency beside an owed one", Manifest: "keys", Thin: 8, Schedule: MustParse(`
			rotate storage
			pass
			emergency storage 10m
			pass
			wait 10m
			pass
			settle`)},
		{Name: "a vendor that cannot be asked twice", Manifest: "everything", Thin: 8, Schedule: MustParse(`
			rotate token
			pass
			wait 3m
			rollback token
			emergency token 10m
			settle`)},
		{Name: "everything now", Manifest: "everything", Thin: 32, Schedule: MustParse(`
			begin db
			rotate handshake
			rotate session
			create db
			rotate storage
			put theirs
			set db
			pass
			rotate token
			resume db
			put admin
			settle`)},
		{Name: "everything now, as an emergency", Manifest: "everything", Thin: 32, Schedule: MustParse(`
			rotate db
			rotate token
			pass
			emergency handshake
			emergency db 10m
			emergency session 10m
			pass
			emergency storage 10m
			emergency token 10m
			put theirs
			pass
			wait 5m
			pass
			settle`)},
	}
}
