package storetest

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/aws/smithy-go"
)

// id makes a version id of a word.
func id(word string) string { return word + "-" + strings.Repeat("0", 31-len(word)) }

// ids is id, and "" of no word.
func ids(word string) *string {
	if word == "" {
		return nil
	}
	return aws.String(id(word))
}

func word(id string) string { return strings.TrimRight(id, "-0") }

// value is what a version holds at first.
func value(word string) string { return "value of " + word }

// create makes the probe's secret, with these versions put one after the other without labels.
func (p *probe) create(versions ...string) {
	p.createNamed(p.name, versions...)
}

func (p *probe) createNamed(name string, versions ...string) {
	p.made = append(p.made, name)
	_, err := p.Keeper.CreateSecret(p.ctx, &secretsmanager.CreateSecretInput{
		Name: &name, Description: aws.String("made by rotary's conformance tests; safe to delete"),
	})
	p.must("create", err)
	for _, v := range versions {
		p.must("put "+v, p.putIn(name, v, value(v)))
	}
}

// put puts a version. Without labels it names none.
func (p *probe) put(version, text string, labels ...string) error {
	return p.putIn(p.name, version, text, labels...)
}

func (p *probe) putIn(name, version, text string, labels ...string) error {
	_, err := p.Client.PutSecretValue(p.ctx, &secretsmanager.PutSecretValueInput{
		SecretId: &name, ClientRequestToken: ids(version), SecretString: &text, VersionStages: labels,
	})
	return err
}

// puts is put with the version's own value, and must work.
func (p *probe) puts(version string, labels ...string) {
	p.must("put "+version, p.put(version, value(version), labels...))
}

// move moves a label: to and from may be "".
func (p *probe) move(label, to, from string) error {
	_, err := p.Client.UpdateSecretVersionStage(p.ctx, &secretsmanager.UpdateSecretVersionStageInput{
		SecretId: &p.name, VersionStage: &label, MoveToVersionId: ids(to), RemoveFromVersionId: ids(from),
	})
	return err
}

// moves is move, and must work.
func (p *probe) moves(label, to, from string) {
	p.must("move "+label, p.move(label, to, from))
}

// must ends the check where what leads up to it, or what it is about, fails.
func (p *probe) must(doing string, err error) {
	if err != nil {
		p.see("%s: %s", doing, code(err))
		panic(done{})
	}
}

// works notes an error.
func (p *probe) works(doing string, err error) {
	if err != nil {
		p.see("%s: %s", doing, code(err))
	}
}

// refused wants an error with one of these codes, and with AWS's text where that is known. The text of an error about
// a value is never asked for: it may quote it.
func (p *probe) refused(doing string, err error, text string, codes ...string) {
	got := code(err)
	api, answered := errors.AsType[smithy.APIError](err)
	switch {
	case err == nil:
		p.see("%s: works", doing)
	case !slices.Contains(codes, got):
		p.see("%s: %s, want %s", doing, got, strings.Join(codes, " or "))
	case text != "" && answered && api.ErrorMessage() != text:
		p.see("%s: AWS's text is another", doing)
	}
}

// code is what can be said of an error.
func code(err error) string {
	if api, answered := errors.AsType[smithy.APIError](err); answered {
		return api.ErrorCode()
	}
	return fmt.Sprintf("%T", err)
}

// describe is what DescribeSecret answers.
func (p *probe) describe() *secretsmanager.DescribeSecretOutput {
	out, err := p.Client.DescribeSecret(p.ctx, &secretsmanager.DescribeSecretInput{SecretId: &p.name})
	p.must("describe", err)
	return out
}

