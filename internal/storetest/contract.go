package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/secret"
	"github.com/rotary-secrets/rotary/pkg/store"
)

// StoreFacts returns the promises of pkg/store's comments, over any Secrets Manager.
func StoreFacts() []Fact {
	return append(storeTagFacts(), []Fact{
		{"Look lists the versions with a label, their labels, and the last change", "store.Store.Look", 0, func(p *probe) {
			p.createSecret("one", "two", "three")
			p.mustMove("RETAIN", "one", "")
			p.mustPut("four", "AWSPENDING", "LIVE-four")
			h, err := p.newStore().Look(p.ctx, p.name)
			p.mustStore("look", err)
			p.wantHistory("AWSCURRENT:three AWSPENDING:four AWSPREVIOUS:two LIVE-four:four RETAIN:one", h)
			out := p.describeSecret()
			if h.Secret != p.name || h.ARN != aws.ToString(out.ARN) || !h.Changed.Equal(aws.ToTime(out.LastChangedDate)) || h.RotationEnabled {
				p.noteMismatch("it says something else of the secret")
			}
		}},
		{"Look leaves out a version without a label", "store.Store.Look", 0, func(p *probe) {
			p.createSecret("one", "two", "three")
			h, err := p.newStore().Look(p.ctx, p.name)
			p.mustStore("look", err)
			p.wantHistory("AWSCURRENT:three AWSPREVIOUS:two", h)
		}},
		{"Look of a secret without a value has no versions", "store.Store.Look", 0, func(p *probe) {
			p.createSecret()
			h, err := p.newStore().Look(p.ctx, p.name)
			p.mustStore("look", err)
			p.wantHistory("", h)
		}},
		{"Look and LookAll of a secret that does not exist are ErrMissing", "store.Store.Look", 0, func(p *probe) {
			_, look := p.newStore().Look(p.ctx, p.name)
			_, lookAll := p.newStore().LookAll(p.ctx, p.name)
			if !errors.Is(look, store.ErrMissing) || !errors.Is(lookAll, store.ErrMissing) {
				p.noteMismatch("they are not")
			}
		}},
		{"LookAll lists every version with its age", "store.Store.LookAll", 0, func(p *probe) {
			p.createSecret("one", "two", "three")
			h, err := p.newStore().LookAll(p.ctx, p.name)
			p.mustStore("look", err)
			p.wantHistory("-:one AWSCURRENT:three AWSPREVIOUS:two", h)
			for i, v := range h.Versions {
				if v.Created.IsZero() || v.Empty || i > 0 && v.Created.Before(h.Versions[i-1].Created) {
					p.noteMismatch("%s has no age, no value, or stands in the wrong place", wordOf(v.ID))
				}
			}
		}},
		{"Versions lists every version with its labels, oldest first", "store.Store.Versions", 0, func(p *probe) {
			p.createSecret("one", "two", "three")
			all, err := p.newStore().Versions(p.ctx, p.name)
			p.mustStore("list", err)
			p.wantHistory("-:one AWSCURRENT:three AWSPREVIOUS:two", history.History{Versions: all})
			if !slices.IsSortedFunc(all, func(a, b history.Version) int { return a.Created.Compare(b.Created) }) {
				p.noteMismatch("not in their order")
			}
			if _, err := p.newStore().Versions(p.ctx, p.name+"-nowhere"); !errors.Is(err, store.ErrMissing) {
				p.noteMismatch("of a secret that does not exist it is not ErrMissing")
			}
		}},
		{"LookAll knows the version without a value", "store.Store.LookAll", function, func(p *probe) {
			p.createSecret("one")
			p.mustRotate("two")
			h, err := p.newStore().LookAll(p.ctx, p.name)
			p.mustStore("look", err)
			p.wantHistory("AWSCURRENT:one AWSPENDING:two", h)
			if v, _ := h.Version(versionID("two")); !v.Empty || !h.RotationEnabled {
				p.noteMismatch("it does not know it, or not that rotation is enabled")
			}
		}},
		{"Current reads what is current, in as many calls as it takes, and leaves out what has no value", "store.Store.Current", 0, func(p *probe) {
			p.createNamed(p.name+"-a", "one", "two")
			p.createNamed(p.name + "-b")
			names := []string{p.name + "-a", p.name + "-b"}
			for n := range 21 {
				names = append(names, fmt.Sprintf("%s-nowhere-%d", p.name, n))
			}
			p.createNamed(p.name+"-z", "one")
			versions, texts, err := p.newStore().Current(p.ctx, append(names, p.name+"-z"))
			p.mustStore("read", err)
			if len(versions) != 2 || len(texts) != 2 || wordOf(versions[p.name+"-a"]) != "two" || wordOf(versions[p.name+"-z"]) != "one" {
				p.noteMismatch("%d versions and %d texts, or others", len(versions), len(texts))
			}
			if !texts[p.name+"-a"].Equal(secret.New(valueOf("two"))) || !texts[p.name+"-z"].Equal(secret.New(valueOf("one"))) {
				p.noteMismatch("the texts are others")
			}
		}},
		{"Current reads what is current also after it was moved", "store.Store.Current", 0, func(p *probe) {
			p.createSecret("one", "two")
			p.mustMove("AWSCURRENT", "one", "two")
			versions, texts, err := p.newStore().Current(p.ctx, []string{p.name})
			p.mustStore("read", err)
			if wordOf(versions[p.name]) != "one" || !texts[p.name].Equal(secret.New(valueOf("one"))) {
				p.noteMismatch("it reads another version")
			}
		}},
		{"Value reads one version, and says where there is none", "store.Store.Value", 0, func(p *probe) {
			p.createSecret("one", "two", "three")
			for version, want := range map[string]string{"one": valueOf("one"), "three": valueOf("three"), "nine": ""} {
				text, has, err := p.newStore().Value(p.ctx, p.name, versionID(version))
				p.mustStore("read "+version, err)
				if has != (want != "") || !text.Equal(secret.New(want)) {
					p.noteMismatch("%s: has a value %v, or another one", version, has)
				}
			}
		}},
		{"Value of the version without a value says so", "store.Store.Value", function, func(p *probe) {
			p.createSecret("one")
			p.mustRotate("two")
			_, has, err := p.newStore().Value(p.ctx, p.name, versionID("two"))
			p.mustStore("read", err)
			if has {
				p.noteMismatch("it has one")
			}
		}},
		{"Put is repeatable, and moves no label again", "store.Store.Put", 0, func(p *probe) {
			p.createSecret("one")
			put := func() error {
				return p.newStore().Put(p.ctx, p.name, versionID("two"), secret.New(valueOf("two")), history.AWSPending, "LIVE-two")
			}
			p.mustStore("put", put())
			p.mustMove("LIVE-two", "", "two")
			p.mustStore("put again", put())
			p.wantLabels("AWSCURRENT:one AWSPENDING:two")
			p.mustStore("put without labels", p.newStore().Put(p.ctx, p.name, versionID("three"), secret.New(valueOf("three"))))
			p.wantLabels("AWSCURRENT:three AWSPREVIOUS:one")
			p.wantValue("three", "", "three")
		}},
		{"Put of another text under the same version fails, also while it is AWSPENDING", "store.Store.Put", 0, func(p *probe) {
			p.createSecret("one")
			p.mustPut("two", "AWSPENDING")
			for _, v := range []string{"one", "two"} {
				if err := p.newStore().Put(p.ctx, p.name, versionID(v), secret.New("another value"), history.AWSPending); err == nil || strings.Contains(err.Error(), "another value") {
					p.noteMismatch("put %s works, or its error quotes the value", v)
				}
				p.wantValue(v, "", v)
			}
		}},
		{"Move moves AWSCURRENT, and AWSPREVIOUS with it", "store.Store.Move", 0, func(p *probe) {
			p.createSecret("one", "two")
			p.mustStore("move", p.newStore().Move(p.ctx, p.name, history.AWSCurrent, versionID("one"), versionID("two")))
			p.wantLabels("AWSCURRENT:one AWSPREVIOUS:two")
		}},
		{"Move puts a label on, moves it, and takes it off", "store.Store.Move", 0, func(p *probe) {
			p.createSecret("one", "two")
			for _, step := range [][3]string{{"one", "", " L:one"}, {"two", "one", " L:two"}, {"", "two", ""}, {"", "two", ""}} {
				p.mustStore("move", p.newStore().Move(p.ctx, p.name, "L", deref(optionalVersionID(step[0])), deref(optionalVersionID(step[1]))))
				p.wantLabels("AWSCURRENT:two AWSPREVIOUS:one" + step[2])
			}
		}},
		{"Move of a label that is there already works", "store.Store.Move", 0, func(p *probe) {
			p.createSecret("one", "two")
			p.mustStore("move", p.newStore().Move(p.ctx, p.name, history.AWSCurrent, versionID("two"), ""))
			p.mustStore("move", p.newStore().Move(p.ctx, p.name, history.AWSCurrent, versionID("two"), versionID("one")))
			p.wantLabels("AWSCURRENT:two AWSPREVIOUS:one")
		}},
		{"Move of a label that is not where it was seen is ErrMoved, and changes nothing", "store.Store.Move", 0, func(p *probe) {
			p.createSecret("one", "two", "three")
			p.mustMove("L", "one", "")
			for _, m := range [][3]string{{history.AWSCurrent, "one", "two"}, {history.AWSCurrent, "one", ""}, {"L", "two", "three"}, {"L", "two", ""}, {"L", "", "two"}, {"M", "two", "one"}} {
				if err := p.newStore().Move(p.ctx, p.name, m[0], deref(optionalVersionID(m[1])), deref(optionalVersionID(m[2]))); !errors.Is(err, store.ErrMoved) {
					p.noteMismatch("move %s to %q from %q is not ErrMoved", m[0], m[1], m[2])
				}
			}
			p.wantLabels("AWSCURRENT:three AWSPREVIOUS:two L:one")
		}},
		{"Move onto a version that does not exist is ErrMissing, and changes nothing", "store.Store.Move", 0, func(p *probe) {
			p.createSecret("one")
			for _, from := range []string{"one", ""} {
				if err := p.newStore().Move(p.ctx, p.name, map[string]string{"one": history.AWSCurrent, "": "L"}[from], versionID("nine"), deref(optionalVersionID(from))); !errors.Is(err, store.ErrMissing) {
					p.noteMismatch("from %q it is not", from)
				}
			}
			p.wantLabels("AWSCURRENT:one")
		}},
		{"a secret marked for deletion is an error to all of a Store", "store.Store", 0, func(p *probe) {
			p.createSecret("one")
			p.deleteSecret(p.name)
			s := p.newStore()
			_, look := s.Look(p.ctx, p.name)
			_, lookAll := s.LookAll(p.ctx, p.name)
			_, _, current := s.Current(p.ctx, []string{p.name})
			_, _, one := s.Value(p.ctx, p.name, versionID("one"))
			put := s.Put(p.ctx, p.name, versionID("two"), secret.New("v"))
			move := s.Move(p.ctx, p.name, "L", versionID("one"), "")
			for i, err := range []error{look, lookAll, current, one, put, move} {
				if err == nil || !strings.Contains(err.Error(), p.name) {
					p.noteMismatch("%s works, or its error does not name it", []string{"Look", "LookAll", "Current", "Value", "Put", "Move"}[i])
				}
			}
		}},
		{"Now is the service's time as of the last answer", "store.Store.Now", 0, func(p *probe) {
			p.createSecret("one")
			s := p.newStore()
			if !s.Now().IsZero() {
				p.noteMismatch("there is one before the first answer")
			}
			h, err := s.Look(p.ctx, p.name)
			p.mustStore("look", err)
			if h.Changed.IsZero() || s.Now().Before(h.Changed.Truncate(1e9)) {
				p.noteMismatch("it is before a change that it answers with")
			}
		}},
	}...)
}

func (p *probe) newStore() *store.Store { return store.New(p.Client) }

// mustStore ends the check where a Store's method failed. Its error is the Store's own, and holds no value.
func (p *probe) mustStore(doing string, err error) {
	if err != nil {
		p.noteMismatch("%s: %s", doing, err)
		panic(endOfCheck{})
	}
}

// wantHistory notes a mismatch unless the history has these labels; "-" is a version without one.
func (p *probe) wantHistory(want string, h history.History) {
	held := map[string][]string{}
	for _, v := range h.Versions {
		held[v.ID] = v.Labels
		if !slices.IsSorted(v.Labels) {
			p.noteMismatch("labels are not sorted")
		}
	}
	if got := formatLabels(held); got != want || len(held) != len(h.Versions) {
		p.noteMismatch("it shows %q, want %q", got, want)
	}
}

func deref(id *string) string { return aws.ToString(id) }
