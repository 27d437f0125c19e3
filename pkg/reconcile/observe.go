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
	"github.com/rotary-secrets/rotary/pkg/parallel"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// statusTimeout bounds one look at one consumer, and censusTimeout each of the two steps of a census and what ECS is asked
// about one consumer.
const (
	statusTimeout = 30 * time.Second
	censusTimeout = 2 * time.Minute
)

// openConsumer is a consumer of this pass with its driver, and the bucket that it runs on; "" where it reads a source.
type openConsumer struct {
	Consumer
	kind       string
	bucket     string
	deployable []string // bucket versions that its revisions could be deployed with
}

// observer makes one pass's State.
type observer struct {
	Pass
	sources map[string]bucket.Source // by source name: what is under AWSCURRENT, then what is taken; not those that are frozen
	frozen  map[string]bool          // by source name
	unread  map[string]error         // by secret name: why its value cannot be read
	current map[string]string        // by secret name: the version under AWSCURRENT
	texts   map[string]secret.Value  // by secret name
	looked  map[string]described     // by secret name

	revisions bool // it matters which versions somebody could deploy
}

// described is what Secrets Manager answers about a secret, or why it does not.
type described struct {
	history.History
	err error
}

// observation is what one look has read, and the plan that is made from it.
type observation struct {
	plan.State
	consumers map[string]openConsumer
	reused    reuse
	plan      plan.Plan
}

// reuse is what a look takes from the memory.
type reuse int

const (
	reusedNothing reuse = iota
	reusedLists         // of versions of sources
	reusedBuckets       // and descriptions of buckets
)

// decideReuse returns what this look may take from the memory.
func (o observer) decideReuse(now time.Time) reuse {
	switch {
	case !o.Memory.isRecent(now) || len(o.unread) > 0:
		return reusedNothing
	case o.Memory.hasSameCurrent(o.current):
		return reusedBuckets
	}
	return reusedLists
}

// observe reads everything, or where it need not be whole what has moved since the memory: sources, buckets, consumers,
// and, where a retirement is owed, what the versions in question hold. The number of calls depends on the number of
// secrets and consumers, never on the number of keys.
func (p Pass) observe(ctx context.Context, whole bool) (observation, error) {
	o := observer{Pass: p, sources: map[string]bucket.Source{}, frozen: map[string]bool{}}
	seen := observation{State: plan.State{
		Environment: p.Environment.Name, Mode: p.Environment.Mode, AcceptRemovals: p.AcceptRemovals,
		Disown: p.Disown,
	}}
	state := &seen.State
	err := o.readCurrent(ctx)
	if err != nil {
		return seen, err
	}
	state.Now = p.Store.Now() // of the first answer: what changes during the look may not be in it
	if !whole {
		seen.reused = o.decideReuse(state.Now)
	}
	if err := o.describeSecrets(ctx, seen.reused); err != nil {
		return seen, err
	}
	if state.Sources, err = o.readSources(); err != nil {
		return seen, err
	}
	if err := o.takeVersions(ctx, *state); err != nil {
		return seen, err
	}
	if state.Buckets, err = o.readBuckets(ctx, state.Sources); err != nil {
		return seen, err
	}
	if err := o.readAges(ctx, *state, state.IsAgeing); err != nil {
		return seen, err
	}
	o.revisions = state.NeedsRevisions()
	seen.consumers = o.lookAround(ctx, state)
	if state.HasUnknown() {
		if err := o.readAges(ctx, *state, func(plan.Bucket) bool { return true }); err != nil {
			return seen, err
		}
	}
	return seen, o.readOwed(ctx, *state)
}

// readCurrent reads what is current in every secret. It fails where Secrets Manager does: a secret that cannot be read
// while others can is noted.
func (o *observer) readCurrent(ctx context.Context) error {
	var err error
	o.current, o.texts, err = o.Store.Current(ctx, o.secretNames())
	if some, is := errors.AsType[*history.Unreadable](err); is {
		o.unread, err = some.Secrets, nil
	}
	return err
}

// secretNames names everything that is read in one batch.
func (o observer) secretNames() []string {
	var names []string
	for _, s := range o.Environment.Sources {
		names = append(names, s.Secret)
	}
	for _, b := range o.Environment.Buckets {
		names = append(names, b.Secret)
	}
	return names
}

