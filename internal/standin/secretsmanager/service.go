// Package secretsmanager is the stand-in's AWS Secrets Manager: one account and region, in memory, on the
// stand-in's clock. It follows what the real service does and refuses what it does not reproduce.
package secretsmanager

import (
	"crypto/sha256"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rotary-secrets/rotary/internal/standin/cloudtrail"
	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/internal/standin/wire"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// Config holds what a Service depends on. Every field but Lists, TagsKeepDate and Record is required. The functions are called without
// any lock held, so they may call back into the service.
type Config struct {
	Clock           *sim.Clock
	Account, Region string
	Lists           sim.Lists // in which order and in what pages lists are answered
	TagsKeepDate    bool      // a changed tag leaves LastChangedDate as it was

	Emit   func(sim.Event)                                // the account's default bus
	Invoke func(functionARN string, payload []byte) error // runs a rotation function; nil: the step succeeded
	// Record keeps the event of a read in CloudTrail; nil: nobody does.
	Record    func(cloudtrail.Call)
	MayInvoke func(functionARN, secretARN string) bool // it exists and lets secretsmanager.amazonaws.com invoke it for the secret
}

// Service is one account's Secrets Manager in one region. Safe for concurrent use.
type Service struct {
	cfg Config

	mu       sync.Mutex
	entries  map[string]*entry // by name
	made     map[string]int    // how many secrets have had a name: each gets its own ARN
	outbox   []sim.Event
	resolved decodedText // the last one
}

// New returns a Service without secrets.
func New(cfg Config) *Service {
	return &Service{cfg: cfg, entries: map[string]*entry{}, made: map[string]int{}}
}

// Wire is the service as its clients see it.
func (s *Service) Wire() wire.JSONService {
	return wire.JSONService{Name: "secretsmanager", Target: "secretsmanager", Reads: isRead, Ops: map[string]wire.Op{
		"BatchGetSecretValue":      wire.Handle(s.batchGetSecretValue),
		"CancelRotateSecret":       wire.Handle(s.cancelRotateSecret),
		"CreateSecret":             wire.Handle(s.createSecret),
		"DeleteSecret":             wire.Handle(s.deleteSecret),
		"DescribeSecret":           wire.Handle(s.describeSecret),
		"GetSecretValue":           wire.Handle(s.getSecretValue),
		"ListSecrets":              wire.Handle(s.listSecrets),
		"ListSecretVersionIds":     wire.Handle(s.listSecretVersionIDs),
		"PutSecretValue":           wire.Handle(s.putSecretValue),
		"RestoreSecret":            wire.Handle(s.restoreSecret),
		"RotateSecret":             wire.Handle(s.rotateSecret),
		"TagResource":              wire.Handle(s.tagResource),
		"UntagResource":            wire.Handle(s.untagResource),
		"UpdateSecret":             wire.Handle(s.updateSecret),
		"UpdateSecretVersionStage": wire.Handle(s.updateSecretVersionStage),
	}}
}

// isRead reports whether an operation changes nothing.
func isRead(operation string) bool {
	return slices.Contains([]string{
		"BatchGetSecretValue", "DescribeSecret", "GetSecretValue", "ListSecrets", "ListSecretVersionIds",
	}, operation)
}

// unlockAndEmit releases the lock and then emits what happened under it, in order.
func (s *Service) unlockAndEmit() {
	events := s.outbox
	s.outbox = nil
	s.mu.Unlock()
	for _, e := range events {
		s.cfg.Emit(e)
	}
}

// findEntry returns the secret that an id names: a name, an ARN, or an ARN without its suffix. Deleted ones included.
func (s *Service) findEntry(id string) (*entry, error) {
	e := s.lookupEntry(id)
	if e == nil {
		return nil, wire.Errorf("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
	}
	e.pruneVersions(s.cfg.Clock.Now())
	return e, nil
}

// findUndeleted is findEntry for operations that a secret marked for deletion refuses.
func (s *Service) findUndeleted(id string) (*entry, error) {
	e, err := s.findEntry(id)
	if err == nil && e.deleted != nil {
		return nil, wire.Errorf("InvalidRequestException", "You can't perform this operation on the secret because it was marked for deletion.")
	}
	return e, err
}

func (s *Service) lookupEntry(id string) *entry {
	name, isARN := strings.CutPrefix(id, s.arnPrefix())
	if !isARN {
		return s.entries[id]
	}
	if cut := len(name) - 7; cut > 0 {
		if e := s.entries[name[:cut]]; e != nil && e.arn == id {
			return e
		}
	}
	return s.entries[name]
}

func (s *Service) arnPrefix() string {
	return "arn:" + manifest.PartitionOf(s.cfg.Region) + ":secretsmanager:" + s.cfg.Region + ":" + s.cfg.Account + ":secret:"
}

// newARN ends in six characters that follow from the name and from how many secrets have had it: as on AWS, a secret
// that is deleted and made again is another secret.
func (s *Service) newARN(name string) string {
	s.made[name]++
	sum := sha256.Sum256(fmt.Appendf(nil, "%s#%d", name, s.made[name]))
	suffix := new(big.Int).SetBytes(sum[:]).Text(62)[:6]
	return s.arnPrefix() + name + "-" + suffix
}

// setLabels puts new labels into force and announces those that moved.
func (s *Service) setLabels(e *entry, next labels) {
	for _, label := range next.movedLabels(e.labels) {
		if label != pending && label != previous {
			s.emitEvent(e, "Secret Label Updated", labelEvent{Name: e.name, Label: label, VersionID: next[label]})
		}
	}
	e.labels = next
	e.changed = s.cfg.Clock.Now()
}

// labelEvent is the native event of a label that moved.
// Source: docs.aws.amazon.com/secretsmanager/latest/userguide/event-detail-secret-label-updated-secretsmanager.html
type labelEvent struct {
	Name      string `json:"name"`
	Label     string `json:"labelUpdated"`
	VersionID string `json:"versionId"`
}

func (s *Service) emitEvent(e *entry, detailType string, detail any) {
	var resources []string
	if _, native := detail.(labelEvent); native {
		resources = []string{e.arn}
	}
	s.outbox = append(s.outbox, sim.Event{Source: "aws.secretsmanager", DetailType: detailType, Resources: resources, Detail: detail})
}

// optionalTime returns nil for a zero time: such a member is left out.
func optionalTime(t time.Time) *wire.Time {
	if t.IsZero() {
		return nil
	}
	w := wire.Time(t)
	return &w
}

// truncateToDay rounds the date of the last access as Secrets Manager does.
func truncateToDay(t time.Time) time.Time { return t.Truncate(24 * time.Hour) }

// answerPage returns one page of a list, and the token of the next. Secrets Manager documents that a page may have
// fewer items than were asked for, and no order.
func answerPage[T any](s *Service, items []T, key func(T) string, token string, size *int) ([]T, string, error) {
	limit := 100
	if size != nil {
		limit = *size
	}
	if limit < 1 || limit > 100 {
		return nil, "", wire.Errorf("ValidationException", "1 validation error detected: 'maxResults' failed to satisfy constraint: Member must have value between 1 and 100")
	}
	found, next, err := sim.List[T]{Lists: s.cfg.Lists, Now: s.cfg.Clock.Now(), Items: items, Key: key, Most: limit}.Page(token)
	if err != nil {
		return nil, "", wire.Errorf("InvalidNextTokenException", "The NextToken value is invalid.")
	}
	return found, next, nil
}

// shuffleItems orders items by a hash of the present moment, for lists that Secrets Manager documents no order of.
func shuffleItems[T any](s *Service, items []T, key func(T) string) {
	sim.Shuffle(s.cfg.Lists, s.cfg.Clock.Now(), items, key)
}
