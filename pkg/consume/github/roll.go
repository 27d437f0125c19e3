package github

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	gh "github.com/google/go-github/v92/github"
	"golang.org/x/crypto/nacl/box"

	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// checkpoint is the number of secrets after which the receipt is written again, so that Rolls that are all cut short
// still come to an end together.
const checkpoint = 20

// Roll puts the secrets that b changes, one at a time, and deletes those that rotary owns and b no longer has: as Status
// has just seen them, or else as it reads them itself.
// It waits for all of them. Repeatable: after a failure at any point, the next Roll finishes the work, and a Roll
// that finds everything done writes nothing. Nothing at all is written where b cannot be carried out: a secret
// that is not rotary's and not adopted, a name or a size that GitHub refuses, no room, an unreadable receipt.
func (s *Scope) Roll(ctx context.Context, b bucket.Bucket) error {
	if err := s.rollSecrets(ctx, b); err != nil {
		return s.wrapError("roll", err)
	}
	return nil
}

func (s *Scope) rollSecrets(ctx context.Context, b bucket.Bucket) error {
	values, err := checkedValues(b)
	if err != nil {
		return err
	}
	values = s.addDependabotNames(values)
	l, err := s.takeLook(ctx)
	if err != nil {
		return err
	}
	before, err := s.readEarlierValues(ctx, l, b.Version)
	if err != nil {
		return err
	}
	w, err := s.decideWork(l, b.Version, values, before)
	if err != nil || w.isProvenBy(l.receipt) {
		return err
	}
	if err := s.findNewReaders(ctx, w.push); err != nil {
		return err
	}
	return s.applyWork(ctx, l.receipt, w, values)
}

// takeLook returns what Status has read of the scope, once: the Scope serves one pass, and what is done about a look is
// done in it. Without one it reads the scope. A secret that somebody else writes in between has another updated_at than the
// receipt, and is written again by the next pass.
func (s *Scope) takeLook(ctx context.Context) (scopeState, error) {
	if l := s.looked; l != nil {
		s.looked = nil
		return *l, nil
	}
	return s.readScope(ctx)
}

// readEarlierValues returns the values of the receipt's version; nil where they are not known.
func (s *Scope) readEarlierValues(ctx context.Context, l scopeState, version string) (map[string]secret.Value, error) {
	if l.receipt == nil || l.receipt.Version == version || s.previous == nil {
		return nil, nil
	}
	values, err := s.previous(ctx, l.receipt.Version)
	if err != nil {
		return nil, fmt.Errorf("read bucket version %s: %w", l.receipt.Version, err)
	}
	return s.addDependabotNames(upperNames(values)), nil
}

// applyWork writes the intent, the secrets, and the proof. A secret that GitHub refuses does not stop the others;
// nothing is deleted until all of them are written, and there is no proof until everything is done.
func (s *Scope) applyWork(ctx context.Context, old *receipt, w work, values map[string]secret.Value) error {
	if w.hasWrites() && (old == nil || !old.equals(w.receipt)) {
		if err := s.writeReceipt(ctx, w.receipt, old != nil); err != nil {
			return err
		}
	}
	var t tally
	for chunk := range slices.Chunk(w.push, checkpoint) {
		if len(t.fresh) > 0 {
			if err := s.recordPushed(ctx, w, t.takeFresh()); err != nil {
				return t.joinFailures(w, err)
			}
		}
		if s.pushSecrets(ctx, chunk, values, &t); t.stopped {
			return t.joinFailures(w)
		}
	}
	if len(t.failed) == 0 {
		s.removeSecrets(ctx, w.remove, &t)
	}
	if t.stopped {
		return t.joinFailures(w)
	}
	w.complete = len(t.failed) == 0
	if w.complete || len(t.fresh) > 0 {
		return t.joinFailures(w, s.recordPushed(ctx, w, t.takeFresh()))
	}
	return t.joinFailures(w)
}

