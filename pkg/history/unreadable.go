package history

import (
	"errors"
	"maps"
	"slices"
)

// Unreadable is the error for secrets that cannot be read, or not be changed, although Secrets Manager answers for others:
// they do not exist, are in the bin, are denied or full, or their KMS key is disabled. What can be read comes with it.
type Unreadable struct {
	Secrets map[string]error // by name: why
}

// NewUnreadable returns an *Unreadable of one secret.
func NewUnreadable(name string, err error) error { return &Unreadable{map[string]error{name: err}} }

// Error returns the reasons, in the order of the names.
func (u *Unreadable) Error() string { return errors.Join(u.Unwrap()...).Error() }

// Unwrap returns the reasons, in the order of the names.
func (u *Unreadable) Unwrap() []error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(u.Secrets)) {
		errs = append(errs, u.Secrets[name])
	}
	return errs
}
