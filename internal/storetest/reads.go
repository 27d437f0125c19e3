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
			p.createSecret("one", "two")
			p.wantValue("one", "", "one")
			p.wantValue("two", "", "two")
			p.wantValue("", "AWSPREVIOUS", "one")
			p.wantValue("", "AWSCURRENT", "two")
			p.wantValue("one", "AWSPREVIOUS", "one")
		}},
		{"a read that names nothing reads AWSCURRENT", apiGet, 0, func(p *probe) {
			p.createSecret("one", "two")
			p.wantValue("", "", "two")
			p.mustPut("three", "L")
			p.wantValue("", "", "two")
		}},
		{"a read that names nothing reads AWSCURRENT also after it was moved", apiGet, 0, func(p *probe) {
			p.createSecret("one", "two")
			p.mustMove("AWSCURRENT", "one", "two")
			p.wantValue("", "", "one")
		}},
		{"a read of a version under a label that it does not have is refused", recorded, 0, func(p *probe) {
			p.createSecret("one", "two")
			_, err := p.getValue("one", "AWSCURRENT")
			p.wantRefused("read", err, mismatch, badRequest)
		}},
		{"a read under a label that nothing has is refused", recorded, 0, func(p *probe) {
			p.createSecret("one")
			_, err := p.getValue("", "L")
			p.wantRefused("read", err, noLabel+"L", notFound)
		}},
		{"a read of a version that does not exist is refused", apiGet, 0, func(p *probe) {
			p.createSecret("one")
			_, err := p.getValue("nine", "")
			p.wantRefused("read", err, noVersion+versionID("nine"), notFound)
		}},
		{"a read of a secret that does not exist is refused", apiGet, 0, func(p *probe) {
			_, err := p.getValue("", "AWSCURRENT")
			p.wantRefused("read", err, noSecret, notFound)
		}},
		{"a version without a label can be read by its id", apiGet, 0, func(p *probe) {
			p.createSecret("one", "two", "three")
			p.wantValue("one", "", "one")
		}},
		{"a secret without a version has nothing to read, and no labels", recorded, 0, func(p *probe) {
			p.createSecret()
			_, err := p.getValue("", "")
			p.wantRefused("read", err, noLabel+"AWSCURRENT", notFound)
			p.wantLabels("")
			p.wantVersions(true, "")
		}},
		{"every refusal is HTTP 400", recorded, 0, func(p *probe) {
			p.createSecret("one")
			_, missing := p.getValue("", "L")
			_, wrong := p.getValue("one", "L")
			for what, err := range []error{missing, wrong, p.putVersion("one", "another value"), p.moveLabel("AWSCURRENT", "", "one")} {
				if response, is := errors.AsType[*awshttp.ResponseError](err); is && response.HTTPStatusCode() != 400 {
					p.noteMismatch("refusal %d is HTTP %d", what+1, response.HTTPStatusCode())
				}
			}
		}},
		{"a batch reads AWSCURRENT of each secret", apiBatch, 0, func(p *probe) {
			p.createNamed(p.name+"-a", "one")
			p.createNamed(p.name+"-b", "one", "two")
			p.wantBatch("-a=one -b=two", p.name+"-a", p.name+"-b")
		}},
		{"a batch reads AWSCURRENT also after it was moved", apiBatch, 0, func(p *probe) {
			p.createSecret("one", "two")
			p.mustMove("AWSCURRENT", "one", "two")
			p.wantBatch("=one", p.name)
		}},
		{"what a batch cannot read it says of each secret, and reads the rest", apiBatch, 0, func(p *probe) {
			p.createNamed(p.name+"-a", "one")
			p.createNamed(p.name + "-b")
			p.createNamed(p.name+"-c", "one")
			p.deleteSecret(p.name + "-c")
			p.wantBatch("-a=one -b:ResourceNotFoundException -c:InvalidRequestException -d:ResourceNotFoundException",
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
				p.noteMismatch("of 20 that do not exist it says %d errors and %d values", len(out.Errors), len(out.SecretValues))
			}
			_, err = p.Client.BatchGetSecretValue(p.ctx, &secretsmanager.BatchGetSecretValueInput{SecretIdList: names})
			p.wantRefused("21", err, "", invalid, badParameter)
		}},
	}
}

func (p *probe) wantBatch(want string, names ...string) {
	got, err := p.batchGet(names...)
	p.must("read at once", err)
	if got != want {
		p.noteMismatch("read at once: %q, want %q", got, want)
	}
}

