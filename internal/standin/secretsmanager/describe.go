package secretsmanager

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/rotary-secrets/rotary/internal/standin/wire"
)

// details is a secret as ListSecrets and DescribeSecret describe it.
type details struct {
	ARN               string
	Name              string
	Description       string `json:",omitempty"`
	KMSKeyID          string `json:"KmsKeyId,omitempty"`
	CreatedDate       wire.Time
	LastChangedDate   wire.Time
	LastAccessedDate  *wire.Time `json:",omitempty"`
	DeletedDate       *wire.Time `json:",omitempty"`
	LastRotatedDate   *wire.Time `json:",omitempty"`
	NextRotationDate  *wire.Time `json:",omitempty"`
	RotationEnabled   *bool      `json:",omitempty"`
	RotationLambdaARN string     `json:",omitempty"`
	RotationRules     *rules     `json:",omitempty"`
	Tags              []tag      `json:",omitempty"`

	VersionIDsToStages     map[string][]string `json:"VersionIdsToStages,omitempty"`     // DescribeSecret's name for it
	SecretVersionsToStages map[string][]string `json:"SecretVersionsToStages,omitempty"` // ListSecrets' name for it
}

func (s *Service) describeEntry(e *entry) details {
	d := details{
		ARN: e.arn, Name: e.name, Description: e.description, KMSKeyID: e.kmsKey, Tags: e.tagList(),
		CreatedDate: wire.Time(e.created), LastChangedDate: wire.Time(e.changed), LastAccessedDate: optionalTime(e.accessed),
		LastRotatedDate: optionalTime(e.rotation.last), NextRotationDate: optionalTime(e.rotation.next),
		RotationLambdaARN: e.rotation.function, RotationRules: e.rotation.rules,
	}
	if e.deleted != nil {
		d.DeletedDate = optionalTime(e.deleted.at)
	}
	if enabled := e.rotation.enabled; e.rotation.function != "" {
		d.RotationEnabled = &enabled
	}
	shuffleItems(s, d.Tags, func(t tag) string { return t.Key })
	return d
}

func (s *Service) describeSecret(_ context.Context, in idInput) (details, error) {
	s.mu.Lock()
	defer s.unlockAndEmit()
	e, err := s.findEntry(in.SecretID)
	if err != nil {
		return details{}, err
	}
	d := s.describeEntry(e)
	d.VersionIDsToStages = s.visibleStages(e)
	return d, nil
}

type versionsInput struct {
	SecretID          string `json:"SecretId"`
	IncludeDeprecated bool
	MaxResults        *int
	NextToken         string
}

type versionsOutput struct {
	ARN       string
	Name      string
	NextToken string `json:",omitempty"`
	Versions  []versionItem
}

type versionItem struct {
	VersionID        string   `json:"VersionId"`
	VersionStages    []string `json:",omitempty"`
	CreatedDate      wire.Time
	LastAccessedDate *wire.Time `json:",omitempty"`
	KMSKeyIDs        []string   `json:"KmsKeyIds"`
}

func (s *Service) listSecretVersionIDs(_ context.Context, in versionsInput) (versionsOutput, error) {
	s.mu.Lock()
	defer s.unlockAndEmit()
	e, err := s.findEntry(in.SecretID)
	if err != nil {
		return versionsOutput{}, err
	}
	items, next, err := answerPage(s, s.listVersions(e, in.IncludeDeprecated), versionItem.sortKey, in.NextToken, in.MaxResults)
	return versionsOutput{ARN: e.arn, Name: e.name, Versions: items, NextToken: next}, err
}

func (v versionItem) sortKey() string { return v.VersionID }

// listVersions describes those with a label, and those without where they are asked for.
func (s *Service) listVersions(e *entry, deprecated bool) []versionItem {
	items, stages := []versionItem{}, s.visibleStages(e)
	for _, v := range e.versions {
		held := stages[v.id]
		if len(held) == 0 && !deprecated {
			continue
		}
		items = append(items, versionItem{
			VersionID: v.id, VersionStages: held, CreatedDate: wire.Time(v.created),
			LastAccessedDate: optionalTime(v.accessed), KMSKeyIDs: []string{e.sortKey()},
		})
	}
	return items
}

// visibleStages maps each version that holds a label to its labels.
func (s *Service) visibleStages(e *entry) map[string][]string {
	m := e.labels.labelsByVersion()
	for _, held := range m {
		shuffleItems(s, held, textKey)
	}
	return m
}

func textKey(text string) string { return text }

func (e *entry) sortKey() string {
	if e.kmsKey == "" {
		return "DefaultEncryptionKey"
	}
	return e.kmsKey
}

type listSecretsInput struct {
	Filters                []filter
	IncludePlannedDeletion bool
	MaxResults             *int
	NextToken              string
}

type listOutput struct {
	SecretList []details
	NextToken  string `json:",omitempty"`
}

func (s *Service) listSecrets(_ context.Context, in listSecretsInput) (listOutput, error) {
	for _, f := range in.Filters {
		if err := f.checkFilter(); err != nil {
			return listOutput{}, err
		}
	}
	s.mu.Lock()
	defer s.unlockAndEmit()
	all := []details{}
	for _, name := range slices.Sorted(maps.Keys(s.entries)) {
		e := s.entries[name]
		if in.matchesEntry(e) {
			d := s.describeEntry(e)
			d.SecretVersionsToStages = s.visibleStages(e)
			all = append(all, d)
		}
	}
	items, next, err := answerPage(s, all, func(d details) string { return d.ARN }, in.NextToken, in.MaxResults)
	return listOutput{SecretList: items, NextToken: next}, err
}

func (in listSecretsInput) matchesEntry(e *entry) bool {
	if e.deleted != nil && !in.IncludePlannedDeletion {
		return false
	}
	return !slices.ContainsFunc(in.Filters, func(f filter) bool { return !f.matchesEntry(e) })
}

// filter matches a secret where one of its values is the beginning of one of the texts that Key names.
type filter struct {
	Key    string
	Values []string
}

func (f filter) checkFilter() error {
	if !slices.Contains([]string{"name", "tag-key", "tag-value"}, f.Key) {
		return wire.NotImplemented("ListSecrets filter %q", f.Key)
	}
	if slices.ContainsFunc(f.Values, func(v string) bool { return strings.HasPrefix(v, "!") }) {
		return wire.NotImplemented("ListSecrets filters with a value that starts with !")
	}
	return nil
}

func (f filter) matchesEntry(e *entry) bool {
	texts := []string{e.name}
	switch f.Key {
	case "tag-key":
		texts = slices.Collect(maps.Keys(e.tags))
	case "tag-value":
		texts = slices.Collect(maps.Values(e.tags))
	}
	return slices.ContainsFunc(texts, func(text string) bool {
		return slices.ContainsFunc(f.Values, func(v string) bool { return strings.HasPrefix(text, v) })
	})
}
