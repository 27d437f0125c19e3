package ecs

import (
	"crypto/sha256"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	lru "github.com/hashicorp/golang-lru/v2"
)

// outline is the part of a revision's content that tells which versions its tasks get. It never changes: whether the
// revision is ACTIVE, and its tags, are not in it.
type outline struct {
	arn        string
	registered time.Time
	containers []containerPins
}

// containerPins holds the entries of one container that refer to versions of secrets, each without the JSON key and
// once.
type containerPins struct {
	name string
	pins []string // arn:…:secret:NAME-AbCdEf::STAGE:VERSION
}

// newOutline returns the outline of a revision.
func newOutline(r revision) outline {
	o := outline{arn: r.arn, registered: r.registered}
	for _, c := range r.input.ContainerDefinitions {
		pins := containerPins{name: aws.ToString(c.Name)}
		for _, s := range c.Secrets {
			if pin := withoutKey(aws.ToString(s.ValueFrom)); pin != "" && !slices.Contains(pins.pins, pin) {
				pins.pins = append(pins.pins, pin)
			}
		}
		o.containers = append(o.containers, pins)
	}
	return o
}

// withoutKey returns a valueFrom of Secrets Manager without its JSON key; "" for another one.
func withoutKey(valueFrom string) string {
	parts := append(strings.Split(valueFrom, ":"), "", "", "")
	if len(parts) < 10 {
		return ""
	}
	return strings.Join(parts[:7], ":") + "::" + parts[8] + ":" + parts[9]
}

// How much a Cache keeps at most. An outline takes a few hundred bytes, and so does a service deployment; the content of
// a task definition as many as it has, 64 KiB at most (service quotas), and about twice that in memory.
const (
	cacheSize    = 10_000
	maxContents  = 16 << 20 // bytes of task definitions
	keptServices = 2_000
	keptAttempts = 5_000
	mostBriefs   = 200 // in the list of a service; a longer one is asked for in each look
	leastBriefs  = maxAttempts + 1
	// longestRecent is how long ago a deployment may have ended that counts as a move: the longest deploys_take.
	longestRecent = 7 * 24 * time.Hour
)

// Cache keeps what never changes, by ARN, for as long as the process lives: the content of task definitions, without their
// status and tags; service revisions; service deployments that have ended; and of each service the list of those. It is
// bounded. Safe for concurrent use.
type Cache struct {
	mu        sync.Mutex // of contents, with size
	outlines  *lru.Cache[string, outline]
	contents  *lru.Cache[string, content]
	size      int // of contents, in bytes
	listed    *lru.Cache[string, listedDeployments]
	attempts  *lru.Cache[string, types.ServiceDeployment]
	revisions *lru.Cache[string, serviceRevision]
}

// content is a task definition without its status and tags, and the texts in it that may name a secret.
type content struct {
	revision revision
	texts    []words
	size     int
}

// serviceRevision is what a service revision deploys.
type serviceRevision struct {
	definition string // the ARN of the task definition
	created    time.Time
}

// listedDeployments are the service deployments that ECS listed of a service that was as described.
type listedDeployments struct {
	described [sha256.Size]byte
	briefs    []types.ServiceDeploymentBrief
}

// newContent returns the content of a revision.
func newContent(r revision) content {
	r.input.Tags, r.active = nil, false
	return content{revision: r, texts: listWords(r.input), size: len(encodeJSON(r.input))}
}

// NewCache returns an empty Cache.
func NewCache() *Cache {
	c := &Cache{
		outlines: newLRU[outline](cacheSize), listed: newLRU[listedDeployments](keptServices),
		attempts: newLRU[types.ServiceDeployment](keptAttempts), revisions: newLRU[serviceRevision](cacheSize),
	}
	var err error
	c.contents, err = lru.NewWithEvict(cacheSize, func(_ string, was content) { c.size -= was.size })
	if err != nil {
		panic(err) // it fails for a size that is not positive
	}
	return c
}

func newLRU[V any](size int) *lru.Cache[string, V] {
	kept, err := lru.New[string, V](size)
	if err != nil {
		panic(err) // it fails for a size that is not positive
	}
	return kept
}

// keepRevision keeps the content of a revision, and its outline, under the ARN that ECS answered.
func (c *Cache) keepRevision(r revision) {
	c.outlines.Add(r.arn, newOutline(r))
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.contents.Contains(r.arn) {
		return
	}
	kept := newContent(r)
	c.contents.Add(r.arn, kept)
	for c.size += kept.size; c.size > maxContents; {
		c.contents.RemoveOldest()
	}
}

// findOutline returns the outline of the revision with this ARN, if it is kept.
func (c *Cache) findOutline(arn string) (outline, bool) { return c.outlines.Get(arn) }

// findContent returns the content of the revision with this ARN, if it is kept.
func (c *Cache) findContent(arn string) (content, bool) { return c.contents.Get(arn) }
