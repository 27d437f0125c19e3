package simulation

import (
	"strings"
	"testing"
)

// TestWhatWasDeregisteredForAnotherBucketIsWaitedFor plays a service that moves to another bucket: its revisions for the
// bucket before are deregistered, and ECS takes them for ten minutes more.
func TestWhatWasDeregisteredForAnotherBucketIsWaitedFor(t *testing.T) {
	needed{rule: "settling: what was deregistered as a service moved to another bucket can still be started", manifest: "main", schedule: `
			manifest moved-bucket
			fix api
			pass
			wait 5m
			pass
			rotate db
			retired db 1h`}.play(t)
}

// TestAVersionKeepsItsLabelAsLongAsTheCredential plays a look at one service that fails in the very minute in which a
// label comes off: what others deploy then may not restart the wait for ever.
func TestAVersionKeepsItsLabelAsLongAsTheCredential(t *testing.T) {
	needed{rule: "GONE comes off with the credential", slow: true, schedule: "busy\nwait 1h\nrotate db\n" +
		strings.Repeat("pass\nwait 1m\n", 21) + "blind worker-b\npass\nsight worker-b\nwait 1m\nretired db 30m"}.play(t)
}
