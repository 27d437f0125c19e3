package secretsmanager

import (
	"context"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/rotary-secrets/rotary/internal/standin/wire"
)

type tag struct{ Key, Value string }

// The limits of tags (https://docs.aws.amazon.com/secretsmanager/latest/userguide/managing-secrets_tagging.html). The
// documentation does not say with which error AWS refuses what is over them.
const (
	maxTags     = 50  // of one secret
	maxTagKey   = 128 // characters
	maxTagValue = 256
)

// tagText holds what keys and values of tags are made of.
var tagText = regexp.MustCompile(`^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$`)

// checkTags refuses a tag that AWS does not take.
func checkTags(tags []tag) error {
	if len(tags) > maxTags {
		return tooManyTags()
	}
	for _, t := range tags {
		key, value := len([]rune(t.Key)), len([]rune(t.Value))
		switch {
		case key == 0 || key > maxTagKey || value > maxTagValue:
			return wire.Errorf("InvalidParameterException", "A tag's key has 1 to %d characters, and its value at most %d.", maxTagKey, maxTagValue)
		case !tagText.MatchString(t.Key) || !tagText.MatchString(t.Value):
			return wire.Errorf("InvalidParameterException", "A tag holds a character that is not allowed.")
		case strings.HasPrefix(strings.ToLower(t.Key), "aws:"):
			return wire.Errorf("InvalidParameterException", "Tag keys that begin with aws: are reserved.")
		}
	}
	return nil
}

func tooManyTags() error {
	return wire.Errorf("InvalidParameterException", "A secret has at most %d tags.", maxTags)
}

type tagInput struct {
	SecretID string `json:"SecretId"`
	Tags     []tag
}

func (s *Service) tagResource(_ context.Context, in tagInput) (struct{}, error) {
	if err := checkTags(in.Tags); err != nil {
		return struct{}{}, err
	}
	return s.changeTags(in.SecretID, func(tags map[string]string) {
		for _, t := range in.Tags {
			tags[t.Key] = t.Value
		}
	})
}

type untagInput struct {
	SecretID string `json:"SecretId"`
	TagKeys  []string
}

func (s *Service) untagResource(_ context.Context, in untagInput) (struct{}, error) {
	return s.changeTags(in.SecretID, func(tags map[string]string) {
		for _, key := range in.TagKeys {
			delete(tags, key)
		}
	})
}

// changeTags changes the tags of a secret, all or none. LastChangedDate moves with them: AWS does not say whether it
// does, and what waits for nothing to change waits longer for it.
func (s *Service) changeTags(id string, change func(map[string]string)) (struct{}, error) {
	s.mu.Lock()
	defer s.unlockAndEmit()
	e, err := s.findUndeleted(id)
	if err != nil {
		return struct{}{}, err
	}
	changed := maps.Clone(e.tags)
	change(changed)
	if len(changed) > maxTags {
		return struct{}{}, tooManyTags()
	}
	e.tags = changed
	if !s.cfg.TagsKeepDate {
		e.changed = s.cfg.Clock.Now()
	}
	return struct{}{}, nil
}

func (e *entry) tagList() []tag {
	var list []tag
	for _, key := range slices.Sorted(maps.Keys(e.tags)) {
		list = append(list, tag{key, e.tags[key]})
	}
	return list
}
