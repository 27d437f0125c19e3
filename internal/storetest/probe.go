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

// versionID returns a version id that begins with a word.
func versionID(word string) string { return word + "-" + strings.Repeat("0", 31-len(word)) }

// optionalVersionID returns versionID of a word, and nil for no word.
func optionalVersionID(word string) *string {
	if word == "" {
		return nil
	}
	return aws.String(versionID(word))
}

func wordOf(id string) string { return strings.TrimRight(id, "-0") }

// valueOf returns the first value of a version.
func valueOf(word string) string { return "value of " + word }

// createSecret creates the probe's secret and puts these versions one after the other, without labels.
func (p *probe) createSecret(versions ...string) {
	p.createNamed(p.name, versions...)
}

func (p *probe) createNamed(name string, versions ...string) {
	p.made = append(p.made, name)
	_, err := p.Keeper.CreateSecret(p.ctx, &secretsmanager.CreateSecretInput{
		Name: &name, Description: aws.String("made by rotary's conformance tests; safe to delete"),
	})
	p.must("create", err)
	for _, v := range versions {
		p.must("put "+v, p.putIn(name, v, valueOf(v)))
	}
}

// putVersion puts a version with these labels; without any, the call names none.
func (p *probe) putVersion(version, text string, labels ...string) error {
	return p.putIn(p.name, version, text, labels...)
}

func (p *probe) putIn(name, version, text string, labels ...string) error {
	_, err := p.Client.PutSecretValue(p.ctx, &secretsmanager.PutSecretValueInput{
		SecretId: &name, ClientRequestToken: optionalVersionID(version), SecretString: &text, VersionStages: labels,
	})
	return err
}

// mustPut puts a version with its first value, and ends the check where that fails.
func (p *probe) mustPut(version string, labels ...string) {
	p.must("put "+version, p.putVersion(version, valueOf(version), labels...))
}

// moveLabel moves a label: to and from may be "".
func (p *probe) moveLabel(label, to, from string) error {
	_, err := p.Client.UpdateSecretVersionStage(p.ctx, &secretsmanager.UpdateSecretVersionStageInput{
		SecretId: &p.name, VersionStage: &label, MoveToVersionId: optionalVersionID(to), RemoveFromVersionId: optionalVersionID(from),
	})
	return err
}

// mustMove does as moveLabel, and ends the check where that fails.
func (p *probe) mustMove(label, to, from string) {
	p.must("move "+label, p.moveLabel(label, to, from))
}

// must ends the check where what leads up to it, or what it is about, fails.
func (p *probe) must(doing string, err error) {
	if err != nil {
		p.noteMismatch("%s: %s", doing, errorCode(err))
		panic(endOfCheck{})
	}
}

// wantNoError notes an error.
func (p *probe) wantNoError(doing string, err error) {
	if err != nil {
		p.noteMismatch("%s: %s", doing, errorCode(err))
	}
}

// wantRefused notes a mismatch unless err has one of these codes and, where text is not "", AWS's text. The text of an
// error about a value is never compared: it may quote the value.
func (p *probe) wantRefused(doing string, err error, text string, codes ...string) {
	got := errorCode(err)
	api, answered := errors.AsType[smithy.APIError](err)
	switch {
	case err == nil:
		p.noteMismatch("%s: works", doing)
	case !slices.Contains(codes, got):
		p.noteMismatch("%s: %s, want %s", doing, got, strings.Join(codes, " or "))
	case text != "" && answered && api.ErrorMessage() != text:
		p.noteMismatch("%s: AWS's text is another", doing)
	}
}

// errorCode returns AWS's code of an error, or its type.
func errorCode(err error) string {
	if api, answered := errors.AsType[smithy.APIError](err); answered {
		return api.ErrorCode()
	}
	return fmt.Sprintf("%T", err)
}

// describeSecret returns the answer of DescribeSecret, and ends the check where that fails.
func (p *probe) describeSecret() *secretsmanager.DescribeSecretOutput {
	out, err := p.Client.DescribeSecret(p.ctx, &secretsmanager.DescribeSecretInput{SecretId: &p.name})
	p.must("describe", err)
	return out
}

