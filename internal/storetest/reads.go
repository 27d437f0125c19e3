package storetest

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

const (
	noSecret  = "Secrets Manager can't find the specified secret."
	noLabel   = "Secrets Manager can't find the specified secret value for staging label: "
	noVersion = "Secrets Manager can't find the specified secret value for VersionId: "
	mismatch  = "You provided a VersionStage that is not associated to the provided VersionId."
)

// readFacts: GetSecretValue, BatchGetSecretValue, and versions without a value.
func readFacts() []Fact {
	return []Fact{
		{"a read names a version, a label, or both", apiGet, 0, func(p *probe) {
			p.create("one", "two")
			p.reads("one", "", "one")
			p.reads("two", "", "two")
			p.reads("", "AWSPREVIOUS", "one")
			p.reads("", "AWSCURRENT", "two")
			p.reads("one", "AWSPREVIOUS", "one")
		}},
		{"a read that names nothing reads AWSCURRENT", apiGet, 0, func(p *probe) {
			p.create("one", "two")
			p.reads("", "", "two")
			p.puts("three", "L")
			p.reads("", "", "two")
		}},
		{"a read that names nothing reads AWSCURRENT also after it was moved", apiGet, 0, func(p *probe) {
			p.create("one", "two")
			p.moves("AWSCURRENT", "one", "two")
			p.reads("", "", "one")
		}},
		{"a read of a version under a label that it does not have is refused", recorded, 0, func(p *probe) {
			p.create("one", "two")
			_, err := p.get("one", "AWSCURRENT")
			p.refused("read", err, mismatch, badRequest)
		}},
		{"a read under a label that nothing has is refused", recorded, 0, func(p *probe) {
			p.create("one")
			_, err := p.get("", "L")
			p.refused("read", err, noLabel+"L", notFound)
		}},
		{"a read of a version that does not exist is refused", apiGet, 0, func(p *probe) {
			p.create("one")
			_, err := p.get("nine", "")
			p.refused("read", err, noVersion+id("nine"), notFound)
		}},
		{"a read of a secret that does not exist is refused", apiGet, 0, func(p *probe) {
			_, err := p.get("", "AWSCURRENT")
			p.refused("read", err, noSecret, notFound)
		}},
		{"a version without a label can be read by its id", apiGet, 0, func(p *probe) {
			p.create("one", "two", "three")
			p.reads("one", "", "one")
		}},
		{"a secret without a version has nothing to read, and no labels", recorded, 0, func(p *probe) {
			p.create()
			_, err := p.get("", "")
			p.refused("read", err, noLabel+"AWSCURRENT", notFound)
			p.holds("")
			p.lists(true, "")
		}},
		{"every refusal is HTTP 400", recorded, 0, func(p *probe) {
			p.create("one")
			_, missing := p.get("", "L")
			_, wrong := p.get("one", "L")
			for what, err := range []error{missing, wrong, p.put("one", "another value"), p.move("AWSCURRENT", "", "one")} {
				if response, is := errors.AsType[*awshttp.ResponseError](err); is && response.HTTPStatusCode() != 400 {
					p.see("refusal %d is HTTP %d", what+1, response.HTTPStatusCode())
				}
			}
		}},
		{"a batch reads AWSCURRENT of each secret", apiBatch, 0, func(p *probe) {
			p.createNamed(p.name+"-a", "one")
			p.createNamed(p.name+"-b", "one", "two")
			p.batches("-a=one -b=two", p.name+"-a", p.name+"-b")
		}},
		{"a batch reads AWSCURRENT also after it was moved", apiBatch, 0, func(p *probe) {
			p.create("one", "two")
			p.moves("AWSCURRENT", "one", "two")
			p.batches("=one", p.name)
		}},
		{"what a batch cannot read it says of each secret, and reads the rest", apiBatch, 0, func(p *probe) {
			p.createNamed(p.name+"-a", "one")
			p.createNamed(p.name + "-b")
			p.createNamed(p.name+"-c", "one")
			p.delete(p.name + "-c")
			p.batches("-a=one -b:ResourceNotFoundException -c:InvalidRequestException -d:ResourceNotFoundException",
				p.name+"-d", p.name+"-c", p.name+"-b", p.name+"-a")
		}},
		{"a batch has 20 secrets at most", apiBatch, 0, func(p *probe) {
			var names []string
			for n := range 21 {
				names = append(names, fmt.Sprintf("%s-%c", p.name, 'a'+n))
			}
			out, err := p.Client.BatchGetSecretValue(p.ctx, &secretsmanager.BatchGetSecretValueInput{SecretIdList: names[:20]})
			p.must("20", err)
			if len(out.Errors) != 20 || len(out.SecretValues) != 0 {
				p.see("of 20 that do not exist it says %d errors and %d values", len(out.Errors), len(out.SecretValues))
			}
			_, err = p.Client.BatchGetSecretValue(p.ctx, &secretsmanager.BatchGetSecretValueInput{SecretIdList: names})
			p.refused("21", err, "", invalid, badParameter)
		}},
	}
}

