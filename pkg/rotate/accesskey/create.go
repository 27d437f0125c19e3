package accesskey

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/rotary-secrets/rotary/pkg/rotate"
)

// maxKeys is how many access keys a user can have
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html).
const maxKeys = 2

// Create creates an access key for the user. Where the user has two, it first deletes the one that is not current, if
// the table allows it:
//
//	held by                 | it is                          | and
//	------------------------|--------------------------------|------------------------------------------------------
//	the current version     | anything                       | stays
//	a version that is live  | anything                       | stays; in an emergency it is deleted, unless retained
//	retired versions alone  | Inactive                       | is deleted: its retirement ends here
//	retired versions alone  | Active                         | stays: somebody has made it active again
//	no version              | never used, and not older than | is deleted: an earlier try of this rotation created it
//	                        | this rotation                  |
//	no version              | any other                      | stays: it is not rotary's
//
// Where no key may be deleted, it is a refusal that names them. It is a refusal too where the user does not have the
// current key, or where that is Inactive. IAM's list lags by seconds: a result that this may explain is tried again.
//
// IAM learns of a use minutes after it, or later. So a key that a person creates for this user while a rotation is
// tried again, and has put into no version yet, counts as rotary's: create keys for a rotated user only while no
// rotation is under way.
func (r *Rotator) Create(ctx context.Context, s rotate.Start) (next values, err error) {
	err = r.retryUnsettled(ctx, func() error {
		all, err := r.listKeys(ctx)
		if err != nil {
			return err
		}
		if err := r.checkStart(all, r.Identity(s.Current)); err != nil {
			return err
		}
		if len(all) >= maxKeys {
			if err := r.makeRoom(ctx, s, all); err != nil {
				return err
			}
		}
		next, err = r.createKey(ctx, s.Current)
		return err
	})
	return next, err
}

// key is an access key as IAM lists it.
type key struct {
	id      string
	active  bool
	created time.Time // to the second
}

// listKeys returns the keys of the user. It returns noUser, a refusal, where there is no such user.
func (r *Rotator) listKeys(ctx context.Context) ([]key, error) {
	var all []key
	pages := iam.NewListAccessKeysPaginator(r.reader, &iam.ListAccessKeysInput{UserName: &r.user})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if _, missing := errors.AsType[*types.NoSuchEntityException](err); missing {
			return nil, noUser("there is no IAM user " + r.user + " in account " + r.env.Account)
		}
		if err != nil {
			return nil, wrapError("list the access keys of user "+r.user, err)
		}
		for _, k := range page.AccessKeyMetadata {
			active := k.Status == types.StatusTypeActive
			all = append(all, key{aws.ToString(k.AccessKeyId), active, aws.ToTime(k.CreateDate)})
		}
	}
	return all, nil
}

func findKey(all []key, id string) (key, bool) {
	i := slices.IndexFunc(all, func(k key) bool { return k.id == id })
	if i < 0 {
		return key{}, false
	}
	return all[i], true
}

// checkStart returns a refusal where the current key is missing, is not one of this user's, or is Inactive.
func (r *Rotator) checkStart(all []key, current string) error {
	k, there := findKey(all, current)
	switch {
	case current == "":
		return refusal("the current version has no " + r.id)
	case !there:
		return &unsettledError{refusal("the current version's key " + current + " is none of user " + r.user +
			": put a key of that user, or correct rotate.user")}
	case !k.active:
		return refusal("the current version's key " + current + " is Inactive: make it Active, or put another key")
	}
	return nil
}

// makeRoom deletes one key, or returns a refusal: the table above Create.
func (r *Rotator) makeRoom(ctx context.Context, s rotate.Start, all []key) error {
	held, err := r.findHolders(ctx, s)
	if err != nil {
		return err
	}
	var stay []string
	mayLag := false // a key that was retired may be gone already
	for _, k := range all {
		if k.id == r.Identity(s.Current) {
			continue
		}
		why, err := r.reasonToKeep(ctx, s, k, held[k.id])
		if err != nil {
			return err
		}
		if why == "" {
			return r.removeKey(ctx, k)
		}
		stay = append(stay, "key "+k.id+" "+why)
		mayLag = mayLag || held[k.id].isRetired()
	}
	full := refusal(fmt.Sprintf("user %s has %d access keys, the most that IAM allows, and none may be deleted: %s",
		r.user, maxKeys, strings.Join(stay, "; ")))
	if mayLag {
		return &unsettledError{full}
	}
	return full
}

