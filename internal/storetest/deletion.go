package storetest

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
)

const (
	marked    = "You can't perform this operation on the secret because it was marked for deletion."
	scheduled = "You can't create this secret because a secret with this name is already scheduled for deletion."
)

// deleteSecret marks a secret for deletion.
func (p *probe) deleteSecret(name string) {
	_, err := p.Keeper.DeleteSecret(p.ctx, &secretsmanager.DeleteSecretInput{SecretId: &name, RecoveryWindowInDays: aws.Int64(7)})
	p.must("delete", err)
}

// deletionFacts: a secret that is marked for deletion, restored, or gone.
func deletionFacts() []Fact {
	return []Fact{
		{"a secret marked for deletion cannot be read", recorded, 0, func(p *probe) {
			p.createSecret("one")
			p.deleteSecret(p.name)
			for _, version := range []string{"", "one"} {
				_, err := p.getValue(version, "")
				p.wantRefused("read "+version, err, marked, badRequest)
			}
		}},
		{"a secret marked for deletion takes no value", recorded, 0, func(p *probe) {
			p.createSecret("one")
			p.deleteSecret(p.name)
			p.wantRefused("put", p.putVersion("two", "v"), marked, badRequest)
			p.wantRefused("put again", p.putVersion("one", valueOf("one")), marked, badRequest)
		}},
		{"a label of a secret marked for deletion does not move", recorded, 0, func(p *probe) {
			p.createSecret("one")
			p.deleteSecret(p.name)
			p.wantRefused("move", p.moveLabel("L", "one", ""), marked, badRequest)
			p.wantLabels("AWSCURRENT:one")
		}},
		{"a secret marked for deletion is not tagged", recorded, 0, func(p *probe) {
			p.createSecret("one")
			p.deleteSecret(p.name)
			_, err := p.Keeper.TagResource(p.ctx, &secretsmanager.TagResourceInput{SecretId: &p.name, Tags: tagList("K", "V")})
			p.wantRefused("tag", err, marked, badRequest)
		}},
		{"a secret marked for deletion does not rotate", apiRotate, function, func(p *probe) {
			p.createSecret("one")
			p.deleteSecret(p.name)
			_, err := p.rotateSecret("two", p.Function)
			p.wantRefused("rotate", err, marked, badRequest)
		}},
		{"a secret marked for deletion is described, with the date, and its versions are listed", apiDelete, 0, func(p *probe) {
			p.createSecret("one", "two")
			if p.describeSecret().DeletedDate != nil {
				p.noteMismatch("it has a date of deletion before it is deleted")
			}
			p.deleteSecret(p.name)
			if p.describeSecret().DeletedDate == nil {
				p.noteMismatch("it has no date of deletion")
			}
			p.wantLabels("AWSCURRENT:two AWSPREVIOUS:one")
			p.wantVersions(true, "AWSCURRENT:two AWSPREVIOUS:one")
		}},
		{"a secret marked for deletion keeps its name", recorded, 0, func(p *probe) {
			p.createSecret("one")
			p.deleteSecret(p.name)
			_, err := p.Keeper.CreateSecret(p.ctx, &secretsmanager.CreateSecretInput{Name: &p.name})
			p.wantRefused("create", err, scheduled, badRequest)
		}},
		{"a secret marked for deletion is not marked again", apiDelete, 0, func(p *probe) {
			p.createSecret("one")
			p.deleteSecret(p.name)
			_, err := p.Keeper.DeleteSecret(p.ctx, &secretsmanager.DeleteSecretInput{SecretId: &p.name})
			p.wantRefused("delete", err, marked, badRequest)
		}},
		{"a recovery window is 7 to 30 days", apiDelete, 0, func(p *probe) {
			p.createSecret("one")
			for _, days := range []int64{6, 31} {
				_, err := p.Keeper.DeleteSecret(p.ctx, &secretsmanager.DeleteSecretInput{SecretId: &p.name, RecoveryWindowInDays: &days})
				p.wantRefused("delete", err, "", badParameter)
			}
			p.wantValue("", "", "one")
		}},
		{"a restored secret is as it was", apiRestore, 0, func(p *probe) {
			p.createSecret("one", "two", "three")
			p.mustMove("L", "two", "")
			p.deleteSecret(p.name)
			_, err := p.Keeper.RestoreSecret(p.ctx, &secretsmanager.RestoreSecretInput{SecretId: &p.name})
			p.must("restore", err)
			p.wantLabels("AWSCURRENT:three AWSPREVIOUS:two L:two")
			p.wantValue("one", "", "one")
			p.wantNoError("put", p.putVersion("four", "v"))
			if p.describeSecret().DeletedDate != nil {
				p.noteMismatch("it has a date of deletion")
			}
		}},
		{"a secret is gone after its recovery window, and not before", apiDelete, movable, func(p *probe) {
			p.createSecret("one")
			p.deleteSecret(p.name)
			p.Advance(7*24*time.Hour - time.Minute)
			p.wantLabels("AWSCURRENT:one")
			p.Advance(time.Minute)
			_, err := p.Client.DescribeSecret(p.ctx, &secretsmanager.DescribeSecretInput{SecretId: &p.name})
			p.wantRefused("describe", err, noSecret, notFound)
		}},
	}
}

func tagList(key, value string) []types.Tag { return []types.Tag{{Key: &key, Value: &value}} }
