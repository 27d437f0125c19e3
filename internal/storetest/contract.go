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

// StoreFacts returns what pkg/store's comments promise, on whatever Secrets Manager it stands.
func StoreFacts() []Fact {
	return []Fact{
		{"Look lists the versions with a label, their labels, and the last change", "store.Store.Look", 0, func(p *probe) {
			p.create("one", "two", "three")
			p.moves("RETAIN", "one", "")
			p.puts("four", "AWSPENDING", "LIVE-four")
			h, err := p.store().Look(p.ctx, p.name)
			p.stored("look", err)
			p.shows("AWSCURRENT:three AWSPENDING:four AWSPREVIOUS:two LIVE-four:four RETAIN:one", h)
			out := p.describe()
			if h.Secret != p.name || h.ARN != aws.ToString(out.ARN) || !h.Changed.Equal(aws.ToTime(out.LastChangedDate)) || h.RotationEnabled {
				p.see("it says something else of the secret")
			}
		}},
		{"Look leaves out a version without a label", "store.Store.Look", 0, func(p *probe) {
			p.create("one", "two", "three")
			h, err := p.store().Look(p.ctx, p.name)
			p.stored("look", err)
			p.shows("AWSCURRENT:three AWSPREVIOUS:two", h)
		}},
		{"Look of a secret without a value has no versions", "store.Store.Look", 0, func(p *probe) {
			p.create()
			h, err := p.store().Look(p.ctx, p.name)
			p.stored("look", err)
			p.shows("", h)
		}},
		{"Look and LookAll of a secret that does not exist are ErrMissing", "store.Store.Look", 0, func(p *probe) {
			_, look := p.store().Look(p.ctx, p.name)
			_, lookAll := p.store().LookAll(p.ctx, p.name)
			if !errors.Is(look, store.ErrMissing) || !errors.Is(lookAll, store.ErrMissing) {
				p.see("they are not")
			}
		}},
		{"LookAll lists every version with its age", "store.Store.LookAll", 0, func(p *probe) {
			p.create("one", "two", "three")
			h, err := p.store().LookAll(p.ctx, p.name)
			p.stored("look", err)
			p.shows("-:one AWSCURRENT:three AWSPREVIOUS:two", h)
			for i, v := range h.Versions {
				if v.Created.IsZero() || v.Empty || i > 0 && v.Created.Before(h.Versions[i-1].Created) {
					p.see("%s has no age, no value, or stands in the wrong place", word(v.ID))
				}
			}
		}},
		{"Versions lists every version with its labels, oldest first", "store.Store.Versions", 0, func(p *probe) {
			p.create("one", "two", "three")
			all, err := p.store().Versions(p.ctx, p.name)
			p.stored("list", err)
			p.shows("-:one AWSCURRENT:three AWSPREVIOUS:two", history.History{Versions: all})
			if !slices.IsSortedFunc(all, func(a, b history.Version) int { return a.Created.Compare(b.Created) }) {
				p.see("not in their order")
			}
			if _, err := p.store().Versions(p.ctx, p.name+"-nowhere"); !errors.Is(err, store.ErrMissing) {
				p.see("of a secret that does not exist it is not ErrMissing")
			}
		}},
		{"LookAll knows the version without a value", "store.Store.LookAll", function, func(p *probe) {
			p.create("one")
			p.rotates("two")
			h, err := p.store().LookAll(p.ctx, p.name)
			p.stored("look", err)
			p.shows("AWSCURRENT:one AWSPENDING:two", h)
			if v, _ := h.Version(id("two")); !v.Empty || !h.RotationEnabled {
				p.see("it does not know it, or not that rotation is enabled")
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
			versions, texts, err := p.store().Current(p.ctx, append(names, p.name+"-z"))
			p.stored("read", err)
			if len(versions) != 2 || len(texts) != 2 || word(versions[p.name+"-a"]) != "two" || word(versions[p.name+"-z"]) != "one" {
				p.see("%d versions and %d texts, or others", len(versions), len(texts))
			}
			if !texts[p.name+"-a"].Equal(secret.New(value("two"))) || !texts[p.name+"-z"].Equal(secret.New(value("one"))) {
				p.see("the texts are others")
			}
		}},
		{"Current reads what is current also after it was moved", "store.Store.Current", 0, func(p *probe) {
			p.create("one", "two")
			p.moves("AWSCURRENT", "one", "two")
			versions, texts, err := p.store().Current(p.ctx, []string{p.name})
			p.stored("read", err)
			if word(versions[p.name]) != "one" || !texts[p.name].Equal(secret.New(value("one"))) {
				p.see("it reads another version")
			}
		}},
		{"Value reads one version, and says where there is none", "store.Store.Value", 0, func(p *probe) {
			p.create("one", "two", "three")
			for version, want := range map[string]string{"one": value("one"), "three": value("three"), "nine": ""} {
				text, has, err := p.store().Value(p.ctx, p.name, id(version))
				p.stored("read "+version, err)
				if has != (want != "") || !text.Equal(secret.New(want)) {
					p.see("%s: has a value %v, or another one", version, has)
				}
			}
		}},
		{"Value of the version without a value says so", "store.Store.Value", function, func(p *probe) {
			p.create("one")
			p.rotates("two")
			_, has, err := p.store().Value(p.ctx, p.name, id("two"))
			p.stored("read", err)
			if has {
				p.see("it has one")
			}
		}},
		{"Put is repeatable, and moves no label again", "store.Store.Put", 0, func(p *probe) {
			p.create("one")
			put := func() error {
				return p.store().Put(p.ctx, p.name, id("two"), secret.New(value("two")), history.AWSPending, "LIVE-two")
			}
			p.stored("put", put())
			p.moves("LIVE-two", "", "two")
			p.stored("put again", put())
			p.holds("AWSCURRENT:one AWSPENDING:two")
			p.stored("put without labels", p.store().Put(p.ctx, p.name, id("three"), secret.New(value("three"))))
			p.holds("AWSCURRENT:three AWSPREVIOUS:one")
			p.reads("three", "", "three")
		}},
		{"Put of another text under the same version fails, also while it is AWSPENDING", "store.Store.Put", 0, func(p *probe) {
			p.create("one")
			p.puts("two", "AWSPENDING")
			for _, v := range []string{"one", "two"} {
				if err := p.store().Put(p.ctx, p.name, id(v), secret.New("another value"), history.AWSPending); err == nil || strings.Contains(err.Error(), "another value") {
					p.see("put %s works, or its error quotes the value", v)
				}
				p.reads(v, "", v)
			}
		}},
		{"Move moves AWSCURRENT, and AWSPREVIOUS with it", "store.Store.Move", 0, func(p *probe) {
			p.create("one", "two")
			p.stored("move", p.store().Move(p.ctx, p.name, history.AWSCurrent, id("one"), id("two")))
			p.holds("AWSCURRENT:one AWSPREVIOUS:two")
		}},
		{"Move puts a label on, moves it, and takes it off", "store.Store.Move", 0, func(p *probe) {
			p.create("one", "two")
			for _, step := range [][3]string{{"one", "", " L:one"}, {"two", "one", " L:two"}, {"", "two", ""}, {"", "two", ""}} {
				p.stored("move", p.store().Move(p.ctx, p.name, "L", deref(ids(step[0])), deref(ids(step[1]))))
				p.holds("AWSCURRENT:two AWSPREVIOUS:one" + step[2])
			}
		}},
		{"Move of a label that is there already works", "store.Store.Move", 0, func(p *probe) {
			p.create("one", "two")
			p.stored("move", p.store().Move(p.ctx, p.name, history.AWSCurrent, id("two"), ""))
			p.stored("move", p.store().Move(p.ctx, p.name, history.AWSCurrent, id("two"), id("one")))
			p.holds("AWSCURRENT:two AWSPREVIOUS:one")
		}},
		{"Move of a label that is not where it was seen is ErrMoved, and changes nothing", "store.Store.Move", 0, func(p *probe) {
			p.create("one", "two", "three")
			p.moves("L", "one", "")
			for _, m := range [][3]string{{history.AWSCurrent, "one", "two"}, {history.AWSCurrent, "one", ""}, {"L", "two", "three"}, {"L", "two", ""}, {"L", "", "two"}, {"M", "two", "one"}} {
				if err := p.store().Move(p.ctx, p.name, m[0], deref(ids(m[1])), deref(ids(m[2]))); !errors.Is(err, store.ErrMoved) {
					p.see("move %s to %q from %q is not ErrMoved", m[0], m[1], m[2])
				}
			}
			p.holds("AWSCURRENT:three AWSPREVIOUS:two L:one")
		}},
		{"Move onto a version that does not exist is ErrMissing, and changes nothing", "store.Store.Move", 0, func(p *probe) {
			p.create("one")
			for _, from := range []string{"one", ""} {
				if err := p.store().Move(p.ctx, p.name, map[string]string{"one": history.AWSCurrent, "": "L"}[from], id("nine"), deref(ids(from))); !errors.Is(err, store.ErrMissing) {
					p.see("from %q it is not", from)
				}
			}
			p.holds("AWSCURRENT:one")
		}},
		{"a secret marked for deletion is an error to all of a Store", "store.Store", 0, func(p *probe) {
			p.create("one")
			p.delete(p.name)
			s := p.store()
			_, look := s.Look(p.ctx, p.name)
			_, lookAll := s.LookAll(p.ctx, p.name)
			_, _, current := s.Current(p.ctx, []string{p.name})
			_, _, one := s.Value(p.ctx, p.name, id("one"))
			put := s.Put(p.ctx, p.name, id("two"), secret.New("v"))
			move := s.Move(p.ctx, p.name, "L", id("one"), "")
			for i, err := range []error{look, lookAll, current, one, put, move} {
				if err == nil || !strings.Contains(err.Error(), p.name) {
					p.see("%s works, or its error does not name it", []string{"Look", "LookAll", "Current", "Value", "Put", "Move"}[i])
				}
			}
		}},
		{"Now is the service's time as of the last answer", "store.Store.Now", 0, func(p *probe) {
			p.create("one")
			s := p.store()
			if !s.Now().IsZero() {
				p.see("there is one before the first answer")
			}
			h, err := s.Look(p.ctx, p.name)
			p.stored("look", err)
			if h.Changed.IsZero() || s.Now().Before(h.Changed.Truncate(1e9)) {
				p.see("it is before a change that it answers with")
			}
		}},
	}
}

func (p *probe) store() *store.Store { return store.New(p.Client) }

// stored ends the check where a Store's method fails. Its error is the Store's own, and names no value.
func (p *probe) stored(doing string, err error) {
	if err != nil {
		p.see("%s: %s", doing, err)
		panic(done{})
	}
}

// shows wants these labels in a history; "-" is a version without one.
func (p *probe) shows(want string, h history.History) {
	held := map[string][]string{}
	for _, v := range h.Versions {
		held[v.ID] = v.Labels
		if !slices.IsSorted(v.Labels) {
			p.see("labels are not sorted")
		}
	}
	if got := labels(held); got != want || len(held) != len(h.Versions) {
		p.see("it shows %q, want %q", got, want)
	}
}

func deref(id *string) string { return aws.ToString(id) }
