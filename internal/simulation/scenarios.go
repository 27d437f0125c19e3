package simulation

// Scenario is a story that is told with every fault at every call.
type Scenario struct {
	Name     string
	Manifest string // of manifests
	Fresh    bool   // it begins before the first pass
	Schedule Schedule
}

// Scenarios are the stories of a protocol that may lose nothing.
func Scenarios() []Scenario {
	return []Scenario{
		{"happy", "main", false, MustParse(`
			rotate db
			settle`)},
		{"first deploy", "main", true, MustParse(`
			settle`)},
		{"two sources at once", "main", false, MustParse(`
			begin db
			put vendor
			create db
			pass
			set db
			put vendor
			test db
			finish db
			settle`)},
		{"put once, twice, three times", "main", false, MustParse(`
			put db
			put db
			pass
			put db
			settle`)},
		{"there and back", "main", false, MustParse(`
			put db
			pass
			wait 1m
			back db
			settle`)},
		{"label moved back", "main", false, MustParse(`
			rotate db
			pass
			wait 3m
			move db
			settle`)},
		{"rotation in rotation", "main", false, MustParse(`
			rotate db
			pass
			rotate db
			wait 5m
			rotate db
			settle
			rotate db
			settle`)},
		{"put in rotation", "main", false, MustParse(`
			begin db
			create db
			put db
			set db
			resume db
			settle`)},
		{"failed rollout, fixed image", "main", false, MustParse(`
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
		{"failed build", "main", false, MustParse(`
			failbuild dashboard
			rotate db
			pass
			wait 30m
			pass
			settle`)},
		{"deployments in between", "main", false, MustParse(`
			rotate db
			release api
			pass
			wait 2m
			redeploy api
			pass
			settle`)},
		{"sinks by hand", "main", false, MustParse(`
			foreign ci
			foreign dashboard
			put vendor
			edit ci
			pass
			edit dashboard
			wait 5m
			pass
			settle`)},
		{"runs in flight", "main", false, MustParse(`
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
		{"instant rollback", "main", false, MustParse(`
			rotate db
			pass
			wait 5m
			pass
			rollback dashboard
			pass
			wait 10m
			promote dashboard
			settle`)},
		{"symmetric secret", "symmetric", false, MustParse(`
			rotate handshake
			settle`)},
		{"symmetric secret by hand", "symmetric", false, MustParse(`
			put handshake
			settle
			rotate handshake
			pass
			put handshake
			settle`)},
		{"key added", "main", false, MustParse(`
			manifest key-added
			pass
			put vendor
			settle`)},
		{"key removed", "main", false, MustParse(`
			manifest key-removed
			release api
			put vendor
			settle`)},
		{"mapping renamed", "main", false, MustParse(`
			manifest renamed
			rotate db
			settle`)},
		{"consumer leaves", "main", false, MustParse(`
			manifest leaving
			rotate db
			pass
			wait 5m
			pass
			delete api
			manifest gone
			settle`)},
		{"a sink is down", "main", false, MustParse(`
			outage vercel
			rotate db
			pass
			wait 5m
			pass
			wait 1h
			pass
			mend
			settle`)},
		{"retained", "main", false, MustParse(`
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