// holder describes the versions, other than the current one, that hold a key: whether there is one, one that
// is live, and one that somebody retains.
type holder struct{ some, live, retained bool }

// isRetired reports whether only retired versions hold the key.
func (h holder) isRetired() bool { return h.some && !h.live }

// findHolders returns the holder of each key that is in a version other than the current one, by the key's id.
func (r *Rotator) findHolders(ctx context.Context, s rotate.Start) (map[string]holder, error) {
	others, err := s.Others(ctx)
	if err != nil {
		return nil, err
	}
	held := map[string]holder{}
	for _, o := range others {
		h := held[r.Identity(o.Values)]
		held[r.Identity(o.Values)] = holder{true, h.live || o.Live, h.retained || o.Retained}
	}
	return held, nil
}

// reasonToKeep returns why a key may not be deleted; "" where it may: the table above Create.
func (r *Rotator) reasonToKeep(ctx context.Context, s rotate.Start, k key, h holder) (why string, err error) {
	switch {
	case h.live && !s.Emergency:
		return "belongs to a version that is not retired yet: rotary status shows what it waits for", nil
	case h.live && h.retained:
		return "belongs to a version that somebody retains: take that back with rotary retain", nil
	case h.live:
		return "", nil
	case h.isRetired() && k.active:
		return "was retired, and somebody has made it Active again: find out who uses it, " +
				"and make it Inactive or delete it",
			nil
	case h.isRetired():
		return "", nil
	case isOlder(k.created, s.Since):
		return r.describeForeign(k), nil
	}
	last, err := r.lastUse(ctx, k.id)
	if err == nil && last != nil {
		why = r.describeForeign(k)
	}
	return why, err
}

func (r *Rotator) describeForeign(k key) string {
	status := "Inactive"
	if k.active {
		status = "Active"
	}
	return fmt.Sprintf("(%s, created on %s) is in no version, so it is not rotary's: delete it if nobody needs it",
		status, k.created.UTC().Format(time.DateOnly))
}

// isOlder reports whether a key was created before a moment. IAM gives its time to the second: one of the same second
// is not older.
func isOlder(created, since time.Time) bool { return created.Before(since.Truncate(time.Second)) }

// removeKey makes a key Inactive and deletes it. Repeatable.
func (r *Rotator) removeKey(ctx context.Context, k key) error {
	if k.active {
		if err := r.deactivateKey(ctx, k.id); err != nil {
			return err
		}
	}
	_, err := r.writer.DeleteAccessKey(ctx, &iam.DeleteAccessKeyInput{UserName: &r.user, AccessKeyId: &k.id})
	if _, gone := errors.AsType[*types.NoSuchEntityException](err); err == nil || gone {
		return nil
	}
	return wrapError("delete access key "+k.id, err)
}

// deactivateKey makes a key Inactive. It returns nil for a key that does not exist any more.
func (r *Rotator) deactivateKey(ctx context.Context, id string) error {
	in := &iam.UpdateAccessKeyInput{UserName: &r.user, AccessKeyId: &id, Status: types.StatusTypeInactive}
	_, err := r.writer.UpdateAccessKey(ctx, in)
	if _, gone := errors.AsType[*types.NoSuchEntityException](err); err == nil || gone {
		return nil
	}
	return wrapError("make access key "+id+" Inactive", err)
}

// createKey creates an access key and returns current with it. Where IAM refuses because the user has two, it is an
// unsettledError: the list, which showed fewer, lags.
func (r *Rotator) createKey(ctx context.Context, current values) (values, error) {
	out, err := r.writer.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: &r.user})
	if _, full := errors.AsType[*types.LimitExceededException](err); full {
		return nil, &unsettledError{refusal("user " + r.user + " has " + strconv.Itoa(maxKeys) +
			" access keys, though IAM lists fewer: rotate again in a minute")}
	}
	if err != nil {
		return nil, wrapError("create an access key for user "+r.user, err)
	}
	if out.AccessKey == nil ||
		aws.ToString(out.AccessKey.AccessKeyId) == "" || aws.ToString(out.AccessKey.SecretAccessKey) == "" {
		return nil, errors.New("create an access key for user " + r.user + ": IAM's answer holds none")
	}
	return r.withKey(current, *out.AccessKey.AccessKeyId, *out.AccessKey.SecretAccessKey), nil
}
