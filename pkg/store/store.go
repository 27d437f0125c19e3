// Package store reads and writes Secrets Manager. It is the only package that does.
//
// Every read names a version id or a staging label; every label move is a compare-and-swap. AWS's message about a value
// that it refuses is left out of errors, because it may quote the value.
package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/aws/smithy-go/middleware"

	"github.com/rotary-secrets/rotary/pkg/awserr"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// ErrMissing is returned for a secret, or a version that a label should move to, that does not exist.
var ErrMissing = errors.New("it does not exist")

// ErrDeleted is returned for a secret that is in the bin: it is scheduled for deletion, and can be restored.
var ErrDeleted = errors.New("it is scheduled for deletion")

// ErrMoved is returned by a compare-and-swap that lost: the label is not where it was seen.
var ErrMoved = errors.New("the label has moved since it was read")

// ErrUnsteady is returned for a secret whose description and list of versions disagree: somebody is changing it, or one
// of the answers is out of date. Try again later.
var ErrUnsteady = errors.New("its labels move while they are being read")

// batchSize is how many secrets one BatchGetSecretValue may name.
const batchSize = 20

type client interface {
	DescribeSecret(context.Context, *secretsmanager.DescribeSecretInput,
		...func(*secretsmanager.Options)) (*secretsmanager.DescribeSecretOutput, error)
	ListSecretVersionIds(context.Context, *secretsmanager.ListSecretVersionIdsInput,
		...func(*secretsmanager.Options)) (*secretsmanager.ListSecretVersionIdsOutput, error)
	GetSecretValue(context.Context, *secretsmanager.GetSecretValueInput,
		...func(*secretsmanager.Options)) (*secretsmanager.GetSecretValueOutput, error)
	BatchGetSecretValue(context.Context, *secretsmanager.BatchGetSecretValueInput,
		...func(*secretsmanager.Options)) (*secretsmanager.BatchGetSecretValueOutput, error)
	PutSecretValue(context.Context, *secretsmanager.PutSecretValueInput,
		...func(*secretsmanager.Options)) (*secretsmanager.PutSecretValueOutput, error)
	UpdateSecretVersionStage(context.Context, *secretsmanager.UpdateSecretVersionStageInput,
		...func(*secretsmanager.Options)) (*secretsmanager.UpdateSecretVersionStageOutput, error)
	RotateSecret(context.Context, *secretsmanager.RotateSecretInput,
		...func(*secretsmanager.Options)) (*secretsmanager.RotateSecretOutput, error)
	TagResource(context.Context, *secretsmanager.TagResourceInput,
		...func(*secretsmanager.Options)) (*secretsmanager.TagResourceOutput, error)
	UntagResource(context.Context, *secretsmanager.UntagResourceInput,
		...func(*secretsmanager.Options)) (*secretsmanager.UntagResourceOutput, error)
}

// Store is one account and region's Secrets Manager. Safe for concurrent use.
type Store struct {
	client   client
	rotation secret.Value // the RotationToken that Put sends; empty outside a rotation
	clock    *clock
}

type clock struct {
	mu  sync.Mutex
	now time.Time
}

// New returns a Store over an SDK client. Timeouts and retries are the client's.
func New(c client) *Store { return &Store{client: c, clock: &clock{}} }

// WithRotationToken returns a Store whose Put proves to Secrets Manager that it acts for a rotation
// (https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutSecretValue.html, RotationToken).
func (s *Store) WithRotationToken(token secret.Value) *Store {
	return &Store{client: s.client, rotation: token, clock: s.clock}
}

// Now returns Secrets Manager's own time as of its last answer, to the second; zero before the first. plan.State.Now is
// this time, so that this machine's clock decides nothing.
func (s *Store) Now() time.Time {
	s.clock.mu.Lock()
	defer s.clock.mu.Unlock()
	return s.clock.now
}

