package trail

import (
	"cmp"
	"slices"
	"time"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// Reader is a principal that has read one of the environment's secrets.
type Reader struct {
	Secret    string    `json:"secret"` // its name
	Principal string    `json:"principal"`
	Who       string    `json:"who,omitempty"` // by the manifest; "" for a stranger
	Count     int       `json:"count"`
	First     time.Time `json:"first"`
	Last      time.Time `json:"last"`
	Versions  []string  `json:"versions,omitempty"` // the ids that it asked for, sorted
	Stages    []string  `json:"stages,omitempty"`   // the labels that it asked for, sorted; AWSCURRENT where it asked for nothing
	Agent     string    `json:"agent,omitempty"`    // of its last read
	Address   string    `json:"address,omitempty"`
}

// IsStranger reports whether the manifest does not explain the reader.
func (r Reader) IsStranger() bool { return r.Who == "" }

// gathering adds up what one principal has read of one secret. What it ends with does not depend on the order.
type gathering struct {
	Reader
	last            Read
	single, batched int
}

// Gather returns who has read which secret of the environment, sorted by secret and principal. Reads of other secrets are
// left out, and an event that comes twice counts once.
func Gather(env *manifest.Environment, reads []Read) []Reader {
	type pair struct{ secret, principal string }
	type event struct{ id, secret string }
	all, seen := map[pair]*gathering{}, map[event]bool{}
	for _, read := range reads {
		secret, ours := env.SecretNamed(read.Secret)
		if !ours || seen[event{read.ID, secret}] {
			continue
		}
		seen[event{read.ID, secret}] = true
		key := pair{secret, read.Principal}
		if all[key] == nil {
			who, _ := env.ExplainReader(secret, read.Principal)
			all[key] = &gathering{Reader: Reader{Secret: secret, Principal: read.Principal, Who: who, First: read.At}}
		}
		all[key].addRead(read)
	}
	readers := make([]Reader, 0, len(all))
	for _, g := range all {
		readers = append(readers, g.finish())
	}
	slices.SortFunc(readers, func(a, b Reader) int {
		return cmp.Or(cmp.Compare(a.Secret, b.Secret), cmp.Compare(a.Principal, b.Principal))
	})
	return readers
}

func (g *gathering) addRead(r Read) {
	if r.Batch {
		g.batched++
	} else {
		g.single++
	}
	if r.At.Before(g.First) {
		g.First = r.At
	}
	if compareReads(r, g.last) > 0 {
		g.last = r
	}
	switch {
	case r.Version != "":
		g.Versions = append(g.Versions, r.Version)
	default:
		g.Stages = append(g.Stages, cmp.Or(r.Stage, history.AWSCurrent))
	}
}

// compareReads orders reads by time, and those of one moment in some order that is always the same.
func compareReads(a, b Read) int {
	return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Agent, b.Agent), cmp.Compare(a.Address, b.Address))
}

// finish returns the reader. A batch leaves an event of its own beside one for each secret: it is counted once.
func (g *gathering) finish() Reader {
	g.Count, g.Last, g.Agent, g.Address = max(g.single, g.batched), g.last.At, g.last.Agent, g.last.Address
	slices.Sort(g.Versions)
	slices.Sort(g.Stages)
	g.Versions, g.Stages = slices.Compact(g.Versions), slices.Compact(g.Stages)
	return g.Reader
}
