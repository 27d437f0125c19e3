package ecs

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/rotary-secrets/rotary/internal/standin/wire"
)

type tag struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

func checkTags(tags []tag) error {
	for _, t := range tags {
		if t.Key == "" || strings.HasPrefix(strings.ToLower(t.Key), "aws:") {
			return wire.Errorf("InvalidParameterException", "Tag keys must not be empty and cannot start with aws:, which is reserved for internal use.")
		}
	}
	return nil
}

func (s *Service) setTags(arn string, tags []tag) error {
	if err := checkTags(tags); err != nil {
		return err
	}
	if s.tags[arn] == nil {
		s.tags[arn] = map[string]string{}
	}
	for _, t := range tags {
		s.tags[arn][t.Key] = t.Value
	}
	s.cfg.Tagged(arn, s.tags[arn])
	return nil
}

func (s *Service) tagList(arn string) []tag {
	out := []tag{}
	for _, k := range slices.Sorted(maps.Keys(s.tags[arn])) {
		out = append(out, tag{k, s.tags[arn][k]})
	}
	shuffleItems(s, out, func(t tag) string { return t.Key })
	return out
}

// includedTags returns the tags of arn where TAGS was asked for.
func (s *Service) includedTags(arn string, include []string) ([]tag, error) {
	for _, what := range include {
		if what != "TAGS" {
			return nil, wire.NotImplemented("include %s", what)
		}
	}
	if len(include) == 0 {
		return nil, nil
	}
	return s.tagList(arn), nil
}

type tagInput struct {
	ResourceARN string   `json:"resourceArn"`
	Tags        []tag    `json:"tags"`
	TagKeys     []string `json:"tagKeys"`
}

type tagsOutput struct {
	Tags []tag `json:"tags"`
}

func (s *Service) checkTaggable(arn string) error {
	if _, found := s.tags[arn]; !found {
		return wire.Errorf("InvalidParameterException", "The specified resource is inactive or does not exist. Specify an active resource and try again.")
	}
	return nil
}

func (s *Service) tagResource(_ context.Context, in tagInput) (struct{}, error) {
	if err := s.checkTaggable(in.ResourceARN); err != nil {
		return struct{}{}, err
	}
	return struct{}{}, s.setTags(in.ResourceARN, in.Tags)
}

func (s *Service) untagResource(_ context.Context, in tagInput) (struct{}, error) {
	if err := s.checkTaggable(in.ResourceARN); err != nil {
		return struct{}{}, err
	}
	for _, k := range in.TagKeys {
		delete(s.tags[in.ResourceARN], k)
	}
	s.cfg.Tagged(in.ResourceARN, s.tags[in.ResourceARN])
	return struct{}{}, nil
}

func (s *Service) listTagsForResource(_ context.Context, in tagInput) (tagsOutput, error) {
	return tagsOutput{s.tagList(in.ResourceARN)}, s.checkTaggable(in.ResourceARN)
}
