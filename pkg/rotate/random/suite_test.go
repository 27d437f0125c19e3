package random_test

import (
	"strconv"
	"testing"

	"github.com/rotary-secrets/rotary/internal/rotatetest"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/rotate/random"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

func newWorld(s manifest.Source, moves int, put func(n int) rotate.Values) rotatetest.World {
	n := 0
	return rotatetest.World{
		Source: s, Moves: moves,
		Open: func(rotatetest.Calls) rotate.Rotator { return random.New(s) },
		Put:  func() rotate.Values { n++; return put(n) },
	}
}

func TestSeveralKeysOfAnAlphabetConform(t *testing.T) {
	s := sourceOf(manifest.Rotate{Random: &manifest.RotateRandom{Alphabet: "hex", Length: 40}}, "A", "B", "C")
	rotatetest.Run(t, func(*testing.T) rotatetest.World {
		return newWorld(s, 1, func(n int) rotate.Values {
			by := secret.New("by-hand-" + strconv.Itoa(n))
			return rotate.Values{"A": by, "B": by, "C": by}
		})
	})
}

func TestAKeyPairConforms(t *testing.T) {
	s := sourceOf(manifest.Rotate{Random: &manifest.RotateRandom{Pair: "ed25519", Key: "K", Public: "PUBLIC"}}, "K", "PUBLIC")
	k := newKits(t)[1]
	rotatetest.Run(t, func(*testing.T) rotatetest.World {
		return newWorld(s, 1, func(n int) rotate.Values { return selectKeys(k.makeVersion(n%letters, n%letters), s.KeyNames()) })
	})
}

func TestAKeyPairInThreeVersionsConforms(t *testing.T) {
	s := sourceOf(manifest.Rotate{Random: &manifest.RotateRandom{Pair: "ed25519", Key: "K", Public: "PUBLIC", Next: "NEXT", Also: "ALSO"}}, "K", "NEXT", "PUBLIC", "ALSO")
	k := newKits(t)[1]
	rotatetest.Run(t, func(*testing.T) rotatetest.World {
		return newWorld(s, 3, func(n int) rotate.Values { return selectKeys(k.makeVersion(n%letters, n%letters), s.KeyNames()) })
	})
}