// noteServerTime moves the Store's clock on to the time of an answer.
func (s *Store) noteServerTime(m middleware.Metadata) {
	t, ok := awsmiddleware.GetServerTime(m)
	s.clock.mu.Lock()
	defer s.clock.mu.Unlock()
	if ok && t.After(s.clock.now) {
		s.clock.now = t
	}
}

// Look reads a secret's labels and tags, and the time it last changed. Only versions that carry a label are listed, and
// their Created is not known: enough for a bucket. ErrMissing where the secret does not exist, ErrDeleted where it is
// scheduled for deletion.
func (s *Store) Look(ctx context.Context, name string) (history.History, error) {
	out, err := s.client.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: &name})
	if err != nil {
		return history.History{}, wrapError("describe", name, err)
	}
	s.noteServerTime(out.ResultMetadata)
	if out.DeletedDate != nil {
		return history.History{}, deletedError("describe", name, *out.DeletedDate)
	}
	_, nameless := out.VersionIdsToStages[""]
	undated := out.LastChangedDate == nil && len(out.VersionIdsToStages) > 0
	if nameless || undated || aws.ToString(out.ARN) == "" {
		return history.History{}, fmt.Errorf("describe %s: %w", name, awserr.ErrUnreadable)
	}
	look := history.History{
		Secret: name, ARN: aws.ToString(out.ARN),
		Changed: aws.ToTime(out.LastChangedDate), RotationEnabled: aws.ToBool(out.RotationEnabled),
	}
	look.Tags, look.OtherTags = splitTags(out.Tags)
	for id, labels := range out.VersionIdsToStages {
		look.Versions = append(look.Versions, history.Version{ID: id, Labels: slices.Sorted(slices.Values(labels))})
	}
	slices.SortFunc(look.Versions, oldestFirst)
	return look, nil
}

// LookAll is Look with every version that still exists, with its age, and with whether it has a value where the
// labels leave that open (History.Doubtful): enough for a source. It needs one more read for each 100 versions, and
// one for each doubtful version. ErrUnsteady where description and list of versions disagree on the labels maxLooks
// times in a row.
func (s *Store) LookAll(ctx context.Context, name string) (history.History, error) {
	look, err := s.lookUntilSteady(ctx, name)
	if err != nil {
		return history.History{}, err
	}
	if look.Changed.IsZero() && len(look.Versions) > 0 {
		return history.History{}, fmt.Errorf("describe %s: %w", name, awserr.ErrUnreadable)
	}
	var empty []string
	for _, doubtful := range look.Doubtful() {
		_, has, err := s.Value(ctx, name, doubtful)
		if err != nil && !errors.Is(err, secret.ErrBinary) {
			return history.History{}, err
		}
		if !has {
			empty = append(empty, doubtful)
		}
	}
	return look.WithEmpty(empty...), nil
}

// maxLooks is how often a secret is read until two answers about its labels agree.
const maxLooks = 3

// lookUntilSteady reads a secret's description and versions until both have the same labels. ErrUnsteady after
// maxLooks.
func (s *Store) lookUntilSteady(ctx context.Context, name string) (history.History, error) {
	for range maxLooks {
		look, err := s.Look(ctx, name)
		if err != nil {
			return look, err
		}
		described := look.Versions
		if look.Versions, err = s.Versions(ctx, name); err != nil {
			return look, err
		}
		if maps.EqualFunc(labelsByVersion(described), labelsByVersion(look.Versions), slices.Equal) {
			return look, nil
		}
	}
	return history.History{}, fmt.Errorf("look at %s: %w", name, ErrUnsteady)
}

// labelsByVersion returns the labels of the versions that have any.
func labelsByVersion(versions []history.Version) map[string][]string {
	labels := map[string][]string{}
	for _, v := range versions {
		if len(v.Labels) > 0 {
			labels[v.ID] = v.Labels
		}
	}
	return labels
}

