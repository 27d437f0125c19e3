package accesskey

import (
	"context"
	"errors"
	"fmt"
	"slices"
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

// Create makes a key in the user's free slot, and first a free slot where there is none. Of the keys that are in the way
//
//	held by                 | it is                          | and
//	------------------------|--------------------------------|------------------------------------------------------
//	the current version     | anything                       | stays
//	a version that is live  | anything                       | stays; in an emergency it dies, unless it is retained
//	retired versions alone  | Inactive                       | is deleted: its retirement ends here
//	retired versions alone  | Active                         | stays: somebody has made it active again
//	no version              | never used, and not older than | is deleted: a try of this rotation made it, and died
//	                        | this rotation                  |
//	no version              | any other                      | stays: it is not rotary's
//
// Where all of them stay it is a refusal that names them. So it is where the user does not have the current key, or that
// one is not Active. IAM's list lags by seconds: what may be due to that is looked at again for a while.
//
// A use is known to IAM minutes after it, or later. So a key that a person has made for this user while a rotation was
// being tried again, and put into no version yet, is taken for rotary's: make keys for a rotated user when no rotation is
// under way.
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

// listKeys returns the keys of the user. Where there is no such user it is a refusal.
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
			all = append(all, key{aws.ToString(k.AccessKeyId), k.Status == types.StatusTypeActive, aws.ToTime(k.CreateDate)})
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

// checkStart refuses a rotation from a key that is not this user's, or that does not work.
func (r *Rotator) checkStart(all []key, current string) error {
	k, there := findKey(all, current)
	switch {
	case current == "":
		return refusal("the current version has no " + r.id)
	case !there:
		return &unsettledError{refusal("the current version's key " + current + " is none of user " + r.user + ": put a key of that user, or correct rotate.user")}
	case !k.active:
		return refusal("the current version's key " + current + " is Inactive: make it Active, or put another one")
	}
	return nil
}

// makeRoom removes one key, or refuses.
func (r *Rotator) makeRoom(ctx context.Context, s rotate.Start, all []key) error {
	held, err := r.findHolders(ctx, s)
	if err != nil {
		return err
	}
	var stay []string
	perhaps := false // the list is behind
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
		perhaps = perhaps || held[k.id].isRetired()
	}
	full := refusal(fmt.Sprintf("user %s has %d access keys, and needs a free slot for the next: %s", r.user, maxKeys, strings.Join(stay, "; ")))
	if perhaps {
		return &unsettledError{full}
	}
	return full
}

// holder says what versions other than the current one hold a key.
type holder struct{ some, live, retained bool }

func (h holder) isRetired() bool { return h.some && !h.live }

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

// reasonToKeep says why a key may not be removed; "" where it may: the table above Create.
func (r *Rotator) reasonToKeep(ctx context.Context, s rotate.Start, k key, h holder) (why string, err error) {
	switch {
	case h.live && !s.Emergency:
		return "belongs to a version that is not retired yet: rotary status says what it waits for", nil
	case h.live && h.retained:
		return "belongs to a version that somebody retains: take the veto off with rotary retain", nil
	case h.live:
		return "", nil
	case h.isRetired() && k.active:
		return "was retired, and somebody has made it Active again: find out who uses it, and make it Inactive or delete it", nil
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
	return fmt.Sprintf("(%s, made on %s) is in no version, so it is not rotary's: delete it if nobody needs it", status, k.created.UTC().Format(time.DateOnly))
}

// isOlder compares a key's age, which IAM tells to the second, with a moment: one made in that second is not older.
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

// deactivateKey makes a key Inactive. One that is gone is as good.
func (r *Rotator) deactivateKey(ctx context.Context, id string) error {
	_, err := r.writer.UpdateAccessKey(ctx, &iam.UpdateAccessKeyInput{UserName: &r.user, AccessKeyId: &id, Status: types.StatusTypeInactive})
	if _, gone := errors.AsType[*types.NoSuchEntityException](err); err == nil || gone {
		return nil
	}
	return wrapError("make access key "+id+" Inactive", err)
}

// createKey makes the key. Where the list has shown a free slot and there is none, the list was behind.
func (r *Rotator) createKey(ctx context.Context, current values) (values, error) {
	out, err := r.writer.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: &r.user})
	if _, full := errors.AsType[*types.LimitExceededException](err); full {
		return nil, &unsettledError{refusal("user " + r.user + " has no free slot for another access key, though its list shows one: ask again")}
	}
	if err != nil {
		return nil, wrapError("create an access key for user "+r.user, err)
	}
	if out.AccessKey == nil || aws.ToString(out.AccessKey.AccessKeyId) == "" || aws.ToString(out.AccessKey.SecretAccessKey) == "" {
		return nil, errors.New("create an access key for user " + r.user + ": IAM's answer holds none")
	}
	return r.withKey(current, *out.AccessKey.AccessKeyId, *out.AccessKey.SecretAccessKey), nil
}
