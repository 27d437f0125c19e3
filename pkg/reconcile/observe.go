package reconcile

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// statusTimeout bounds one look at one consumer.
const statusTimeout = 30 * time.Second

// opened is a consumer of this pass.
type opened struct {
	Consumer
	bucket string
}

// look is one pass's view while it is being made.
type look struct {
	Pass
	contents map[string]bucket.Source // by source name: what is under AWSCURRENT
	current  map[string]string        // by secret name: the version under AWSCURRENT
	texts    map[string]secret.Value  // by secret name
}

// observe reads everything: sources, buckets, consumers, and, where a retirement is owed, what the versions in
// question hold. The number of calls depends on the number of secrets and consumers, never on the number of keys.
func (p Pass) observe(ctx context.Context) (plan.State, map[string]opened, error) {
	l := look{Pass: p, contents: map[string]bucket.Source{}}
	state := plan.State{Environment: p.Environment.Name, Mode: p.Environment.Mode, AcceptRemovals: p.AcceptRemovals}
	var err error
	if l.current, l.texts, err = p.Store.Current(ctx, l.secrets()); err != nil {
		return state, nil, err
	}
	state.Now = p.Store.Now() // of the first answer: what changes during the look may not be in it
	if state.Sources, err = l.sources(ctx); err != nil {
		return state, nil, err
	}
	if state.Buckets, err = l.buckets(ctx, state.Sources); err != nil {
		return state, nil, err
	}
	consumers := l.consumers(ctx, state.Buckets)
	state.Strangers = l.strangers(ctx)
	if err := l.owed(ctx, &state); err != nil {
		return state, nil, err
	}
	return state, consumers, nil
}

// secrets names everything that is read in one batch.
func (l look) secrets() []string {
	var names []string
	for _, s := range l.Environment.Sources {
		names = append(names, s.Secret)
	}
	for _, b := range l.Environment.Buckets {
		names = append(names, b.Secret)
	}
	return names
}

func (l look) sources(ctx context.Context) ([]plan.Source, error) {
	var sources []plan.Source
	for _, s := range l.Environment.Sources {
		h, err := l.Store.LookAll(ctx, s.Secret)
		if err != nil {
			return nil, err
		}
		if err := l.unmoved(h); err != nil {
			return nil, err
		}
		l.contents[s.Name] = bucket.Source{} // it exists, and holds nothing yet
		if text, has := l.texts[s.Secret]; has {
			if l.contents[s.Name], err = bucket.ParseSource(s.Name, []byte(secret.Reveal(text))); err != nil {
				return nil, err
			}
			set(h, l.current[s.Secret], l.contents[s.Name])
		}
		sources = append(sources, plan.Source{Name: s.Name, With: s.Rotate.With, Every: s.Rotate.Every.Std(), AtOnce: s.AtOnce(), Keys: s.Keys, History: h})
	}
	return sources, nil
}

// errMoving is a change that came in between two reads of one look.
var errMoving = errors.New("its AWSCURRENT moved while it was being read: the next pass reads again")

// unmoved makes sure that the labels and the values were read of the same moment.
func (l look) unmoved(h history.History) error {
	if v, _ := h.Current(); v.ID != l.current[h.Secret] {
		return fmt.Errorf("read %s: %w", h.Secret, errMoving)
	}
	return nil
}

func (l look) buckets(ctx context.Context, sources []plan.Source) ([]plan.Bucket, error) {
	computed, err := bucket.Compute(l.Environment, l.contents)
	if err != nil {
		return nil, err
	}
	current := versions(sources)
	var buckets []plan.Bucket
	for i, want := range computed {
		definition := l.Environment.Buckets[i]
		h, err := l.Store.Look(ctx, want.Secret)
		if err != nil {
			return nil, err
		}
		if err := l.unmoved(h); err != nil {
			return nil, err
		}
		want.ARN, want.Version = h.ARN, bucket.Token(l.Environment, definition, current)
		b := plan.Bucket{Want: want, Entries: l.Environment.Entries(definition), History: h}
		if err := l.know(b, b.History, l.current[want.Secret], l.texts[want.Secret]); err != nil {
			return nil, err
		}
		if b.Stale() {
			if b.Made, err = l.Store.Versions(ctx, want.Secret); err != nil {
				return nil, err
			}
		}
		buckets = append(buckets, b)
	}
	return buckets, nil
}

// know notes the content of one version of a bucket. One that is malformed, though rotary has written the bucket
// before, was put by hand, and is written over like any other content that should not be there.
func (l look) know(b plan.Bucket, h history.History, version string, text secret.Value) error {
	if version == "" {
		return nil
	}
	content, err := bucket.ParseSource(b.Want.Secret, []byte(secret.Reveal(text)))
	switch {
	case err == nil:
		set(h, version, content)
	case h.Written():
		h.SetMalformed(version)
	default:
		return err
	}
	return nil
}

