package credential

import (
	"maps"
	"slices"

	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/rotate/httpapi/vendorapi"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// Of returns the credentials that a version of a source holds, by the canonical names of its values. Each is there
// once, with all its keys, in the order of the keys.
//
//	source                    credentials                                     identity
//	postgres, mysql           the login of each URL, and of the fields        the user
//	aws-access-key            the secret                                      the key's id
//	http                      what create sets, together                      the keys that a vendor lists or revokes by
//	random                    each value; of pairs, each private half         none
//	manual, managed, never    each value; the login of a connection string    the user, or none
//	                          or of the stored names username and password;
//	                          an access key
//
// Keys under config, what a login's host, port and database are, connection strings that leave the login to the keys
// beside them, public keys and certificates are none.
func Of(source manifest.Source, values map[string]secret.Value) []Credential {
	v := version{source: source, values: values}
	switch source.Rotate.Kind() {
	case manifest.Postgres, manifest.MySQL:
		v.addLoginOfFields()
		for _, key := range source.Database().URL {
			v.addValue(key)
		}
	case manifest.AWSAccessKey:
		v.addAccessKey()
	case manifest.HTTP:
		v.addToken()
	case manifest.Random:
		for _, key := range source.Writes() {
			v.addValue(key)
		}
	default:
		v.addLoginOfFields()
		v.addAccessKey()
		for _, key := range source.KeyNames() {
			v.addValue(key)
		}
	}
	slices.SortStableFunc(v.found, func(a, b Credential) int { return slices.Compare(a.Keys, b.Keys) })
	return v.found
}

// version collects the credentials of one version.
type version struct {
	source manifest.Source
	values map[string]secret.Value
	found  []Credential
	beside bool     // user and password have keys of their own
	taken  []string // keys that need not be looked at by themselves any more
}

// addCredential adds a credential, or its keys to one that is there already. Empty material is left out.
func (v *version) addCredential(c Credential) {
	c.Material = slices.DeleteFunc(c.Material, func(m secret.Value) bool { return m.Equal(secret.Value{}) })
	if len(c.Material) == 0 {
		return
	}
	for i, other := range v.found {
		if c.Identity.Equal(other.Identity) && slices.EqualFunc(c.Material, other.Material, secret.Value.Equal) {
			v.found[i].Keys = slices.Compact(slices.Sorted(slices.Values(slices.Concat(other.Keys, c.Keys))))
			return
		}
	}
	c.Weak = slices.ContainsFunc(c.Material, c.isWeak)
	slices.Sort(c.Keys)
	v.found = append(v.found, c)
}

// addLoginOfFields adds the login whose parts stand under keys of their own.
func (v *version) addLoginOfFields() {
	fields, _ := v.source.FindLogin()
	if fields.Username == "" || fields.Password == "" {
		return
	}
	v.beside = true
	v.taken = append(v.taken, fields.Username, fields.Password, fields.Host, fields.Port, fields.DBName)
	v.addCredential(Credential{Kind: Login, Keys: []string{fields.Username, fields.Password},
		Identity: v.values[fields.Username], Material: []secret.Value{v.values[fields.Password]}})
}

// addAccessKey adds the access key whose two parts stand under keys of their own.
func (v *version) addAccessKey() {
	id, key := v.source.AccessKey()
	if id == "" || key == "" {
		return
	}
	v.taken = append(v.taken, id, key)
	v.addCredential(Credential{Kind: AccessKey, Keys: []string{id, key}, Identity: v.values[id],
		Material: []secret.Value{v.values[key]}})
}

// addValue adds what stands under a key that no other credential has taken: a login, or a value by itself.
func (v *version) addValue(key string) {
	value := v.values[key]
	known := slices.Concat(v.taken, v.source.Config, v.source.Known())
	if slices.Contains(known, key) || isPublic(value) {
		return
	}
	c := Credential{Kind: Plain, Keys: []string{key}, Material: []secret.Value{value}}
	l, is := readLogin(value)
	if !is && v.beside && leavesLoginOut(value) {
		return
	}
	if is {
		c.Kind, c.Identity, c.Material = l.chooseKind(), l.user, []secret.Value{l.password}
	}
	v.addCredential(c)
}

// addToken adds what a vendor's answer gave, as one credential.
func (v *version) addToken() {
	keys := v.source.Writes()
	identity := listIdentityKeys(v.source, keys)
	c := Credential{Kind: Token, Keys: keys}
	for _, key := range keys {
		switch {
		case len(identity) > 0 && identity[0] == key:
			c.Identity = v.values[key]
		case !slices.Contains(identity, key) && !slices.Contains(v.source.Config, key):
			c.Material = append(c.Material, v.values[key])
		}
	}
	v.addCredential(c)
}

// listIdentityKeys returns those keys by which the vendor lists credentials, says whose one is, or revokes one in the
// address of a call: they name a token and are none. A description of which nothing else would be left has none.
func listIdentityKeys(source manifest.Source, keys []string) []string {
	http := source.Rotate.HTTP
	if http.Calls == nil {
		return nil
	}
	names := slices.Collect(maps.Keys(http.Calls.Test.Same))
	if http.Calls.Find != nil {
		names = slices.AppendSeq(names, maps.Keys(http.Calls.Find.Set))
	}
	identity := slices.DeleteFunc(slices.Clone(keys), func(key string) bool {
		return !slices.ContainsFunc(names, func(name string) bool { return http.KeyFor(name) == key }) &&
			!revokesBy(*http.Calls, http, key)
	})
	if len(identity) == len(keys) {
		return nil
	}
	return identity
}

// revokesBy reports whether the address of the call that revokes a credential has its value of a key.
func revokesBy(api vendorapi.API, http *manifest.RotateHTTP, key string) bool {
	if api.Revoke == nil {
		return false
	}
	address, _ := vendorapi.ParseTemplate(api.Revoke.URL)
	return slices.ContainsFunc(address, func(p vendorapi.Part) bool {
		return p.Kind == vendorapi.OwedName && http.KeyFor(p.Name) == key
	})
}
