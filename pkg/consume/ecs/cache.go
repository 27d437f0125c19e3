package ecs

import (
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
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

// cacheSize is how many outlines a Cache keeps. One takes a few hundred bytes.
const cacheSize = 10_000

// Cache keeps what the content of task definitions tells, by ARN, for as long as the process lives: that content never
// changes. It holds neither their status nor their tags, and it is bounded. Safe for concurrent use.
type Cache struct{ outlines *lru.Cache[string, outline] }

// NewCache returns an empty Cache.
func NewCache() *Cache {
	outlines, err := lru.New[string, outline](cacheSize)
	if err != nil {
		panic(err) // it fails for a size that is not positive
	}
	return &Cache{outlines}
}

// keepOutline keeps the outline of a revision under the ARN that ECS answered.
func (c *Cache) keepOutline(r revision) {
	o := newOutline(r)
	c.outlines.Add(o.arn, o)
}

// findOutline returns the outline of the revision with this ARN, if it is kept.
func (c *Cache) findOutline(arn string) (outline, bool) { return c.outlines.Get(arn) }
