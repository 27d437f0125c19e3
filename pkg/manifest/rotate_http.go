package manifest

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// RotateHTTP has a vendor's HTTP API make, test and revoke the credential. Either calls or vendor is set.
type RotateHTTP struct {
	// The vendor's calls.
	Calls *API `yaml:"calls,omitempty" json:"calls,omitempty"`
	// A ready-made description of the calls, instead.
	Vendor string `yaml:"vendor,omitempty" json:"vendor,omitempty"`
	// With vendor, the description's name for a value, and the source's key that holds it.
	KeysFor map[string]string `yaml:"keys_for,omitempty" json:"keys_for,omitempty"`
	// With vendor, what the description leaves open.
	Settings JSON `yaml:"settings,omitempty" json:"settings,omitempty"`
	// The source that {{admin}} stands for.
	Admin string `yaml:"admin,omitempty" json:"admin,omitempty"`
}

func (h *RotateHTTP) isScheduled() bool { return true }

// lateWrite: a token has an id of its own.
func (h *RotateHTTP) lateWrite() LateWrite { return LateHarmless }

func (h *RotateHTTP) listConfig(Source) []string { return nil }

func (h *RotateHTTP) withDefaults(Source) rotatorKind { return h.withCalls() }

// withCalls fills in what a vendor's description has, and the defaults.
func (h *RotateHTTP) withCalls() *RotateHTTP {
	out := *h
	if h.Vendor != "" && h.Calls == nil {
		vendor := Vendors()[h.Vendor]
		out.Calls, out.Settings = &vendor.API, vendor.mergeSettings(h.Settings)
	}
	if out.Calls != nil {
		api := out.Calls.withDefaults()
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
func (s Source) listCalls() *API {
	if s.Rotate.HTTP == nil {
		return nil
	}
	return s.Rotate.HTTP.withCalls().Calls
}

// AtOnce reports whether rotating s kills the old credential at once: until they follow, its consumers are refused.
func (s Source) AtOnce() bool {
	api := s.listCalls()
	return api != nil && api.Overlap == OverlapNone
}

// Overlap returns how long the old credential of s lives on by itself after a rotation: its consumers have to follow
// before that. It is 0 where it lives until it is retired, and where it dies AtOnce.
func (s Source) Overlap() Duration {
	api := s.listCalls()
	if api == nil {
		return 0
	}
	d, _ := ParseDuration(api.Overlap) // none, or nothing: 0
	return d
}

func (h *RotateHTTP) check(c checker, path, name string, source Source) {
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