func (p *probe) batches(want string, names ...string) {
	got, err := p.batch(names...)
	p.must("read at once", err)
	if got != want {
		p.see("read at once: %q, want %q", got, want)
	}
}

// versionFacts: which versions are listed, and which stay.
func versionFacts() []Fact {
	return []Fact{
		{"versions without a label are listed only where they are asked for", recorded, 0, func(p *probe) {
			p.create("one", "two", "three")
			p.lists(false, "AWSCURRENT:three AWSPREVIOUS:two")
			p.lists(true, "-:one AWSCURRENT:three AWSPREVIOUS:two")
		}},
		{"a version that lost its last label is hidden", apiMove, 0, func(p *probe) {
			p.create("one")
			p.puts("two", "L")
			p.moves("L", "", "two")
			p.lists(false, "AWSCURRENT:one")
			p.lists(true, "-:two AWSCURRENT:one")
		}},
		{"DescribeSecret shows only versions with a label", recorded, 0, func(p *probe) {
			p.create("one", "two", "three")
			if n := len(p.describe().VersionIdsToStages); n != 2 {
				p.see("it shows %d versions, want 2", n)
			}
		}},
		{"a list of versions names its secret", apiList, 0, func(p *probe) {
			p.create("one")
			if out := p.page(true, 0, nil); aws.ToString(out.ARN) != aws.ToString(p.describe().ARN) || aws.ToString(out.Name) != p.name {
				p.see("its ARN and name are not the secret's")
			}
		}},
		{"the versions of a secret that does not exist are not listed", apiList, 0, func(p *probe) {
			_, err := p.Client.ListSecretVersionIds(p.ctx, &secretsmanager.ListSecretVersionIdsInput{SecretId: &p.name})
			p.refused("list", err, noSecret, notFound)
		}},
		{"a list of versions comes in pages, each version once", apiList, 0, func(p *probe) {
			p.create("one", "two", "three", "four", "five")
			var all []string
			pages := 0
			for next := (*string)(nil); pages == 0 || aws.ToString(next) != "" && pages < 9; pages++ {
				out := p.page(true, 2, next)
				for _, v := range out.Versions {
					all = append(all, word(aws.ToString(v.VersionId)))
				}
				next = out.NextToken
			}
			if slices.Sort(all); !slices.Equal(all, []string{"five", "four", "one", "three", "two"}) || pages < 3 {
				p.see("it lists %d in %d pages, want 5 in 3", len(all), pages)
			}
		}},
		{"a version says when it was made", apiList, movable, func(p *probe) {
			p.create("one")
			p.Advance(time.Hour)
			p.puts("two")
			p.Advance(time.Hour)
			made := map[string]time.Time{}
			for id, v := range p.listed(true) {
				made[word(id)] = aws.ToTime(v.CreatedDate)
			}
			out, err := p.get("two", "")
			p.must("read", err)
			if made["two"].Sub(made["one"]) != time.Hour || !aws.ToTime(out.CreatedDate).Equal(made["two"]) {
				p.see("made an hour apart, they say %v", made["two"].Sub(made["one"]))
			}
		}},
		{"no version goes before it is a day old, however many there are", apiPut, movable, func(p *probe) {
			p.many(130)
			p.Advance(23 * time.Hour)
			p.counts(130)
		}},
		{"beyond a hundred versions the oldest without a label go, after a day", apiPut, movable, func(p *probe) {
			p.many(130)
			p.moves("L", many(3), "")
			p.moves("AWSPREVIOUS", many(7), many(128))
			p.Advance(25 * time.Hour)
			p.puts("last")
			listed := p.counts(100)
			for _, kept := range []string{many(3), many(32), many(129), "last"} {
				if _, there := listed[id(kept)]; !there {
					p.see("%s is gone", kept)
				}
			}
			if _, there := listed[id(many(30))]; there {
				p.see("%s is still there", many(30))
			}
		}},
		{"up to a hundred versions stay for ever", apiPut, movable, func(p *probe) {
			p.many(100)
			p.Advance(400 * 24 * time.Hour)
			p.counts(100)
			p.reads(many(0), "", many(0))
		}},
	}
}

// many names the nth of very many versions.
func many(n int) string { return fmt.Sprintf("v%03dv", n) }

func (p *probe) many(n int) {
	p.create()
	for i := range n {
		p.puts(many(i))
		p.Advance(time.Second)
	}
}

// counts wants this many versions in all, and returns them.
func (p *probe) counts(want int) map[string][]string {
	listed := p.list(true)
	if len(listed) != want {
		p.see("there are %d versions, want %d", len(listed), want)
	}
	return listed
}