// describeSecrets reads the labels of every source and bucket, many at a time. It fails where Secrets Manager does: the
// trouble of one secret is noted.
func (o *observer) describeSecrets(ctx context.Context, r reuse) error {
	names := o.secretNames()
	all := make([]described, len(names))
	err := parallel.All(ctx, len(names), func(ctx context.Context, i int) error {
		look := o.Store.LookAll
		switch isBucket := i >= len(o.Environment.Sources); {
		case isBucket && r == reusedBuckets:
			all[i].History = o.Memory.kept[names[i]]
			return nil
		case isBucket:
			look = o.Store.Look
		case r != reusedNothing:
			look = o.lookAgain
		}
		h, err := look(ctx, names[i])
		if all[i] = (described{h, err}); isUnreadable(err) {
			return nil
		}
		return err
	})
	o.looked = map[string]described{}
	for i, name := range names {
		o.looked[name] = all[i]
	}
	return err
}

func (o observer) readSources() ([]plan.Source, error) {
	var sources []plan.Source
	for _, s := range o.Environment.Sources {
		source, err := o.readSource(s)
		if err != nil {
			return nil, err
		}
		sources = append(sources, source)
	}
	return sources, nil
}

// readSource returns a source with the content of its current version, which buckets are computed from, or frozen.
func (o observer) readSource(s manifest.Source) (plan.Source, error) {
	source := plan.Source{
		Name: s.Name, Manifest: s, Contents: plan.Contents{}, Takes: o.Environment.RetirementTakes(s),
	}
	values, err := o.readSourceValues(&source)
	why, alone := explainFrozen(err)
	switch {
	case alone:
		source.Frozen, o.frozen[s.Name] = why, true
	case err != nil:
		return source, err
	default:
		o.sources[s.Name] = values
	}
	return source, nil
}

// readSourceValues reads a source into s, and returns the values of its current version; none where it has no version.
func (o observer) readSourceValues(s *plan.Source) (bucket.Source, error) {
	looked := o.looked[s.Manifest.Secret]
	if s.History = looked.History; looked.err != nil {
		return nil, looked.err
	}
	if err := o.unread[s.Secret]; err != nil {
		return nil, markFrozen(err)
	}
	if err := o.checkUnmoved(s.History); err != nil {
		return nil, err
	}
	values, version := bucket.Source{}, o.current[s.Secret]
	text, has, err := o.currentText(s.Secret)
	if err == nil && has {
		values, s.Undeclared, err = bucket.ReadSource(s.Manifest, text)
	}
	if version != "" {
		s.Contents[version] = plan.Content{Values: maps.Clone(values), Malformed: err != nil}
	}
	if err == nil {
		err = bucket.CheckSource(o.Environment, s.Manifest, values)
	}
	return values, markFrozen(err)
}

// currentText returns what the batch has read of a secret. It fails with secret.ErrBinary.
func (o observer) currentText(name string) (text secret.Value, has bool, err error) {
	text, has = o.texts[name]
	if !has && o.current[name] != "" {
		return text, false, fmt.Errorf("read %s: %w", name, secret.ErrBinary)
	}
	return text, has, nil
}

// errMoving is a change that came in between two reads of one look.
var errMoving = errors.New("its AWSCURRENT moved while it was being read: the next pass reads again")

// checkUnmoved fails with errMoving where the labels and the values were not read of the same moment.
func (o observer) checkUnmoved(h history.History) error {
	if v, _ := h.Current(); v.ID != o.current[h.Secret] {
		return fmt.Errorf("read %s: %w", h.Secret, errMoving)
	}
	return nil
}