// labels are all labels and their holders, "L:one M:two", with "-:three" for a version without.
func labels(held map[string][]string) string {
	var all []string
	for _, v := range slices.Sorted(maps.Keys(held)) {
		for _, label := range held[v] {
			all = append(all, label+":"+word(v))
		}
		if len(held[v]) == 0 {
			all = append(all, "-:"+word(v))
		}
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

// holds wants these labels: "AWSCURRENT:two AWSPREVIOUS:one". Versions without a label are not looked at.
func (p *probe) holds(want string) {
	held := p.describe().VersionIdsToStages
	maps.DeleteFunc(held, func(_ string, on []string) bool { return len(on) == 0 })
	if got := labels(held); got != want {
		p.see("labels are %q, want %q", got, want)
	}
}

// list returns the labels of every version that ListSecretVersionIds answers.
func (p *probe) list(deprecated bool) map[string][]string {
	held := map[string][]string{}
	for id, v := range p.listed(deprecated) {
		held[id] = v.VersionStages
	}
	return held
}

// listed follows ListSecretVersionIds to its last page. No list here has a hundred.
func (p *probe) listed(deprecated bool) map[string]types.SecretVersionsListEntry {
	all := map[string]types.SecretVersionsListEntry{}
	next := (*string)(nil)
	for range 100 {
		out := p.page(deprecated, 0, next)
		for _, v := range out.Versions {
			all[aws.ToString(v.VersionId)] = v
		}
		if next = out.NextToken; aws.ToString(next) == "" {
			return all
		}
	}
	p.see("the list of versions does not end within 100 pages")
	return all
}

func (p *probe) page(deprecated bool, size int32, next *string) *secretsmanager.ListSecretVersionIdsOutput {
	in := &secretsmanager.ListSecretVersionIdsInput{SecretId: &p.name, NextToken: next}
	if deprecated {
		in.IncludeDeprecated = aws.Bool(true)
	}
	if size > 0 {
		in.MaxResults = &size
	}
	out, err := p.Client.ListSecretVersionIds(p.ctx, in)
	p.must("list versions", err)
	return out
}

// lists wants these versions with their labels.
func (p *probe) lists(deprecated bool, want string) {
	if got := labels(p.list(deprecated)); got != want {
		p.see("versions are %q, want %q", got, want)
	}
}

// get reads a version; version and label may be "".
func (p *probe) get(version, label string) (*secretsmanager.GetSecretValueOutput, error) {
	in := &secretsmanager.GetSecretValueInput{SecretId: &p.name, VersionId: ids(version)}
	if label != "" {
		in.VersionStage = &label
	}
	return p.Client.GetSecretValue(p.ctx, in)
}

// reads wants the value of a version under this id and label.
func (p *probe) reads(version, label, want string) {
	doing := fmt.Sprintf("read version %q label %q", version, label)
	out, err := p.get(version, label)
	if err != nil {
		p.see("%s: %s", doing, code(err))
		return
	}
	if got := word(aws.ToString(out.VersionId)); got != want {
		p.see("%s: it is version %s, want %s", doing, got, want)
	}
	if aws.ToString(out.SecretString) != value(want) {
		p.see("%s: it is not the value of %s", doing, want)
	}
}

// batch reads secrets by name: "a=one b=one" and "c:ResourceNotFoundException", in the order of the names' last letters.
func (p *probe) batch(names ...string) (string, error) {
	out, err := p.Client.BatchGetSecretValue(p.ctx, &secretsmanager.BatchGetSecretValueInput{SecretIdList: names})
	if err != nil {
		return "", err
	}
	var all []string
	for _, v := range out.SecretValues {
		name := strings.TrimPrefix(aws.ToString(v.Name), p.name)
		all = append(all, name+"="+word(aws.ToString(v.VersionId)))
		if aws.ToString(v.SecretString) != value(word(aws.ToString(v.VersionId))) {
			p.see("%s has another value", name)
		}
	}
	for _, e := range out.Errors {
		all = append(all, strings.TrimPrefix(aws.ToString(e.SecretId), p.name)+":"+aws.ToString(e.ErrorCode))
	}
	slices.Sort(all)
	return strings.Join(all, " "), nil
}

// rotate asks for a rotation.
func (p *probe) rotate(version, functionARN string) (*secretsmanager.RotateSecretOutput, error) {
	in := &secretsmanager.RotateSecretInput{SecretId: &p.name, ClientRequestToken: ids(version)}
	if functionARN != "" {
		in.RotationLambdaARN = &functionARN
	}
	return p.Client.RotateSecret(p.ctx, in)
}

// rotates begins a rotation, which must work: AWSPENDING is on a version without a value.
func (p *probe) rotates(version string) {
	_, err := p.rotate(version, p.Function)
	p.must("rotate", err)
}

// later lets time pass, as far as the target needs it to tell times apart.
func (p *probe) later(d time.Duration) {
	if p.Advance != nil {
		p.Advance(d)
	}
}
