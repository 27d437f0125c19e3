// Package rotators opens the rotator that a source names in the manifest.
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
	"github.com/rotary-secrets/rotary/pkg/rotate/sqluser"
)

// Reach holds the clients and settings with which rotators reach their targets.
type Reach struct {
	Environment *manifest.Environment
	Store       rotate.Store      // reads the sources of administrators
	AWS         aws.Config        // reaches the environment's account
	HTTP        http.RoundTripper // carries the calls of vendors' APIs; nil: the network
	// Pause waits until AWS or a vendor has settled, or its context ends. nil waits by the clock.
	Pause func(context.Context, time.Duration) error
}

// Opener returns the function that opens the rotator of a source. It makes no call, and fails for a rotator that this
// build does not have.
func Opener(r Reach) func(manifest.Source) (rotate.Rotator, error) {
	makers := map[string]func(manifest.Source) rotate.Rotator{
		manifest.Random:       func(s manifest.Source) rotate.Rotator { return random.New(s) },
		manifest.AWSAccessKey: r.openAccessKey,
		manifest.HTTP:         r.openVendor,
		manifest.MySQL:        func(s manifest.Source) rotate.Rotator { return mysql.New(s, r.databaseAdmin(s)) },
		manifest.Postgres:     func(s manifest.Source) rotate.Rotator { return postgres.New(s, r.databaseAdmin(s)) },
		manifest.Manual:       refuseRotation("its values are put by a person: rotary put"),
		manifest.Never:        refuseRotation("it is declared rotate: never, because replacing it would destroy data"),
		manifest.Managed:      refuseRotation("AWS rotates it itself"),
	}
	return func(source manifest.Source) (rotate.Rotator, error) {
		maker, known := makers[source.Rotate.Kind()]
		if !known {
			names := strings.Join(slices.Sorted(maps.Keys(makers)), ", ")
			return nil, fmt.Errorf("source %s: this build has no rotator %q, only %s",
				source.Name, source.Rotate.Kind(), names)
		}
		return maker(source), nil
	}
}

func (r Reach) openAccessKey(s manifest.Source) rotate.Rotator {
	return accesskey.New(s, r.Environment, r.AWS, r.Pause)
}

func (r Reach) openVendor(s manifest.Source) rotate.Rotator {
	return httpapi.New(s, httpapi.Reach{
		Environment: r.Environment.Name, Admin: r.adminReader(s), Transport: r.HTTP, Pause: r.Pause,
	})
}

// adminReader returns a function that reads the current values of the source with the administrator's credential.
func (r Reach) adminReader(s manifest.Source) func(context.Context) (rotate.Values, error) {
	return func(ctx context.Context) (rotate.Values, error) {
		admin, known := r.Environment.Source(s.Rotate.Admin())
		if !known {
			return nil, fmt.Errorf("environment %s has no source %s", r.Environment.Name, s.Rotate.Admin())
		}
		return rotate.Current(ctx, r.Store, admin)
	}
}

// databaseAdmin returns the source with the administrator's login, which is read at each use.
func (r Reach) databaseAdmin(s manifest.Source) sqluser.Admin {
	admin, known := r.Environment.Source(s.Rotate.Admin())
	if !known {
		admin.Name = s.Rotate.Admin()
	}
	return sqluser.Admin{Source: admin, Read: r.adminReader(s)}
}

// refuseRotation returns the function that opens a rotator whose Create, Set and Retire fail with this reason.
func refuseRotation(reason string) func(manifest.Source) rotate.Rotator {
	return func(s manifest.Source) rotate.Rotator {
		return refusedRotator{rotate.Refused{Source: s.Name, Reason: reason}}
	}
}

// refusedRotator is the rotator of a source that rotary never rotates.
type refusedRotator struct{ refused rotate.Refused }

func (r refusedRotator) Create(context.Context, rotate.Start) (rotate.Values, error) {
	return nil, &r.refused
}
func (r refusedRotator) Set(context.Context, rotate.Change) error  { return &r.refused }
func (r refusedRotator) Test(context.Context, rotate.Values) error { return nil }
func (r refusedRotator) Retire(context.Context, rotate.End) (rotate.Values, error) {
	return nil, &r.refused
}