// Versions lists every version of a secret that still exists, oldest first: ids, labels and ages, and not whether they
// have a value. One read for each 100. ErrMissing where the secret does not exist.
func (s *Store) Versions(ctx context.Context, name string) ([]history.Version, error) {
	var versions []history.Version
	pages := secretsmanager.NewListSecretVersionIdsPaginator(s.client, &secretsmanager.ListSecretVersionIdsInput{
		SecretId: &name, IncludeDeprecated: aws.Bool(true), MaxResults: aws.Int32(100),
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, wrapError("list the versions of", name, err)
		}
		s.noteServerTime(page.ResultMetadata)
		if aws.ToString(page.ARN) == "" {
			return nil, fmt.Errorf("list the versions of %s: %w", name, awserr.ErrUnreadable)
		}
		for _, v := range page.Versions {
			if aws.ToString(v.VersionId) == "" || aws.ToTime(v.CreatedDate).IsZero() {
				return nil, fmt.Errorf("list the versions of %s: %w", name, awserr.ErrUnreadable)
			}
			versions = append(versions, history.Version{
				ID: aws.ToString(v.VersionId), Created: aws.ToTime(v.CreatedDate),
				Labels: slices.Sorted(slices.Values(v.VersionStages)),
			})
		}
	}
	slices.SortFunc(versions, oldestFirst)
	return versions, nil
}

func oldestFirst(a, b history.Version) int {
	return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID))
}

// Current reads the version under AWSCURRENT in each of these secrets, twenty a call, and returns version ids and
// texts by name. It leaves out secrets that do not exist or have no current version. Where that version holds binary
// data, versions has it, and texts does not. The error is a *history.Unreadable where some of the secrets cannot be read,
// and comes with what the others hold: ErrDeleted where one is scheduled for deletion. Any other failure fails the whole
// read.
func (s *Store) Current(
	ctx context.Context, names []string,
) (versions map[string]string, texts map[string]secret.Value, err error) {
	versions, texts = map[string]string{}, map[string]secret.Value{}
	unread := &history.Unreadable{Secrets: map[string]error{}}
	for chunk := range slices.Chunk(names, batchSize) {
		read, err := s.readBatch(ctx, chunk, unread.Secrets)
		if err != nil {
			return nil, nil, err
		}
		for _, v := range read {
			versions[aws.ToString(v.Name)] = aws.ToString(v.VersionId)
			if v.SecretString != nil {
				texts[*v.Name] = secret.New(*v.SecretString)
			}
		}
	}
	if len(unread.Secrets) > 0 {
		return versions, texts, unread
	}
	return versions, texts, nil
}

// readBatch reads AWSCURRENT of up to batchSize secrets in one call, and adds to unread those that cannot be read. It
// fails where the answer leaves one of them out without an error of its own.
func (s *Store) readBatch(
	ctx context.Context, names []string, unread map[string]error,
) ([]types.SecretValueEntry, error) {
	out, err := s.client.BatchGetSecretValue(ctx, &secretsmanager.BatchGetSecretValueInput{SecretIdList: names})
	if err != nil {
		return nil, fmt.Errorf("read %d secrets at once: %w", len(names), awserr.Legible(err))
	}
	s.noteServerTime(out.ResultMetadata)
	for _, e := range out.Errors {
		code := aws.ToString(e.ErrorCode)
		if code == codeMissing {
			continue
		}
		err := s.batchError(ctx, names, aws.ToString(e.SecretId), code)
		one, is := errors.AsType[*history.Unreadable](err)
		if !is {
			return nil, err
		}
		maps.Copy(unread, one.Secrets)
	}
	read := map[string]bool{}
	for _, v := range out.SecretValues {
		if !slices.Contains(names, aws.ToString(v.Name)) || aws.ToString(v.VersionId) == "" {
			return nil, fmt.Errorf("read %d secrets at once: %w", len(names), awserr.ErrUnreadable)
		}
		read[*v.Name] = true
	}
	if got := len(read) + len(out.Errors); got != len(names) || out.NextToken != nil {
		return nil, fmt.Errorf("read %d secrets at once: the answer covers %d", len(names), got)
	}
	return out.SecretValues, nil
}