func (o observer) readBuckets(ctx context.Context, sources []plan.Source) ([]plan.Bucket, error) {
	taken := plan.TakenVersions(sources)
	buckets := make([]plan.Bucket, len(o.Environment.Buckets))
	err := parallel.All(ctx, len(buckets), func(ctx context.Context, i int) error {
		b, definition := &buckets[i], o.Environment.Buckets[i]
		*b = plan.Bucket{
			Want:    bucket.Bucket{Name: definition.Name, Secret: definition.Secret},
			Entries: o.Environment.Entries(definition), Contents: plan.Contents{},
		}
		err := o.readBucket(ctx, b, definition, taken)
		if why, alone := explainFrozen(err); alone {
			b.Frozen, b.Want.Values, err = why, nil, nil
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	o.addRelations(buckets)
	return buckets, nil
}

// readBucket reads a bucket into b as it is, and computes it as it should be. Where it is stale, the ages of all its
// versions are read too: they bound how often it is written.
func (o observer) readBucket(
	ctx context.Context, b *plan.Bucket, definition manifest.Bucket, taken map[string]string,
) error {
	looked := o.looked[definition.Secret]
	if b.History = looked.History; looked.err != nil {
		return looked.err
	}
	b.Want.ARN, b.Want.Version = b.ARN, o.tokenOf(definition, taken, o.keepFrozen(*b))
	if err := o.unread[definition.Secret]; err != nil {
		return markFrozen(err)
	}
	if err := o.checkUnmoved(b.History); err != nil {
		return err
	}
	if version := o.current[definition.Secret]; version != "" {
		var err error
		if b.Contents[version], err = o.readBucketContent(b.History); err != nil {
			return markFrozen(err)
		}
	}
	derived, err := bucket.ComputeOne(o.Environment, definition, o.sources, o.keepFrozen(*b))
	if err != nil {
		return markFrozen(err)
	}
	b.Want.Values, b.Want.Origin = derived.Values, derived.Origin
	if b.Stale() {
		b.Made, err = o.Store.Versions(ctx, definition.Secret)
	}
	return err
}

// readBucketContent returns the current version of a bucket. One that is malformed, though rotary has written the bucket
// before, was put by hand, and is written over like any other content that should not be there; one that is malformed
// and not rotary's is an error.
func (o observer) readBucketContent(h history.History) (plan.Content, error) {
	text, _, err := o.currentText(h.Secret)
	if err == nil {
		var values map[string]secret.Value
		if values, err = bucket.ReadBucket(h.Secret, text); err == nil {
			return plan.Content{Values: values}, nil
		}
	}
	if h.Written() {
		return plan.Content{Malformed: true}, nil
	}
	return plan.Content{}, err
}

// describeConsumer returns a consumer as the manifest has it and as it was seen.
func describeConsumer(c manifest.Consumer, seen plan.Seen) plan.Consumer {
	return plan.Consumer{
		Name: c.Name, Kind: c.Kind(), Leaving: c.Leaving, Drain: c.Drain().Std(), RunsTasks: c.ECS != nil || c.ECSFamily != nil, Seen: seen,
	}
}

// readStatus looks at a consumer. What it runs cannot be told where the secret that it reads could not be described:
// frozen is why.
func (o observer) readStatus(
	ctx context.Context, c manifest.Consumer, at Opening, frozen string,
) (Consumer, plan.Seen) {
	if at.Secret.ARN == "" {
		return nil, unreadConsumer(c, errors.New("what it reads is frozen: "+frozen))
	}
	consumer, err := o.Open(c, at)
	if err != nil {
		return nil, unreadConsumer(c, err)
	}
	ctx, cancel := context.WithTimeout(ctx, timeForStatus(c))
	defer cancel()
	seen, err := consumer.Status(ctx)
	if err != nil {
		return consumer, unreadConsumer(c, err)
	}
	seen.Consumer = c.Name
	return consumer, seen
}

func unreadConsumer(c manifest.Consumer, err error) plan.Seen {
	return plan.Seen{Consumer: c.Name, Unread: true, Unknown: err.Error()}
}

// openingFor is openingOf for a consumer of the manifest, with what it is to adopt.
func (o observer) openingFor(c manifest.Consumer, b plan.Bucket) Opening {
	at := o.openingOf(b)
	if names, asked := o.Adopt[c.Name]; asked {
		at.Adopt = names
		if len(names) == 0 {
			at.Adopt = c.Adoptable()
		}
	}
	return at
}

func (o observer) openingOf(b plan.Bucket) Opening {
	at := o.openSecret(b.History)
	at.Content = func(ctx context.Context, version string) (map[string]secret.Value, error) {
		return o.readBucketVersion(ctx, b, version)
	}
	return at
}

// openSecret returns what a consumer's driver is opened with, but for the content of its bucket.
func (o observer) openSecret(h history.History) Opening {
	return Opening{Environment: o.Environment, Secret: h, Key: o.valueOfKey, Now: o.Store.Now(), Revisions: o.revisions, Hints: o.DryRun}
}

// valueOfKey returns the current value of a canonical key, whichever source declares it.
func (o observer) valueOfKey(key string) secret.Value {
	s, _ := o.Environment.SourceOf(key)
	return o.sources[s.Name][key]
}

// readBucketVersion returns what a version of a bucket holds; nil where it has no value.
func (o observer) readBucketVersion(
	ctx context.Context, b plan.Bucket, version string,
) (map[string]secret.Value, error) {
	if read := b.Contents[version]; read.Values != nil {
		return read.Values, nil
	}
	text, has, err := o.Store.Value(ctx, b.Secret, version)
	if err != nil || !has {
		return nil, err
	}
	return bucket.ReadBucket(b.Secret, text)
}

// readAges adds to some buckets which versions exist and when each was made.
func (o observer) readAges(ctx context.Context, s plan.State, wanted func(plan.Bucket) bool) error {
	return parallel.All(ctx, len(s.Buckets), func(ctx context.Context, i int) error {
		b := &s.Buckets[i]
		if b.ARN == "" || !wanted(*b) {
			return nil
		}
		if b.Made == nil {
			var err error
			b.Made, err = o.Store.Versions(ctx, b.Secret)
			if why, alone := explainFrozen(err); alone {
				b.Frozen, b.Want.Values = why, nil
				return nil
			}
			if err != nil {
				return err
			}
		}
		b.Versions = withAges(b.Versions, b.Made)
		return nil
	})
}

// withAges returns versions with the creation times that they have in made.
func withAges(versions, made []history.Version) []history.Version {
	dated := slices.Clone(versions)
	for i, v := range dated {
		if listed, known := (history.History{Versions: made}).Version(v.ID); known {
			dated[i].Created = listed.Created
		}
	}
	return dated
}

// readOwed adds to the contents of s what decides who still needs an owed credential: the owed versions, those that
// another source has claimed, and every version of a bucket that is in play or that somebody could start on. Nothing is
// read where nothing is owed.
func (o observer) readOwed(ctx context.Context, s plan.State) error {
	some := slices.ContainsFunc(s.Sources, func(source plan.Source) bool { return len(source.Owed()) > 0 })
	if !some {
		return nil
	}
	return parallel.All(ctx, len(s.Sources)+len(s.Buckets), func(ctx context.Context, i int) error {
		if i < len(s.Sources) {
			return o.readOwedSource(ctx, s.Sources[i])
		}
		return o.readInPlay(ctx, s, s.Buckets[i-len(s.Sources)])
	})
}

// readOwedSource adds the owed and claimed versions of a source to its contents.
func (o observer) readOwedSource(ctx context.Context, source plan.Source) error {
	declared, _ := o.Environment.Source(source.Name)
	return o.readContents(ctx, source.Secret, source.Claimed(), source.Contents, func(text secret.Value) (map[string]secret.Value, error) {
		values, _, err := bucket.ReadSource(declared, text)
		return values, err
	})
}

// readInPlay adds the versions of a bucket that are in play, or that somebody could start on, to its contents.
func (o observer) readInPlay(ctx context.Context, s plan.State, b plan.Bucket) error {
	if b.ARN == "" { // what it has cannot be described
		return nil
	}
	return o.readContents(ctx, b.Secret, s.ListInPlay(b), b.Contents, func(text secret.Value) (map[string]secret.Value, error) {
		return bucket.ReadBucket(b.Secret, text)
	})
}

// readContents adds these versions of a secret to contents, unless their values are there; parse reads their texts. What
// a person put by mistake and has replaced since must not stop the pass: such a version is Malformed.
func (o observer) readContents(
	ctx context.Context, name string, versions []history.Version, contents plan.Contents,
	parse func(secret.Value) (map[string]secret.Value, error),
) error {
	for _, v := range versions {
		if contents[v.ID].Values != nil {
			continue
		}
		text, has, err := o.Store.Value(ctx, name, v.ID)
		switch {
		case errors.Is(err, secret.ErrBinary):
			contents[v.ID] = plan.Content{Malformed: true}
		case isUnreadable(err):
			contents[v.ID] = plan.Content{} // it may hold anything
		case err != nil:
			return err
		case !has:
			contents[v.ID] = plan.Content{Absent: true}
		default:
			values, err := parse(text)
			contents[v.ID] = plan.Content{Values: values, Malformed: err != nil}
		}
	}
	return nil
}