// recordPushed reads when the pushed secrets were updated and writes it into the receipt, which becomes the proof
// where the work is complete. pushed is in the order of the writes. It returns an error where somebody else wrote one
// of them meanwhile: the receipt stays the intent, and the next Roll writes that secret again.
func (s *Scope) recordPushed(ctx context.Context, w work, pushed []string) error {
	listed, now, err := s.listSecrets(ctx, &w.receipt)
	if err != nil {
		return err
	}
	for _, name := range pushed {
		if listed[name].IsZero() {
			return fmt.Errorf("list secrets: %s was written and is not there", name)
		}
		w.receipt.Names[name] = listed[name]
	}
	if name := findOvertaken(pushed, listed); name != "" {
		return fmt.Errorf("list secrets: somebody wrote %s at the same time: it is written again", name)
	}
	if w.complete {
		w.receipt.markDone(w.remove, now)
		s.noteReaders(&w)
	}
	return s.writeReceipt(ctx, w.receipt, true)
}

// findOvertaken returns a secret that was updated after the one that was written next, or "". Somebody else wrote it:
// the times of rotary's own writes never go back.
func findOvertaken(pushed []string, listed map[string]time.Time) string {
	for i := range len(pushed) - 1 {
		if listed[pushed[i]].After(listed[pushed[i+1]]) {
			return pushed[i]
		}
	}
	return ""
}

// pushSecrets writes secrets until one fails for a reason that the next would fail for too.
func (s *Scope) pushSecrets(ctx context.Context, names []string, values map[string]secret.Value, t *tally) {
	for _, name := range names {
		if err := s.putSecret(ctx, name, values[name]); err == nil {
			t.written, t.fresh = append(t.written, name), append(t.fresh, name)
		} else if t.addFailure(err); t.stopped {
			return
		}
	}
}

// removeSecrets deletes secrets until one fails for a reason that the next would fail for too.
func (s *Scope) removeSecrets(ctx context.Context, names []string, t *tally) {
	for _, name := range names {
		v, own := s.vaultOf(name)
		err := s.callPaced(ctx, request{
			doing: "delete secret " + name, method: http.MethodDelete, path: v.path + "/secrets/" + own,
		})
		if err == nil || hasStatus(err, http.StatusNotFound) {
			t.removed = append(t.removed, name)
		} else if t.addFailure(err); t.stopped {
			return
		}
	}
}

// putSecret writes one secret. After a 422, which may mean that GitHub has replaced the vault's key since it was read,
// it reads the key again, and writes once more where that is another one.
func (s *Scope) putSecret(ctx context.Context, name string, value secret.Value) error {
	v, _ := s.vaultOf(name)
	if v.key == nil {
		if err := s.readPublicKey(ctx, v); err != nil {
			return err
		}
	}
	err := s.putSealed(ctx, name, value)
	if !hasStatus(err, http.StatusUnprocessableEntity) {
		return err
	}
	used := v.key.id
	if failed := s.readPublicKey(ctx, v); failed != nil || v.key.id == used {
		return errors.Join(err, failed)
	}
	return s.putSealed(ctx, name, value)
}

func (s *Scope) putSealed(ctx context.Context, name string, value secret.Value) error {
	v, own := s.vaultOf(name)
	sealed, err := box.SealAnonymous(nil, []byte(secret.Reveal(value)), v.key.key, rand.Reader)
	if err != nil {
		return fmt.Errorf("seal secret %s: no random numbers", name)
	}
	in, err := s.newSecretRequest(ctx, name, v.key.id, base64.StdEncoding.EncodeToString(sealed))
	if err != nil {
		return err
	}
	return s.callPaced(ctx, request{
		doing: "put secret " + name, method: http.MethodPut, path: v.path + "/secrets/" + own, in: in,
	})
}

// publicKey is the key for which secrets are sealed. Each vault of a repository, of an environment and of an organization
// has its own.
type publicKey struct {
	id  string
	key *[32]byte
}

func (s *Scope) readPublicKey(ctx context.Context, v *vault) error {
	var out gh.PublicKey
	if _, err := s.client.callAPI(ctx, request{
		doing: "read the public key", method: http.MethodGet, path: v.path + "/secrets/public-key", out: &out,
	}); err != nil {
		return err
	}
	raw, err := base64.StdEncoding.DecodeString(out.GetKey())
	if err != nil || len(raw) != 32 || out.GetKeyID() == "" {
		return errors.New("read the public key: it is not a key of 32 bytes")
	}
	v.key = &publicKey{id: out.GetKeyID(), key: (*[32]byte)(slices.Clone(raw))}
	return nil
}
