// Package rotators knows every rotator by its name in the manifest.
package rotators

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/rotate/accesskey"
	"github.com/rotary-secrets/rotary/pkg/rotate/httpapi"
	"github.com/rotary-secrets/rotary/pkg/rotate/mysql"
	"github.com/rotary-secrets/rotary/pkg/rotate/postgres"
	"github.com/rotary-secrets/rotary/pkg/rotate/random"
)

// Reach is what rotators come to their targets with.
type Reach struct {
	Environment *manifest.Environment
	Store       rotate.Store      // reads the sources of administrators
	AWS         aws.Config        // reaches the environment's account
	HTTP        http.RoundTripper // carries the calls of vendors' APIs; nil: the network
	// Pause waits until AWS or a vendor has settled, or its context ends. nil waits by the clock.
	Pause func(context.Context, time.Duration) error
}

// Opener returns what opens the rotator that a source's manifest entry names. Opening calls nothing, and fails for a
// rotator that this build does not have.
func Opener(r Reach) func(manifest.Source) (rotate.Rotator, error) {
	makers := map[string]func(manifest.Source) rotate.Rotator{
		manifest.Random:       func(s manifest.Source) rotate.Rotator { return random.New(s) },
		manifest.AWSAccessKey: func(s manifest.Source) rotate.Rotator { return accesskey.New(s, r.Environment, r.AWS, r.Pause) },
		manifest.HTTP:         r.vendor,
		manifest.MySQL:        func(s manifest.Source) rotate.Rotator { return mysql.New(s, r.admin(s)) },
		manifest.Postgres:     func(s manifest.Source) rotate.Rotator { return postgres.New(s, r.admin(s)) },
		manifest.Manual:       refuse("its values are put by a person: rotary put"),
		manifest.Never:        refuse("it is declared with: never, because replacing it would destroy data"),
		manifest.Managed:      refuse("AWS rotates it itself"),
	}
	return func(source manifest.Source) (rotate.Rotator, error) {
		maker, known := makers[source.Rotate.With]
		if !known {
			return nil, fmt.Errorf("source %s: this build has no rotator %q, only %s", source.Name, source.Rotate.With, strings.Join(slices.Sorted(maps.Keys(makers)), ", "))
		}
		return maker(source), nil
	}
}

func (r Reach) vendor(s manifest.Source) rotate.Rotator {
	return httpapi.New(s, httpapi.Reach{Environment: r.Environment.Name, Admin: r.admin(s), Transport: r.HTTP, Pause: r.Pause})
}

// admin reads the source that holds an administrator's credential, afresh at each call.
func (r Reach) admin(s manifest.Source) func(context.Context) (rotate.Values, error) {
	return func(ctx context.Context) (rotate.Values, error) {
		admin, known := r.Environment.Source(s.Rotate.Admin)
		if !known {
			return nil, fmt.Errorf("environment %s has no source %s", r.Environment.Name, s.Rotate.Admin)
		}
		return rotate.Current(ctx, r.Store, admin)
	}
}

// refuse makes the rotator of a source that rotary never rotates.
func refuse(reason string) func(manifest.Source) rotate.Rotator {
	return func(s manifest.Source) rotate.Rotator {
		return refusing{rotate.Refused{Source: s.Name, Reason: reason}}
	}
}

type refusing struct{ refused rotate.Refused }

func (r refusing) Create(context.Context, rotate.Start) (rotate.Values, error) {
	return nil, &r.refused
}
func (r refusing) Set(context.Context, rotate.Change) error                  { return &r.refused }
func (r refusing) Test(context.Context, rotate.Values) error                 { return nil }
func (r refusing) Retire(context.Context, rotate.End) (rotate.Values, error) { return nil, &r.refused }
