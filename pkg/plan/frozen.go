package plan

import "slices"

// The reasons of what is frozen. Each ends by itself once what is wrong with that one source or bucket is put right:
// the detail is what is wrong (docs/runbook/frozen-secret.md).
const (
	Frozen       Reason = "frozen"        // what is wrong with this source or bucket stops it, and nothing else
	FrozenBucket Reason = "frozen-bucket" // a bucket that the source feeds cannot be read: it may hold anything
)

// A source or bucket that is frozen stops itself. What the plan leaves out:
//
//	frozen                    | of it                      | of the others
//	--------------------------|----------------------------|---------------------------------------------------
//	a source                  | Mark, Confirm, Drop,       | nothing: buckets keep its values (bucket.ComputeOne);
//	                          |   Advance                  |   no name is taken from a bucket that it feeds
//	a bucket that can be read | Write                      | nothing
//	a bucket that cannot      | Write, Drop, Roll of its   | Advance of the sources that feed it, but for an
//	                          |   consumers                |   emergency's deadline
func (p *Plan) freezeSource(s Source) {
	p.Waits = append(p.Waits, Wait{Subject: s.Name, Reason: Frozen, Detail: s.Frozen})
}

// freezeBucket plans a frozen bucket, and reports whether that is all that can be planned of it.
func (p *Plan) freezeBucket(b Bucket) (done bool) {
	if b.Frozen == "" {
		return false
	}
	p.Waits = append(p.Waits, Wait{Subject: b.Want.Name, Reason: Frozen, Detail: b.Frozen})
	return b.isUnread()
}

// isUnread reports whether nothing is known of what a frozen bucket holds.
func (b Bucket) isUnread() bool {
	current, exists := b.Current()
	return b.Frozen != "" && (b.ARN == "" || exists && b.Contents[current.ID].Values == nil)
}

// checkFrozen objects while the source itself is frozen, and where the value of the owed version was asked for and could not be read.
func checkFrozen(_ State, _ Plan, d debt) (Wait, bool) {
	read, asked := d.source.Contents[d.version.ID]
	if d.source.Frozen == "" && asked && read.isUnknown() && !d.version.Empty {
		return Wait{Reason: Frozen, Detail: "its value cannot be read"}, true
	}
	return Wait{Reason: Frozen, Detail: d.source.Frozen}, d.source.Frozen != ""
}

// isUnknown reports whether the content may be anything.
func (c Content) isUnknown() bool { return c.Values == nil && !c.Absent && !c.Malformed }

// checkFrozenBucket objects while a bucket that the source feeds cannot be read.
func checkFrozenBucket(s State, _ Plan, d debt) (Wait, bool) {
	for _, b := range s.Buckets {
		if b.isUnread() && b.isFedBy(d.source.Name) {
			return Wait{Reason: FrozenBucket, Detail: "bucket " + b.Want.Name + " may hold it: " + b.Frozen}, true
		}
	}
	return Wait{}, false
}

// hasFrozenFeed reports whether a source that feeds the bucket is frozen.
func (s State) hasFrozenFeed(b Bucket) bool {
	return slices.ContainsFunc(s.Sources, func(source Source) bool { return source.Frozen != "" && b.isFedBy(source.Name) })
}

// alarmsOfFrozen returns the alarm of a source or bucket that is frozen because of why.
func alarmsOfFrozen(name, why string) []Alarm {
	if why == "" {
		return nil
	}
	return []Alarm{{FrozenSecret, name, "it is frozen, and nothing else is: " + why}}
}
