package manifest

import (
	"cmp"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/rotary-secrets/rotary/pkg/duration"
	"github.com/rotary-secrets/rotary/pkg/rotate/httpapi/vendorapi"
)

// RotateHTTP has a vendor's HTTP API make, test and revoke the credential. Either calls or vendor is set.
type RotateHTTP struct {
	// The vendor's calls.
	// Refuses: calls beside a vendor, and `{}`.
	Calls *vendorapi.API `yaml:"calls,omitempty" json:"calls,omitempty"`
	// A ready-made description of the calls, instead.
	// Example: `vercel-token`. Refuses: `acme`.
	Vendor string `yaml:"vendor,omitempty" json:"vendor,omitempty"`
	// With vendor, the description's name for a value, and the source's key that holds it.
	// Example: `{token: PARTNER_TOKEN, id: PARTNER_TOKEN_ID}`. Refuses: what is no key of the source,
	// `{token: GH_TOKEN, id: PARTNER_TOKEN_ID}`.
	KeysFor map[string]string `yaml:"keys_for,omitempty" json:"keys_for,omitempty"`
	// With vendor, what the description leaves open.
	// Example: `{expires: 60d}`. Refuses: `{colour: red}`.
	Settings vendorapi.JSON `yaml:"settings,omitempty" json:"settings,omitempty"`
	// The source that {{admin}} stands for.
	// Example: `partner-admin`. Refuses: `nobody`.
	Admin string `yaml:"admin,omitempty" json:"admin,omitempty"`
}

func (h *RotateHTTP) isScheduled() bool { return true }
func (h *RotateHTTP) isTested() bool    { return true }

func (h *RotateHTTP) countDisplaced(int) int { return 0 }

func (h *RotateHTTP) describeStandIn() string {
	return "the vendor is stood in for by one that does what the description says of create, overlap and revoke; the " +
		"calls themselves are not rehearsed"
}

// lateWrite: a token has an id of its own.
func (h *RotateHTTP) lateWrite() LateWrite { return LateHarmless }

func (h *RotateHTTP) listConfig(Source) []string { return nil }

func (h *RotateHTTP) withDefaults(Source) rotatorKind { return h.withCalls() }

// withCalls fills in what a vendor's description has, and the defaults.
func (h *RotateHTTP) withCalls() *RotateHTTP {
	out := *h
	if h.Vendor != "" && h.Calls == nil {
		vendor := Vendors()[h.Vendor]
		out.Calls, out.Settings = &vendor.API, vendor.MergeSettings(h.Settings)
	}
	if out.Calls != nil {
		api := out.Calls.WithDefaults()
		out.Calls = &api
	}
	return &out
}

// listWrites returns the keys of s that a description's answer gives new values.
func (h *RotateHTTP) listWrites(Source) []string {
	full := h.withCalls()
	if full.Calls == nil {
		return nil
	}
	var keys []string
	for name := range full.Calls.Create.Set {
		keys = append(keys, full.KeyFor(name))
	}
	return keys
}

// KeyFor returns the source's key that a description calls by name: the one that keys_for gives to the name, or the key
// of that name.
func (h *RotateHTTP) KeyFor(name string) string { return cmp.Or(h.KeysFor[name], name) }

// listCalls returns the calls of s, or nil where no vendor's API is called.
func (s Source) listCalls() *vendorapi.API {
	if s.Rotate.HTTP == nil {
		return nil
	}
	return s.Rotate.HTTP.withCalls().Calls
}

// AtOnce reports whether rotating s kills the old credential at once: until they follow, its consumers are refused.
func (s Source) AtOnce() bool {
	api := s.listCalls()
	return api != nil && api.Overlap == vendorapi.OverlapNone
}

// Overlap returns how long the old credential of s lives on by itself after a rotation: its consumers have to follow
// before that. It is 0 where it lives until it is retired, and where it dies AtOnce.
func (s Source) Overlap() Duration {
	api := s.listCalls()
	if api == nil {
		return 0
	}
	d, _ := duration.Parse(api.Overlap) // none, or nothing: 0
	return d
}

