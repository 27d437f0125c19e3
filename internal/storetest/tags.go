package storetest

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/store"
)

const guideTags = "docs.aws.amazon.com/secretsmanager/latest/userguide/managing-secrets_tagging.html"

// setTags calls TagResource with keys and values in turn.
func (p *probe) setTags(words ...string) error {
	in := &secretsmanager.TagResourceInput{SecretId: &p.name}
	for pair := range slices.Chunk(words, 2) {
		in.Tags = append(in.Tags, types.Tag{Key: &pair[0], Value: &pair[1]})
	}
	_, err := p.Client.TagResource(p.ctx, in)
	return err
}

// wantTags notes a mismatch unless DescribeSecret shows these tags.
func (p *probe) wantTags(want map[string]string) {
	got := map[string]string{}
	for _, t := range p.describeSecret().Tags {
		got[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	if !maps.Equal(got, want) {
		p.noteMismatch("tags are %v, want %v", got, want)
	}
}

// tagFacts: the tags of a secret.
func tagFacts() []Fact {
	return []Fact{
		{"tags are set one by one, set again, and taken off; DescribeSecret shows them", guideTags, 0, func(p *probe) {
			p.createSecret("one")
			p.wantNoError("set", p.setTags("a", "1", "rotary:b", "x:y/z =+-@._"))
			p.wantNoError("set again", p.setTags("a", "2"))
			p.wantTags(map[string]string{"a": "2", "rotary:b": "x:y/z =+-@._"})
			_, err := p.Client.UntagResource(p.ctx, &secretsmanager.UntagResourceInput{SecretId: &p.name, TagKeys: []string{"a", "never"}})
			p.wantNoError("take off", err)
			p.wantTags(map[string]string{"rotary:b": "x:y/z =+-@._"})
			p.wantLabels("AWSCURRENT:one")
		}},
		{"a secret has 50 tags, and no 51st; what is refused sets none", guideTags, 0, func(p *probe) {
			p.createSecret("one")
			var words []string
			for n := range history.MaxTags {
				words = append(words, fmt.Sprintf("k%02d", n), "v")
			}
			p.wantNoError("50", p.setTags(words...))
			if p.setTags("k00", "w", "one more", "v") == nil {
				p.noteMismatch("it takes 51")
			}
			want := map[string]string{}
			for n := range history.MaxTags {
				want[fmt.Sprintf("k%02d", n)] = "v"
			}
			p.wantTags(want)
		}},
		{"a tag's value has 256 characters at most, and its key 128", guideTags, 0, func(p *probe) {
			p.createSecret("one")
			long := strings.Repeat("k", history.MaxTagKey)
			value := strings.Repeat("v", history.MaxTagValue)
			p.wantNoError("as long as may be", p.setTags(long, value))
			if p.setTags("k", value+"v") == nil || p.setTags(long+"k", "v") == nil {
				p.noteMismatch("it takes more")
			}
			p.wantTags(map[string]string{long: value})
		}},
	}
}

// storeTagFacts are the promises of a Store about tags.
func storeTagFacts() []Fact {
	return []Fact{
		{"Tag sets tags, Untag takes them off, and Look shows rotary's and counts the others", "store.Store.Tag", 0, func(p *probe) {
			p.createSecret("one")
			s := p.newStore()
			p.mustStore("tag", s.Tag(p.ctx, p.name, map[string]string{"rotary:a": "1", "rotary:b": "2", "team": "x"}))
			p.mustStore("tag again", s.Tag(p.ctx, p.name, map[string]string{"rotary:a": "3"}))
			p.wantOwnTags(map[string]string{"rotary:a": "3", "rotary:b": "2"}, 1)
			p.mustStore("untag", s.Untag(p.ctx, p.name, []string{"rotary:a"}))
			p.mustStore("untag again", s.Untag(p.ctx, p.name, []string{"rotary:a"}))
			p.wantOwnTags(map[string]string{"rotary:b": "2"}, 1)
		}},
		{"Tag and Untag of a secret that does not exist are ErrMissing", "store.Store.Tag", 0, func(p *probe) {
			tag := p.newStore().Tag(p.ctx, p.name, map[string]string{"rotary:a": "1"})
			untag := p.newStore().Untag(p.ctx, p.name, []string{"rotary:a"})
			if !errors.Is(tag, store.ErrMissing) || !errors.Is(untag, store.ErrMissing) {
				p.noteMismatch("they are not")
			}
		}},
	}
}

// wantOwnTags notes a mismatch unless Look and LookAll show these tags of rotary's, and count the others.
func (p *probe) wantOwnTags(want map[string]string, others int) {
	look, err := p.newStore().Look(p.ctx, p.name)
	p.mustStore("look", err)
	lookAll, err := p.newStore().LookAll(p.ctx, p.name)
	p.mustStore("look at all", err)
	for _, h := range []history.History{look, lookAll} {
		if !maps.Equal(h.Tags, want) || h.OtherTags != others {
			p.noteMismatch("it shows %v and %d others, want %v and %d", h.Tags, h.OtherTags, want, others)
		}
	}
}