// formatLabels lists labels and their holders, "L:one M:two", with "-:three" for a version without.
func formatLabels(held map[string][]string) string {
	var all []string
	for _, v := range slices.Sorted(maps.Keys(held)) {
		for _, label := range held[v] {
			all = append(all, label+":"+wordOf(v))
		}
		if len(held[v]) == 0 {
			all = append(all, "-:"+wordOf(v))
		}
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

// wantLabels notes a mismatch unless these are all labels: "AWSCURRENT:two AWSPREVIOUS:one". Versions without a label
// do not count.
func (p *probe) wantLabels(want string) {
	held := p.describeSecret().VersionIdsToStages
	maps.DeleteFunc(held, func(_ string, on []string) bool { return len(on) == 0 })
	if got := formatLabels(held); got != want {
		p.noteMismatch("labels are %q, want %q", got, want)
	}
}

// listVersions returns the labels of every version that ListSecretVersionIds lists.
func (p *probe) listVersions(deprecated bool) map[string][]string {
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
		out := p.listPage(deprecated, 0, next)
		for _, v := range out.Versions {
			all[aws.ToString(v.VersionId)] = v
		}
		if next = out.NextToken; aws.ToString(next) == "" {
			return all
		}
	}
	p.noteMismatch("the list of versions does not end within 100 pages")
	return all
}

func (p *probe) listPage(deprecated bool, size int32, next *string) *secretsmanager.ListSecretVersionIdsOutput {
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

// wantVersions notes a mismatch unless these versions, with these labels, are listed.
func (p *probe) wantVersions(deprecated bool, want string) {
	if got := formatLabels(p.listVersions(deprecated)); got != want {
		p.noteMismatch("versions are %q, want %q", got, want)
	}
}

// getValue reads a version; version and label may be "".
func (p *probe) getValue(version, label string) (*secretsmanager.GetSecretValueOutput, error) {
	in := &secretsmanager.GetSecretValueInput{SecretId: &p.name, VersionId: optionalVersionID(version)}
	if label != "" {
		in.VersionStage = &label
	}
	return p.Client.GetSecretValue(p.ctx, in)
}

// wantValue notes a mismatch unless this id and label give the value of version want.
func (p *probe) wantValue(version, label, want string) {
	doing := fmt.Sprintf("read version %q label %q", version, label)
	out, err := p.getValue(version, label)
	if err != nil {
		p.noteMismatch("%s: %s", doing, errorCode(err))
		return
	}
	if got := wordOf(aws.ToString(out.VersionId)); got != want {
		p.noteMismatch("%s: it is version %s, want %s", doing, got, want)
	}
	if aws.ToString(out.SecretString) != valueOf(want) {
		p.noteMismatch("%s: it is not the value of %s", doing, want)
	}
}

// batchGet reads secrets by name. It returns "a=one b=one" and "c:ResourceNotFoundException", in the order of the
// names' last letters.
func (p *probe) batchGet(names ...string) (string, error) {
	out, err := p.Client.BatchGetSecretValue(p.ctx, &secretsmanager.BatchGetSecretValueInput{SecretIdList: names})
	if err != nil {
		return "", err
	}
	var all []string
	for _, v := range out.SecretValues {
		name := strings.TrimPrefix(aws.ToString(v.Name), p.name)
		all = append(all, name+"="+wordOf(aws.ToString(v.VersionId)))
		if aws.ToString(v.SecretString) != valueOf(wordOf(aws.ToString(v.VersionId))) {
			p.noteMismatch("%s has another value", name)
		}
	}
	for _, e := range out.Errors {
		all = append(all, strings.TrimPrefix(aws.ToString(e.SecretId), p.name)+":"+aws.ToString(e.ErrorCode))
	}
	slices.Sort(all)
	return strings.Join(all, " "), nil
}

// rotateSecret calls RotateSecret.
func (p *probe) rotateSecret(version, functionARN string) (*secretsmanager.RotateSecretOutput, error) {
	in := &secretsmanager.RotateSecretInput{SecretId: &p.name, ClientRequestToken: optionalVersionID(version)}
	if functionARN != "" {
		in.RotationLambdaARN = &functionARN
	}
	return p.Client.RotateSecret(p.ctx, in)
}

// mustRotate begins a rotation, which puts AWSPENDING on a version without a value, and ends the check where that
// fails.
func (p *probe) mustRotate(version string) {
	_, err := p.rotateSecret(version, p.Function)
	p.must("rotate", err)
}

// advanceClock moves the target's clock on; it does nothing where the target has none that can be moved.
func (p *probe) advanceClock(d time.Duration) {
	if p.Advance != nil {
		p.Advance(d)
	}
}