// batchError returns the error for one secret of a batch. id is its name or its ARN: AWS may answer either. A secret in
// the bin has the code of any request that is invalid just then, so its description is asked.
func (s *Store) batchError(ctx context.Context, names []string, id, code string) error {
	i := slices.IndexFunc(names, func(name string) bool {
		return id == name || strings.Contains(id, ":secret:"+name+"-")
	})
	if i < 0 || !awserr.IsCode(code) {
		return fmt.Errorf("read %d secrets at once: %w", len(names), awserr.ErrUnreadable)
	}
	if code == codeInvalid {
		if err := s.checkDeleted(ctx, "read", names[i]); err != nil {
			return err
		}
	}
	return markUnreadable(names[i], code, fmt.Errorf("read %s: %s", names[i], code))
}

// The error codes of Secrets Manager that concern one secret, whatever it answers about others
// (https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html). Any other code is about the
// service, or about whoever asks.
const (
	codeMissing   = "ResourceNotFoundException"
	codeInvalid   = "InvalidRequestException" // for most calls about one that is scheduled for deletion, among others
	codeDenied    = "AccessDeniedException"
	codeUndecoded = "DecryptionFailure"      // its KMS key is disabled, gone, or not for this role
	codeUnencoded = "EncryptionFailure"      // likewise, where a value is put
	codeFull      = "LimitExceededException" // it has as many labels, versions or tags as it may have
)

// markUnreadable returns err as a *history.Unreadable of this secret where code concerns that secret alone.
func markUnreadable(name, code string, err error) error {
	switch code {
	case codeMissing, codeInvalid, codeDenied, codeUndecoded, codeUnencoded, codeFull:
		return history.NewUnreadable(name, err)
	}
	return err
}

// checkDeleted returns ErrDeleted where a secret's description has a date of deletion.
func (s *Store) checkDeleted(ctx context.Context, doing, name string) error {
	out, err := s.client.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: &name})
	if err == nil && out.DeletedDate != nil {
		return deletedError(doing, name, *out.DeletedDate)
	}
	return nil // the caller has an error of its own
}

func deletedError(doing, name string, date time.Time) error {
	return history.NewUnreadable(name, fmt.Errorf("%s %s: %w on %s: restore it "+
		"(aws secretsmanager restore-secret --secret-id '%s') or take it out of the manifest",
		doing, name, ErrDeleted, date.UTC().Format(time.DateOnly), name))
}

// Value reads one version by its id. has is false for a version that has no value, or does not exist. The error is
// secret.ErrBinary, and has is true, where it holds binary data; it is ErrDeleted where the secret is scheduled for
// deletion.
func (s *Store) Value(ctx context.Context, name, version string) (text secret.Value, has bool, err error) {
	out, err := s.client.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &name, VersionId: &version})
	if _, missing := errors.AsType[*types.ResourceNotFoundException](err); missing {
		return secret.Value{}, false, nil
	}
	doing := "read version " + version + " of"
	if awserr.Code(err) == codeInvalid {
		err = cmp.Or(s.checkDeleted(ctx, doing, name), err)
	}
	if errors.Is(err, ErrDeleted) {
		return secret.Value{}, false, err
	}
	if err != nil {
		return secret.Value{}, false, wrapError(doing, name, err)
	}
	s.noteServerTime(out.ResultMetadata)
	if aws.ToString(out.VersionId) != version || out.SecretString == nil && out.SecretBinary == nil {
		return secret.Value{}, false, fmt.Errorf("%s %s: %w", doing, name, awserr.ErrUnreadable)
	}
	if out.SecretString == nil {
		return secret.Value{}, true, fmt.Errorf("%s %s: %w", doing, name, secret.ErrBinary)
	}
	return secret.New(*out.SecretString), true, nil
}

