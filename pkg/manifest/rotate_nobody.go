package manifest

import "slices"

// RotateManaged is a secret that AWS rotates itself, such as one that RDS makes. It has to exist.
type RotateManaged struct{}

// RotateNever is a value of which another one would destroy data, such as a key of encryption at rest.
type RotateNever struct{}

func (m *RotateManaged) withDefaults(Source) rotatorKind { return m }
func (m *RotateManaged) isScheduled() bool               { return false }
func (m *RotateManaged) isTested() bool                  { return false }

// lateWrite: rotary sends nothing to its target.
func (m *RotateManaged) lateWrite() LateWrite         { return LateHarmless }
func (m *RotateManaged) listWrites(s Source) []string { return slices.Clone(s.KeyNames()) }
func (m *RotateManaged) listConfig(Source) []string   { return nil }

func (m *RotateManaged) checkRotator(c checker, path, name string, source Source) {
	if source.Secret == "" {
		c.add(path, "source "+Quote(name)+" has no secret, and AWS rotates only what is there",
			"name the secret that AWS has made with secret")
	}
}

func (n *RotateNever) withDefaults(Source) rotatorKind              { return n }
func (n *RotateNever) isScheduled() bool                            { return false }
func (n *RotateNever) isTested() bool                               { return false }
func (n *RotateNever) lateWrite() LateWrite                         { return LateHarmless }
func (n *RotateNever) listWrites(Source) []string                   { return nil }
func (n *RotateNever) listConfig(Source) []string                   { return nil }
func (n *RotateNever) checkRotator(checker, string, string, Source) {}

func (m *RotateManaged) countDisplaced(int) int { return 0 }
func (n *RotateNever) countDisplaced(int) int   { return 0 }

func (m *RotateManaged) describeStandIn() string {
	return "AWS replaces the value, and the old one is refused from then on: consumers are refused until they have followed"
}

func (n *RotateNever) describeStandIn() string { return "" } // it is not rehearsed
