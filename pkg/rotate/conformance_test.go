package rotate_test

import (
	"fmt"
	"testing"

	"github.com/rotary-secrets/rotary/internal/rotatetest"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/rotate/rotators"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

func TestRandomConforms(t *testing.T) {
	rotatetest.Run(t, func(t *testing.T) rotatetest.World {
		source := manifest.Source{Name: "session", Keys: manifest.KeysOf("SESSION_KEY", "SESSION_ISSUER"), Rotate: manifest.Rotate{Random: &manifest.RotateRandom{Key: "SESSION_KEY"}}}
		put := byHand("SESSION_KEY")
		return rotatetest.World{Source: source, Open: opener(t, source), Put: func() rotate.Values {
			values := put()
			values["SESSION_ISSUER"] = secret.New("the-shop")
			return values
		}}
	})
}

func TestRandomWithAlsoConforms(t *testing.T) {
	rotatetest.Run(t, func(t *testing.T) rotatetest.World {
		source := manifest.Source{Name: "handshake", Keys: manifest.KeysOf("KEY", "KEY_ALSO"), Rotate: manifest.Rotate{Random: &manifest.RotateRandom{Also: "KEY_ALSO"}}}
		return rotatetest.World{Source: source, Open: opener(t, source), Put: byHand("KEY", "KEY_ALSO"), Moves: 3}
	})
}

func TestARotatorOfDatabaseUsersConforms(t *testing.T) {
	rotatetest.Run(t, func(*testing.T) rotatetest.World {
		db := newDatabase()
		return rotatetest.World{
			Source: manifest.Source{Name: "app-db", Keys: manifest.KeysOf("DB_USER", "DB_PASSWORD", "DB_NAME"), Rotate: manifest.Rotate{
				MySQL: &manifest.RotateMySQL{Database: manifest.Database{Fields: &manifest.Login{Username: "DB_USER", Password: "DB_PASSWORD"}}},
			}},
			Open: func(rotatetest.Calls) rotate.Rotator { return twoUsers{db} },
			Put:  db.user, Accepts: db.accepts, Accepted: db.accepted,
		}
	})
}

func opener(t *testing.T, source manifest.Source) func(rotatetest.Calls) rotate.Rotator {
	return func(rotatetest.Calls) rotate.Rotator {
		r, err := rotators.Opener(rotators.Reach{})(source)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
}

// byHand gives all keys one value, another one at each call.
func byHand(keys ...string) func() rotate.Values {
	n := 0
	return func() rotate.Values {
		n++
		values := rotate.Values{}
		for _, key := range keys {
			values[key] = secret.New(fmt.Sprintf("by-hand-%d", n))
		}
		return values
	}
}
