package rotate_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// secrets is one source held in memory, with labels that move as in Secrets Manager. The conformance suite runs on the
// stand-in; this is for what is easier to say about a few versions.
type secrets struct {
	t    *testing.T
	h    history.History
	text map[string]secret.Value
	keys []string // that the source declares: all that its first versions hold
	fail error    // of every call from now on
}

// id makes a version id of a letter.
func id(name string) string { return strings.Repeat(name, 32) }

// newSecrets is a source with these versions, oldest first: "a LIVE AWSPREVIOUS".
func newSecrets(t *testing.T, contents map[string]rotate.Values, versions ...string) *secrets {
	s := &secrets{t: t, h: history.History{Secret: "source/dev/x", RotationEnabled: true}, text: map[string]secret.Value{}}
	for _, v := range versions {
		fields := strings.Fields(v)
		version := history.Version{ID: id(fields[0])}
		for _, label := range fields[1:] {
			if label == "LIVE" {
				label = history.Live + version.ID[:8]
			}
			version.Labels = append(version.Labels, label)
		}
		s.h.Versions = append(s.h.Versions, version)
		s.text[version.ID] = bucket.Encode(contents[fields[0]])
		s.keys = slices.AppendSeq(s.keys, maps.Keys(contents[fields[0]]))
	}
	return s
}

func (s *secrets) job(r rotate.Rotator) rotate.Job {
	return rotate.Job{Store: s, Rotator: r, Source: manifest.Source{
		Name: "x", Secret: s.h.Secret, Keys: manifest.KeysOf(slices.Compact(slices.Sorted(slices.Values(s.keys)))...),
	}}
}

// labels lists what carries a label, oldest first: "a: AWSPREVIOUS LIVE".
func (s *secrets) labels() []string {
	var all []string
	for _, v := range s.h.Versions {
		if len(v.Labels) == 0 {
			continue
		}
		labels := slices.Clone(v.Labels)
		for i, l := range labels {
			if strings.HasPrefix(l, history.Live) {
				labels[i] = "LIVE"
			}
		}
		slices.Sort(labels)
		all = append(all, v.ID[:1]+": "+strings.Join(labels, " "))
	}
	return all
}

func (s *secrets) Look(ctx context.Context, name string) (history.History, error) {
	return s.LookAll(ctx, name)
}

func (s *secrets) LookAll(context.Context, string) (history.History, error) {
	h := s.h
	h.Versions = nil
	for _, v := range s.h.Versions {
		v.Labels = slices.Clone(v.Labels)
		h.Versions = append(h.Versions, v)
	}
	return h, s.fail
}

func (s *secrets) Value(_ context.Context, _, version string) (secret.Value, bool, error) {
	text, has := s.text[version]
	return text, has, s.fail
}

func (s *secrets) Put(_ context.Context, _, version string, text secret.Value, labels ...string) error {
	if old, has := s.text[version]; has {
		if !old.Equal(text) {
			return fmt.Errorf("version %s has another value", history.Short(version))
		}
		return s.fail
	}
	s.text[version] = text
	known := slices.IndexFunc(s.h.Versions, func(v history.Version) bool { return v.ID == version })
	if known < 0 {
		known = len(s.h.Versions)
		s.h.Versions = append(s.h.Versions, history.Version{ID: version})
	}
	s.h.Versions[known].Empty = false
	for _, label := range labels {
		s.take(label)
		s.give(label, version)
	}
	return s.fail
}

func (s *secrets) Move(_ context.Context, _, label, to, from string) error {
	if holder, _ := s.h.Labelled(label); holder.ID != from {
		return fmt.Errorf("label %s has moved", label)
	}
	s.take(label)
	if label == history.AWSCurrent {
		s.take(history.AWSPrevious)
		s.give(history.AWSPrevious, from)
	}
	s.give(label, to)
	return s.fail
}

// Now is when nothing has changed for long.
func (s *secrets) Now() time.Time { return s.h.Changed.Add(time.Hour) }

func (s *secrets) take(label string) {
	for i, v := range s.h.Versions {
		s.h.Versions[i].Labels = slices.DeleteFunc(v.Labels, func(l string) bool { return l == label })
	}
}

func (s *secrets) give(label, version string) {
	for i, v := range s.h.Versions {
		if v.ID == version {
			s.h.Versions[i].Labels = append(s.h.Versions[i].Labels, label)
		}
	}
}
