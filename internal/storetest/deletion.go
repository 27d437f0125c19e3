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

// delete marks a secret for deletion.
func (p *probe) delete(name string) {
	_, err := p.Keeper.DeleteSecret(p.ctx, &secretsmanager.DeleteSecretInput{SecretId: &name, RecoveryWindowInDays: aws.Int64(7)})
	p.must("delete", err)
}

// deletionFacts: a secret that is marked for deletion, restored, or gone.
func deletionFacts() []Fact {
	return []Fact{
		{"a secret marked for deletion cannot be read", recorded, 0, func(p *probe) {
			p.create("one")
			p.delete(p.name)
			for _, version := range []string{"", "one"} {
				_, err := p.get(version, "")
				p.refused("read "+version, err, marked, badRequest)
			}
		}},
		{"a secret marked for deletion takes no value", recorded, 0, func(p *probe) {
			p.create("one")
			p.delete(p.name)
			p.refused("put", p.put("two", "v"), marked, badRequest)
			p.refused("put again", p.put("one", value("one")), marked, badRequest)
		}},
		{"a label of a secret marked for deletion does not move", recorded, 0, func(p *probe) {
			p.create("one")
			p.delete(p.name)
			p.refused("move", p.move("L", "one", ""), marked, badRequest)
			p.holds("AWSCURRENT:one")
		}},
		{"a secret marked for deletion is not tagged", recorded, 0, func(p *probe) {
			p.create("one")
			p.delete(p.name)
			_, err := p.Keeper.TagResource(p.ctx, &secretsmanager.TagResourceInput{SecretId: &p.name, Tags: tags("K", "V")})
			p.refused("tag", err, marked, badRequest)
		}},
		{"a secret marked for deletion does not rotate", apiRotate, function, func(p *probe) {
			p.create("one")
			p.delete(p.name)
			_, err := p.rotate("two", p.Function)
			p.refused("rotate", err, marked, badRequest)
		}},
		{"a secret marked for deletion is described, with the date, and its versions are listed", apiDelete, 0, func(p *probe) {
			p.create("one", "two")
			if p.describe().DeletedDate != nil {
				p.see("it has a date of deletion before it is deleted")
			}
			p.delete(p.name)
			if p.describe().DeletedDate == nil {
				p.see("it has no date of deletion")
			}
			p.holds("AWSCURRENT:two AWSPREVIOUS:one")
			p.lists(true, "AWSCURRENT:two AWSPREVIOUS:one")
		}},
		{"a secret marked for deletion keeps its name", recorded, 0, func(p *probe) {
			p.create("one")
			p.delete(p.name)
			_, err := p.Keeper.CreateSecret(p.ctx, &secretsmanager.CreateSecretInput{Name: &p.name})
			p.refused("create", err, scheduled, badRequest)
		}},
		{"a secret marked for deletion is not marked again", apiDelete, 0, func(p *probe) {
			p.create("one")
			p.delete(p.name)
			_, err := p.Keeper.DeleteSecret(p.ctx, &secretsmanager.DeleteSecretInput{SecretId: &p.name})
			p.refused("delete", err, marked, badRequest)
		}},
		{"a recovery window is 7 to 30 days", apiDelete, 0, func(p *probe) {
			p.create("one")
			for _, days := range []int64{6, 31} {
				_, err := p.Keeper.DeleteSecret(p.ctx, &secretsmanager.DeleteSecretInput{SecretId: &p.name, RecoveryWindowInDays: &days})
				p.refused("delete", err, "", badParameter)
			}
			p.reads("", "", "one")
		}},
		{"a restored secret is as it was", apiRestore, 0, func(p *probe) {
			p.create("one", "two", "three")
			p.moves("L", "two", "")
			p.delete(p.name)
			_, err := p.Keeper.RestoreSecret(p.ctx, &secretsmanager.RestoreSecretInput{SecretId: &p.name})
			p.must("restore", err)
			p.holds("AWSCURRENT:three AWSPREVIOUS:two L:two")
			p.reads("one", "", "one")
			p.works("put", p.put("four", "v"))
			if p.describe().DeletedDate != nil {
				p.see("it has a date of deletion")
			}
		}},
		{"a secret is gone after its recovery window, and not before", apiDelete, movable, func(p *probe) {
			p.create("one")
			p.delete(p.name)
			p.Advance(7*24*time.Hour - time.Minute)
			p.holds("AWSCURRENT:one")
			p.Advance(time.Minute)
			_, err := p.Client.DescribeSecret(p.ctx, &secretsmanager.DescribeSecretInput{SecretId: &p.name})
			p.refused("describe", err, noSecret, notFound)
		}},
	}
}

func tags(key, value string) []types.Tag { return []types.Tag{{Key: &key, Value: &value}} }
