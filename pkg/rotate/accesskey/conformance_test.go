package accesskey_test

import (
	"testing"
	"time"

	"github.com/rotary-secrets/rotary/internal/rotatetest"
	"github.com/rotary-secrets/rotary/internal/standin/iam"
)

func TestAccessKeysConform(t *testing.T) {
	rotatetest.Run(t, func(t *testing.T) rotatetest.World {
		return suiteWorld(t, iam.Lag{})
	})
}

func TestAccessKeysConformWhereIAMIsBehind(t *testing.T) {
	rotatetest.Run(t, func(t *testing.T) rotatetest.World {
		return suiteWorld(t, iam.Lag{Keys: 12 * time.Second, Lists: 7 * time.Second, Uses: 2 * time.Minute})
	})
}
