package rotate

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/rotate/random"
)

// Open returns the rotator that a source's manifest entry names. It fails for one that this build does not have.
func Open(source manifest.Source) (Rotator, error) {
	makers := map[string]func(manifest.Source) (Rotator, error){
		manifest.Random:  func(s manifest.Source) (Rotator, error) { return random.New(s), nil },
		manifest.Manual:  refuse("its values are put by a person: rotary put"),
		manifest.Never:   refuse("it is declared with: never, because replacing it would destroy data"),
		manifest.Managed: refuse("AWS rotates it itself"),
	}
	maker, known := makers[source.Rotate.With]
	if !known {
		return nil, fmt.Errorf("source %s: this build has no rotator %q, only %s", source.Name, source.Rotate.With, strings.Join(slices.Sorted(maps.Keys(makers)), ", "))
	}
	return maker(source)
}

// refuse makes the rotator of a source that rotary never rotates.
func refuse(reason string) func(manifest.Source) (Rotator, error) {
	return func(s manifest.Source) (Rotator, error) { return refusing{Refused{s.Name, reason}}, nil }
}

type refusing struct{ refused Refused }

func (r refusing) Create(context.Context, Values) (Values, error) { return nil, &r.refused }
func (r refusing) Set(context.Context, Values, Values) error      { return &r.refused }
func (r refusing) Test(context.Context, Values) error             { return nil }
func (r refusing) Retire(context.Context, Values, Values) (Values, error) {
	return nil, &r.refused
}