// versions are the current version ids by source name.
func versions(sources []plan.Source) map[string]string {
	ids := map[string]string{}
	for _, s := range sources {
		if v, has := s.Current(); has {
			ids[s.Name] = v.ID
		}
	}
	return ids
}

// consumers looks at every consumer. One that cannot be read is a consumer of which nothing is known.
func (l look) consumers(ctx context.Context, buckets []plan.Bucket) map[string]opened {
	all := map[string]opened{}
	for i := range buckets {
		b := &buckets[i]
		for _, c := range l.Environment.Consumers {
			if c.Bucket != b.Want.Name {
				continue
			}
			consumer, seen := l.status(ctx, c, *b)
			all[c.Name] = opened{consumer, b.Want.Name}
			b.Consumers = append(b.Consumers, plan.Consumer{Name: c.Name, Leaving: c.Leaving, Drain: time.Duration(c.Drain), Seen: seen})
		}
	}
	return all
}

func (l look) status(ctx context.Context, c manifest.Consumer, b plan.Bucket) (Consumer, plan.Seen) {
	consumer, err := l.Open(c, l.opening(b))
	if err != nil {
		return nil, unread(c, err)
	}
	ctx, cancel := context.WithTimeout(ctx, statusTimeout)
	defer cancel()
	seen, err := consumer.Status(ctx)
	if err != nil {
		return consumer, unread(c, err)
	}
	seen.Consumer = c.Name
	return consumer, seen
}

// strangers asks the census. Where it does not answer, there may be anybody.
func (l look) strangers(ctx context.Context) []plan.Seen {
	if l.Census == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, statusTimeout)
	defer cancel()
	found, err := l.Census.Strangers(ctx)
	if err != nil {
		found = append(found, plan.Seen{Consumer: "census", Unread: true, Unknown: err.Error()})
	}
	return found
}

func unread(c manifest.Consumer, err error) plan.Seen {
	return plan.Seen{Consumer: c.Name, Unread: true, Unknown: err.Error()}
}

func (l look) opening(b plan.Bucket) Opening {
	return Opening{
		Environment: l.Environment,
		Bucket:      b.History,
		Key:         l.key,
		Now:         l.Store.Now(),
		Content: func(ctx context.Context, version string) (map[string]secret.Value, error) {
			return l.content(ctx, b, version)
		},
	}
}

// key finds the current value of a canonical key, whichever source declares it.
func (l look) key(key string) secret.Value {
	s, _ := l.Environment.SourceOf(key)
	return l.contents[s.Name][key]
}

func (l look) content(ctx context.Context, b plan.Bucket, version string) (map[string]secret.Value, error) {
	if v, known := b.Version(version); known && v.Values != nil {
		return v.Values, nil
	}
	text, has, err := l.Store.Value(ctx, b.Secret, version)
	if err != nil || !has {
		return nil, err
	}
	return bucket.ParseSource(b.Secret, []byte(secret.Reveal(text)))
}

// owed reads what decides who still needs an owed credential: the owed versions, and every version of a bucket
// that is in play or that somebody could start on. Nothing is read where nothing is owed.
func (l look) owed(ctx context.Context, s *plan.State) error {
	some := false
	for _, source := range s.Sources {
		for _, v := range source.Owed() {
			some = true
			if err := l.reveal(ctx, source.Name, source.History, v); err != nil {
				return err
			}
		}
	}
	if !some {
		return nil
	}
	for _, b := range s.Buckets {
		for _, v := range b.Versions {
			if err := l.reveal(ctx, b.Secret, b.History, v); err != nil {
				return err
			}
		}
	}
	return nil
}

// reveal reads one version's content into the history, unless it is there already. What a person put by mistake and
// has replaced since must not stop the pass: such a version is noted as malformed.
func (l look) reveal(ctx context.Context, name string, h history.History, v history.Version) error {
	if v.Values != nil {
		return nil
	}
	text, has, err := l.Store.Value(ctx, h.Secret, v.ID)
	if err != nil {
		return err
	}
	if !has {
		h.SetEmpty(v.ID, true)
		return nil
	}
	if content, err := bucket.ParseSource(name, []byte(secret.Reveal(text))); err == nil {
		set(h, v.ID, content)
	} else {
		h.SetMalformed(v.ID)
	}
	return nil
}

// set notes a version's content. The histories of a state share their versions, so every copy sees it.
func set(h history.History, id string, values map[string]secret.Value) {
	if i := slices.IndexFunc(h.Versions, func(v history.Version) bool { return v.ID == id }); i >= 0 {
		h.Versions[i].Values = maps.Clone(values)
	}
}
