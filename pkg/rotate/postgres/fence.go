package postgres

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/rotary-secrets/rotary/pkg/rotate"
)

// The fence keeps a newer rotation's password from what an older one sends late. Whoever sets or ends a user's password
// does it in one transaction: it locks the user, reads from the role's comment when the rotation began that last set
// the password, and changes nothing if that is later than its own rotation. So the newer one stands, whichever comes
// first:
//
//	the older one comes first    the newer one waits for the lock, and then replaces its password
//	the newer one comes first    the older one waits for the lock, and then finds the marker
//
// Advisory locks are each database's own: all of it happens in the administrator's.

// marker matches what rotary writes into the comment of a role, behind a person's own text.
var marker = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`\n?\[rotary: password of the rotation of ([^\]]*)\]`)
})

// lockUser makes a transaction wait until no other one has the user's lock, and keeps that until the transaction ends.
func lockUser(user string) statement {
	sum := sha256.Sum256([]byte("rotary postgres\n" + user))
	key := int64(binary.BigEndian.Uint64(sum[:])) //nolint:gosec // any number will do
	return statement{"wait for who rotates the same user", fmt.Sprintf("SELECT pg_advisory_xact_lock(%d)", key)}
}

// checkFence returns rotate.ErrSuperseded if the role's password was set by a rotation that began later than since. It
// means something only while the transaction has the user's lock.
func (r role) checkFence(since time.Time) error {
	for _, found := range marker().FindAllStringSubmatch(r.comment, -1) {
		set, err := time.Parse(time.RFC3339Nano, found[1])
		if err != nil {
			return errors.New("rotary's marker in the role's comment cannot be read: take it out, COMMENT ON ROLE")
		}
		if set.After(sinceMarked(since)) {
			return rotate.ErrSuperseded
		}
	}
	return nil
}

// mark writes into the role's comment when the rotation began that sets its password. What a person wrote stays.
func (r role) mark(since time.Time) statement {
	text := strings.TrimSpace(marker().ReplaceAllString(r.comment, ""))
	if text != "" {
		text += "\n"
	}
	text += "[rotary: password of the rotation of " + sinceMarked(since).Format(time.RFC3339Nano) + "]"
	return statement{"note in the role's comment which rotation it is",
		"COMMENT ON ROLE " + identifier(r.name) + " IS " + literal(text)}
}

// sinceMarked returns a time with the precision of Secrets Manager, in which two answers about a version agree.
func sinceMarked(since time.Time) time.Time { return since.UTC().Truncate(time.Millisecond) }