// Put writes version (32 to 64 characters) of a secret, under these labels; none means AWSCURRENT. It is
// repeatable: the same version with the same text again changes nothing, not even labels.
func (s *Store) Put(ctx context.Context, name, version string, text secret.Value, labels ...string) error {
	in := &secretsmanager.PutSecretValueInput{
		SecretId: &name, ClientRequestToken: &version, SecretString: aws.String(secret.Reveal(text)),
		VersionStages: labels,
	}
	if token := secret.Reveal(s.rotation); token != "" {
		in.RotationToken = &token
	}
	out, err := s.client.PutSecretValue(ctx, in)
	if err != nil {
		return wrapErrorWithoutText("write a version of", name, err)
	}
	s.noteServerTime(out.ResultMetadata)
	return nil
}

// Move moves a label: onto version to, off version from. Either may be empty. It is a compare-and-swap: ErrMoved
// where from does not carry the label, or where another version does, unless the label already is where it should
// go. Moving AWSCURRENT moves AWSPREVIOUS too.
func (s *Store) Move(ctx context.Context, name, label, to, from string) error {
	in := &secretsmanager.UpdateSecretVersionStageInput{SecretId: &name, VersionStage: &label}
	if to != "" {
		in.MoveToVersionId = &to
	}
	if from != "" {
		in.RemoveFromVersionId = &from
	}
	out, err := s.client.UpdateSecretVersionStage(ctx, in)
	if _, refused := errors.AsType[*types.InvalidParameterException](err); refused {
		return s.checkAlreadyMoved(ctx, name, label, to)
	}
	if err != nil {
		return wrapError("move label "+label+" of", name, err)
	}
	s.noteServerTime(out.ResultMetadata)
	return nil
}

// checkAlreadyMoved reads where a label is after a move was refused. It returns nil where the label is where it should
// go, because the move was done and its answer got lost, and ErrMoved where it is not.
func (s *Store) checkAlreadyMoved(ctx context.Context, name, label, to string) error {
	h, err := s.Look(ctx, name)
	if err != nil {
		return err
	}
	if holder, _ := h.Labelled(label); holder.ID != to {
		return fmt.Errorf("move label %s of %s: %w", label, name, ErrMoved)
	}
	return nil
}

// Rotate starts the rotation that makes version, and does not wait for it. The error is a *NotStarted where Secrets
// Manager refuses: another rotation is under way, or none is configured.
func (s *Store) Rotate(ctx context.Context, name, version string) error {
	in := &secretsmanager.RotateSecretInput{SecretId: &name, ClientRequestToken: &version}
	out, err := s.client.RotateSecret(ctx, in)
	if refused, is := errors.AsType[*types.InvalidRequestException](err); is {
		return &NotStarted{refused.ErrorMessage()}
	}
	if err != nil {
		return wrapError("start the rotation of", name, err)
	}
	s.noteServerTime(out.ResultMetadata)
	return nil
}

// NotStarted is the error for a rotation that Secrets Manager does not start. It changed nothing.
type NotStarted struct{ Reason string }

// Refusal returns the reason, in Secrets Manager's words.
func (n *NotStarted) Refusal() string { return n.Reason }

func (n *NotStarted) Error() string { return "Secrets Manager refuses: " + n.Reason }

// wrapError adds what was being done to which secret. It returns ErrMissing for a secret that does not exist, and a
// *history.Unreadable where only that secret is concerned.
func wrapError(doing, name string, err error) error {
	if _, missing := errors.AsType[*types.ResourceNotFoundException](err); missing {
		return history.NewUnreadable(name, fmt.Errorf("%s %s: %w", doing, name, ErrMissing))
	}
	return markUnreadable(name, awserr.Code(err), fmt.Errorf("%s %s: %w", doing, name, awserr.Legible(err)))
}

// wrapErrorWithoutText is wrapError for requests that carry a value: it keeps only the code of AWS's answer.
func wrapErrorWithoutText(doing, name string, err error) error {
	if code := awserr.Code(err); code != "" {
		return markUnreadable(name, code, fmt.Errorf("%s %s: Secrets Manager answered %s", doing, name, code))
	}
	return wrapError(doing, name, err)
}