func (h *RotateHTTP) checkRotator(c checker, path, name string, source Source) {
	if h.Admin != "" {
		c.checkAdmin(path, name, source, h.Admin)
		if admin, ok := c.file.Sources[h.Admin]; ok && len(admin.KeyNames()) != 1 {
			c.add(path+".admin", "source "+Quote(h.Admin)+" does not hold exactly one key",
				"keep the administrator's credential alone in its source")
		}
	}
	vendors := Vendors()
	switch {
	case h.Calls == nil && h.Vendor == "":
		c.add(path, "rotator http does not know the vendor's calls",
			"describe them under calls, or name a ready-made description with vendor: "+
				strings.Join(slices.Sorted(maps.Keys(vendors)), ", "))
	case h.Calls != nil && h.Vendor != "":
		c.add(path+".vendor", path+" has both calls and a vendor", "keep one of them")
	case h.Calls != nil:
		c.checkOwn(path, source)
	default:
		c.requireOneOf(path+".vendor", h.Vendor, slices.Sorted(maps.Keys(vendors))...)
		if vendor, known := vendors[h.Vendor]; known {
			c.checkVendor(path, source, vendor)
		}
	}
}

// checkOwn checks a description that stands in the manifest: it names the source's keys themselves.
func (c checker) checkOwn(path string, source Source) {
	for field, given := range map[string]bool{"keys_for": len(source.Rotate.HTTP.KeysFor) > 0,
		"settings": len(source.Rotate.HTTP.Settings) > 0} {
		if given {
			c.add(path+"."+field, path+"."+field+" is for a vendor's description only", "write it into calls itself")
		}
	}
	c.scopeOf(path+".calls", source).Check(*source.Rotate.HTTP.Calls)
}

// checkVendor checks a source that uses a ready-made description, and the calls that come of it.
func (c checker) checkVendor(path string, source Source, vendor vendorapi.Vendor) {
	rotate := source.Rotate.HTTP
	c.checkKeysFor(path+".keys_for", source, vendor)
	scope := c.scopeOf(path+".vendor", source)
	scope.Open, scope.Keys, scope.Settings = path+".settings", vendor.Keys, vendor.MergeSettings(rotate.Settings)
	scope.Admin = vendor.Admin != ""
	scope.CheckSettings(rotate.Settings, vendor.Settings)
	switch {
	case vendor.Admin != "" && rotate.Admin == "":
		c.add(path+".admin", path+".admin is missing", "name the source that holds "+vendor.Admin)
	case vendor.Admin == "" && rotate.Admin != "":
		c.add(path+".admin", "vendor "+rotate.Vendor+" takes no admin",
			"remove it: the credential calls the vendor itself")
	}
	scope.Check(vendor.API)
}

func (c checker) checkKeysFor(path string, source Source, vendor vendorapi.Vendor) {
	var taken []string
	for _, name := range vendor.Keys {
		key := source.Rotate.HTTP.KeysFor[name]
		at := path + "." + name
		switch {
		case !c.requireValue(at, key, "name the source's key that holds it"):
		case !source.Declares(key):
			c.add(at, at+" is not one of the source's keys", "list it under keys, or correct it")
		case slices.Contains(taken, key):
			c.add(at, at+" is a key that another name has", "each needs a key of its own")
		}
		taken = append(taken, key)
	}
	for _, name := range slices.Sorted(maps.Keys(source.Rotate.HTTP.KeysFor)) {
		if !slices.Contains(vendor.Keys, name) {
			c.add(path+"."+name, "vendor "+source.Rotate.HTTP.Vendor+" has no key "+Quote(name),
				"it has "+strings.Join(vendor.Keys, ", "))
		}
	}
}

// scopeOf returns the scope of a description at path that names the keys of its source.
func (c checker) scopeOf(path string, source Source) vendorapi.Scope {
	return vendorapi.Scope{
		Report: c.add, Path: path, Keys: source.KeyNames(), Admin: source.Rotate.HTTP.Admin != "",
		Every: source.Rotate.Every,
	}
}

// Vendors returns the ready-made descriptions by name.
func Vendors() map[string]vendorapi.Vendor { return maps.Clone(readVendors()) }

// readVendors reads the descriptions once.
var readVendors = sync.OnceValue(func() map[string]vendorapi.Vendor {
	var file struct {
		Vendors map[string]vendorapi.Vendor `yaml:"vendors"`
	}
	r := newReport("vendors.yaml")
	if root := r.parseTree(vendorapi.ReadyMade); root != nil {
		r.decode(root, "", reflect.ValueOf(&file).Elem())
	}
	if err := r.sortedError(); err != nil {
		panic(err) // a test reads the file
	}
	return file.Vendors
})
