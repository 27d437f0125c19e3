package manifest

// Reader is a consumer that reads a bucket or a source from Secrets Manager by itself, and leaves no receipt. It reads
// the current version at any time, and may use an older one that it has read until its drain is over.
type Reader struct {
	// The names, or ARNs, of the IAM roles that read.
	// Example: `[engineering]`. Refuses: `["two words"]`.
	Roles []string `yaml:"roles,omitempty" json:"roles,omitempty"`
	// How long after a change it may go on with what it has.
	// Example: `26h`. Refuses: `0h`.
	Drain Duration `yaml:"drain" json:"drain"`
}

// AWS, IAM identifiers: a role's name has at most 64 characters. Its ARN may have a path.
var roleShape = newShape(`^([A-Za-z0-9_+=,.@-]{1,64}|arn:aws[a-z-]*:iam::[0-9]{12}:role/[A-Za-z0-9_+=,.@/-]{1,512})$`)

func (d *Reader) withDefaults(Consumer, SignIn) consumerKind           { return d }
func (d *Reader) listScopes(*Environment) []string                     { return nil }
func (d *Reader) checkNamed(*report, string, Consumer, []*Environment) {}
func (d *Reader) sinkLimit() Limit                                     { return Limit{Label: "a reader"} }

func (d *Reader) checkConsumer(c checker, path string, _ Consumer) {
	if d.Drain == 0 {
		c.add(path+".drain", path+".drain is missing",
			"say how long after a change it may go on with what it has, like 26h for a nightly job")
	}
	c.requireUnique(path+".roles", d.Roles)
	for i, role := range d.Roles {
		if !roleShape.MatchString(role) {
			c.add(indexPath(path+".roles", i), indexPath(path+".roles", i)+" is not an IAM role", "write its name, or its ARN")
		}
	}
}
