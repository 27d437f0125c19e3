package simulation

import (
	"cmp"
	"maps"
	"slices"

	"github.com/rotary-secrets/rotary/internal/stage"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// listRehearsed returns the actions that only the rehearsal of a manifest has, by name.
func listRehearsed() map[string]func(w *World, args []string) error {
	return map[string]func(w *World, args []string) error{
		"sweep": runSweep, "lack": putWithoutKey, "correct": putWhole, "replace": replaceManaged, "spoil": spoilImage, "repair": repairImage,
	}
}

// runSweep carries out a sweep: Secrets Manager tries an unfinished rotation again, a pass runs, pipelines deploy what it
// waits for, and a person revokes what rotary reports as safe to revoke.
func runSweep(w *World, _ []string) error {
	w.retryRotations()
	err := w.runPass(w.ctx)
	w.renderWaiting()
	w.revokeByHand()
	w.checkAll()
	w.checkRemembered()
	return err
}

// spoilImage makes what a service starts from now on exit where a source's values are others than now: its image
// cannot work with them.
func spoilImage(w *World, args []string) error {
	c, err := w.findConsumer(args, isECS)
	if err != nil || len(args) < 2 {
		return errNotNow
	}
	bucket, _ := w.Env.Bucket(c.Bucket)
	before := map[string]string{}
	for name, value := range w.computeWanted(bucket) {
		if w.sourceOf(bucket, name) == args[1] {
			before[name] = secret.Reveal(value)
		}
	}
	app := stage.App(w.Env, c)
	app.Rejects = func(name, value string) bool {
		old, of := before[name]
		return of && value != old
	}
	w.Image(w.imageOf(c), app)
	return nil
}

// repairImage makes the image that a service is on a healthy one.
func repairImage(w *World, args []string) error {
	c, err := w.findConsumer(args, isECS)
	if err == nil {
		w.Image(w.imageOf(c), stage.App(w.Env, c))
	}
	return err
}

// imageOf returns the image that was last released for a consumer.
func (w *World) imageOf(c manifest.Consumer) string {
	return cmp.Or(w.images[c.Name], stage.Image(c.Name))
}

// sourceOf returns the source of a bucket's name.
func (w *World) sourceOf(b manifest.Bucket, name string) (source string) {
	for _, e := range w.Env.Entries(b) {
		if e.Name == name {
			source = e.Source
		}
	}
	return source
}

// Settled checks what must be true whenever everything has followed, as far as Finish can without taking part.
func (w *World) Settled() {
	w.checkIdle()
	w.checkFaithful()
	w.checkDelivered()
	w.checkAlone()
}

// putWithoutKey puts a source without one of its keys, as a person does by mistake.
func putWithoutKey(w *World, args []string) error {
	s, err := w.findSource(args)
	if err != nil || len(args) < 2 || !slices.Contains(s.KeyNames(), args[1]) {
		return errNotNow
	}
	whole := w.readSource(s)
	if s.Rotate.Kind() == manifest.Manual {
		whole = w.makeValues(s)
	}
	w.whole[s.Name] = whole
	wrong := maps.Clone(whole)
	delete(wrong, args[1])
	return w.putSource(s, wrong)
}

// putWhole puts the source with all of its keys after putWithoutKey.
func putWhole(w *World, args []string) error {
	s, err := w.findSource(args)
	if err != nil || w.whole[s.Name] == nil {
		return errNotNow
	}
	return w.putSource(s, w.whole[s.Name])
}

// replaceManaged rotates a source of AWS's own, as AWS does: the target has the new value, and the old one is refused
// at once.
func replaceManaged(w *World, args []string) error {
	s, err := w.findSource(args)
	if err != nil {
		return err
	}
	before := w.readSource(s)
	if err := w.putSource(s, w.makeValues(s)); err != nil {
		return err
	}
	for key, old := range before {
		w.Targets.Revoke(stage.Target(w.Env, key), secret.Reveal(old))
	}
	return nil
}

// accessKey adds an access key to values that have none. A person makes it at IAM the first time; after that the
// rotator does.
func (w *World) accessKey(s manifest.Source, values map[string]secret.Value) {
	if _, has := values[s.Writes()[0]]; has {
		return
	}
	key, err := w.AccessKey(w.ctx, s)
	if err != nil {
		w.noteViolation("seed: %v", err)
	}
	for name, value := range key {
		values[name] = secret.New(value)
	}
}