// versionFacts: which versions are listed, and which stay.
func versionFacts() []Fact {
	return []Fact{
		{"versions without a label are listed only where they are asked for", recorded, 0, func(p *probe) {
			p.createSecret("one", "two", "three")
			p.wantVersions(false, "AWSCURRENT:three AWSPREVIOUS:two")
			p.wantVersions(true, "-:one AWSCURRENT:three AWSPREVIOUS:two")
		}},
		{"a version that lost its last label is hidden", apiMove, 0, func(p *probe) {
			p.createSecret("one")
			p.mustPut("two", "L")
			p.mustMove("L", "", "two")
			p.wantVersions(false, "AWSCURRENT:one")
			p.wantVersions(true, "-:two AWSCURRENT:one")
		}},
		{"DescribeSecret shows only versions with a label", recorded, 0, func(p *probe) {
			p.createSecret("one", "two", "three")
			if n := len(p.describeSecret().VersionIdsToStages); n != 2 {
				p.noteMismatch("it shows %d versions, want 2", n)
			}
		}},
		{"a list of versions names its secret", apiList, 0, func(p *probe) {
			p.createSecret("one")
			if out := p.listPage(true, 0, nil); aws.ToString(out.ARN) != aws.ToString(p.describeSecret().ARN) || aws.ToString(out.Name) != p.name {
				p.noteMismatch("its ARN and name are not the secret's")
			}
		}},
		{"the versions of a secret that does not exist are not listed", apiList, 0, func(p *probe) {
			_, err := p.Client.ListSecretVersionIds(p.ctx, &secretsmanager.ListSecretVersionIdsInput{SecretId: &p.name})
			p.wantRefused("list", err, noSecret, notFound)
		}},
		{"a list of versions comes in pages, each version once", apiList, 0, func(p *probe) {
			p.createSecret("one", "two", "three", "four", "five")
			var all []string
			pages := 0
			for next := (*string)(nil); pages == 0 || aws.ToString(next) != "" && pages < 9; pages++ {
				out := p.listPage(true, 2, next)
				for _, v := range out.Versions {
					all = append(all, wordOf(aws.ToString(v.VersionId)))
				}
				next = out.NextToken
			}
			if slices.Sort(all); !slices.Equal(all, []string{"five", "four", "one", "three", "two"}) || pages < 3 {
				p.noteMismatch("it lists %d in %d pages, want 5 in 3", len(all), pages)
			}
		}},
		{"a version says when it was made", apiList, movable, func(p *probe) {
			p.createSecret("one")
			p.Advance(time.Hour)
			p.mustPut("two")
			p.Advance(time.Hour)
			made := map[string]time.Time{}
			for id, v := range p.listed(true) {
				made[wordOf(id)] = aws.ToTime(v.CreatedDate)
			}
			out, err := p.getValue("two", "")
			p.must("read", err)
			if made["two"].Sub(made["one"]) != time.Hour || !aws.ToTime(out.CreatedDate).Equal(made["two"]) {
				p.noteMismatch("made an hour apart, they say %v", made["two"].Sub(made["one"]))
			}
		}},
		{"no version goes before it is a day old, however many there are", apiPut, movable, func(p *probe) {
			p.putMany(130)
			p.Advance(23 * time.Hour)
			p.wantVersionCount(130)
		}},
		{"beyond a hundred versions the oldest without a label go, after a day", apiPut, movable, func(p *probe) {
			p.putMany(130)
			p.mustMove("L", numberedWord(3), "")
			p.mustMove("AWSPREVIOUS", numberedWord(7), numberedWord(128))
			p.Advance(25 * time.Hour)
			p.mustPut("last")
			listed := p.wantVersionCount(100)
			for _, kept := range []string{numberedWord(3), numberedWord(32), numberedWord(129), "last"} {
				if _, there := listed[versionID(kept)]; !there {
					p.noteMismatch("%s is gone", kept)
				}
			}
			if _, there := listed[versionID(numberedWord(30))]; there {
				p.noteMismatch("%s is still there", numberedWord(30))
			}
		}},
		{"up to a hundred versions stay for ever", apiPut, movable, func(p *probe) {
			p.putMany(100)
			p.Advance(400 * 24 * time.Hour)
			p.wantVersionCount(100)
			p.wantValue(numberedWord(0), "", numberedWord(0))
		}},
	}
}

// numberedWord names the nth of very many versions.
func numberedWord(n int) string { return fmt.Sprintf("v%03dv", n) }

func (p *probe) putMany(n int) {
	p.createSecret()
	for i := range n {
		p.mustPut(numberedWord(i))
		p.Advance(time.Second)
	}
}

// wantVersionCount notes a mismatch unless there are this many versions in all, and returns them.
func (p *probe) wantVersionCount(want int) map[string][]string {
	listed := p.listVersions(true)
	if len(listed) != want {
		p.noteMismatch("there are %d versions, want %d", len(listed), want)
	}
	return listed
}
