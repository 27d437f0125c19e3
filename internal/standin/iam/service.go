// Package iam stands in for IAM and STS: the users of every account, their access keys, and who a caller is. Both
// speak AWS's query protocol. It follows what the API documents and refuses what it does not reproduce.
package iam

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/internal/standin/wire"
)

// Config holds what a Service depends on.
type Config struct {
	Clock  *sim.Clock
	Tap    *sim.Tap
	Lists  sim.Lists     // in which order and in what pages keys are listed
	Secret func() string // makes the secrets of access keys; nil: crypto/rand
	OnDead func(Key)     // is told, without any lock held, when a key that worked is about to stop working; may be nil
}

// Service is IAM, which is global, for all accounts. Safe for concurrent use.
type Service struct {
	cfg Config

	mu    sync.Mutex
	lag   Lag
	users map[User]*user
	keys  map[string]*key // by id, deleted ones included
	made  int
}

// User names a user of an account.
type User struct{ Account, Name string }

// Key is an access key as IAM holds it at this moment, whatever is seen of it elsewhere.
type Key struct {
	User    User
	ID      string
	Status  string // Active or Inactive
	Created time.Time
}

// Lag is the delay of what clients see: IAM is eventually consistent
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency).
type Lag struct {
	Keys  time.Duration // so much later STS, and whoever asks Accepts, know of a key and of what becomes of it
	Lists time.Duration // so old is what ListAccessKeys answers
	Uses  time.Duration // so much later GetAccessKeyLastUsed knows of a use
}

type user struct {
	User
	id, path  string
	partition string // of the region that made it
	created   time.Time
	keys      []*key // in the order of their creation, deleted ones included
}

// key is an access key with its history: what is seen of it may be behind.
type key struct {
	id, secret string
	owner      *user
	states     []keyState
	uses       []keyUse
}

type keyState struct {
	since  time.Time
	status string // Active, Inactive, or "" for deleted
}

type keyUse struct {
	at              time.Time
	service, region string
}

// The statuses of an access key.
const (
	Active   = "Active"
	Inactive = "Inactive"
)

// perUser is the quota of access keys per user
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html).
const perUser = 2

// New returns an IAM without users.
func New(cfg Config) *Service {
	if cfg.Secret == nil {
		cfg.Secret = randomSecret
	}
	if cfg.OnDead == nil {
		cfg.OnDead = func(Key) {}
	}
	return &Service{cfg: cfg, users: map[User]*user{}, keys: map[string]*key{}}
}

// randomSecret returns 40 characters, as AWS does.
func randomSecret() string {
	b := make([]byte, 30)
	_, _ = rand.Read(b)
	return base64.StdEncoding.EncodeToString(b)
}

// SetLag sets how far behind clients are from now on.
func (s *Service) SetLag(l Lag) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lag = l
}

// Keys returns a user's access keys, oldest first.
func (s *Service) Keys(u User) (all []Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.users[u] == nil {
		return nil
	}
	for _, k := range s.users[u].keys {
		if k.currentStatus() != "" {
			all = append(all, k.exportKey())
		}
	}
	return all
}

// Accepts reports whether a credential is the id or the secret of one of a user's keys that is seen to be active, as
// AWS's services check it. used makes it a use of that key, by a service in a region.
func (s *Service) Accepts(u User, credential string, used bool, service, region string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.users[u] == nil || credential == "" {
		return false
	}
	for _, k := range s.users[u].keys {
		if credential != k.id && credential != k.secret {
			continue
		}
		ok := k.statusAt(s.now().Add(-s.lag.Keys)) == Active
		if ok && used {
			s.noteUse(k, service, region)
		}
		return ok
	}
	return false
}

// Use notes that somebody has used a key. Of a key that does not exist it notes nothing.
func (s *Service) Use(id, service, region string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if k := s.keys[id]; k != nil {
		s.noteUse(k, service, region)
	}
}

// noteUse records a use, and drops those that are older than any answer reaches back.
func (s *Service) noteUse(k *key, service, region string) {
	k.uses = append(k.uses, keyUse{s.now(), service, region})
	for len(k.uses) > 1 && !k.uses[1].at.After(s.now().Add(-s.lag.Uses)) {
		k.uses = k.uses[1:]
	}
}

func (s *Service) now() time.Time { return s.cfg.Clock.Now() }

func (k *key) currentStatus() string { return k.states[len(k.states)-1].status }

// statusAt returns the status that the key had then; "" where it did not exist yet, or no more.
func (k *key) statusAt(then time.Time) (status string) {
	for _, st := range k.states {
		if !st.since.After(then) {
			status = st.status
		}
	}
	return status
}

func (k *key) exportKey() Key {
	return Key{User: k.owner.User, ID: k.id, Status: k.currentStatus(), Created: k.states[0].since}
}

// setKeyStatus changes a key's status. It is called, and returns, with the lock held, and releases it
// to call OnDead.
func (s *Service) setKeyStatus(k *key, status string) {
	if k.currentStatus() == Active && status != Active {
		dying := k.exportKey()
		s.mu.Unlock()
		s.cfg.OnDead(dying)
		s.mu.Lock()
	}
	k.states = append(k.states, keyState{s.now(), status})
}

// newID returns an id in AWS's form that follows from the number of those made before: a world can be replayed.
func (s *Service) newID(prefix, of string) string {
	s.made++
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %s #%d", prefix, of, s.made))
	return prefix + base32.StdEncoding.EncodeToString(sum[:])[:16]
}

// isKeyID reports whether somebody signs with an access key of a user. Any other id is somebody whom the stand-in lets
// in.
func isKeyID(id string) bool { return len(id) == 20 && strings.HasPrefix(id, "AKIA") }

func (s *Service) findUser(account, name string) (*user, error) {
	u := s.users[User{account, name}]
	if u == nil {
		return nil, &wire.Error{Code: "NoSuchEntity", Message: "The user with name " + name + " cannot be found.", Status: 404}
	}
	return u, nil
}

func (u *user) findKey(id string) (*key, error) {
	i := slices.IndexFunc(u.keys, func(k *key) bool { return k.id == id && k.currentStatus() != "" })
	if i < 0 {
		return nil, &wire.Error{Code: "NoSuchEntity", Message: "The Access Key with id " + id + " cannot be found.", Status: 404}
	}
	return u.keys[i], nil
}
