package storetest

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/smithy-go/middleware"
)

// timeFacts: the service's own time, and LastChangedDate.
func timeFacts() []Fact {
	facts := []Fact{
		{"every answer carries the service's time", "HTTP's Date header; " + recorded, 0, func(p *probe) {
			p.createSecret("one")
			answers := p.callEverything()
			for i, m := range answers {
				if serverTime(m).IsZero() {
					p.noteMismatch("answer %d of %d has no time", i+1, len(answers))
				}
			}
		}},
		{"the service's time goes on with its clock", "HTTP's Date header", movable, func(p *probe) {
			p.createSecret("one")
			before := serverTime(p.describeSecret().ResultMetadata)
			p.Advance(90 * time.Second)
			if went := serverTime(p.describeSecret().ResultMetadata).Sub(before); went != 90*time.Second {
				p.noteMismatch("it went on by %v", went)
			}
		}},
		{"a change is not of a later time than the answer", unconfirmed, 0, func(p *probe) {
			p.createSecret("one")
			out := p.describeSecret()
			if aws.ToTime(out.LastChangedDate).After(serverTime(out.ResultMetadata).Add(time.Second)) { // a Date header has no parts of a second
				p.noteMismatch("it is later")
			}
		}},
	}
	for _, c := range []struct {
		what, source string
		moves        bool
		needs        need
		do           func(*probe)
	}{
		{"a put", apiDescribe, true, 0, func(p *probe) { p.mustPut("three") }},
		{"a put under a label of its own", apiDescribe, true, 0, func(p *probe) { p.mustPut("three", "L") }},
		{"a move of AWSCURRENT", unconfirmed, true, 0, func(p *probe) { p.mustMove("AWSCURRENT", "one", "two") }},
		{"putting a label on", unconfirmed, true, 0, func(p *probe) { p.mustMove("L", "one", "") }},
		{"taking a label off", unconfirmed, true, 0, func(p *probe) { p.mustMove("M", "", "one") }},
		{"a tag", apiDescribe, true, 0, func(p *probe) {
			_, err := p.Keeper.TagResource(p.ctx, &secretsmanager.TagResourceInput{SecretId: &p.name, Tags: tagList("K", "V")})
			p.must("tag", err)
		}},
		{"a description", apiDescribe, true, 0, func(p *probe) {
			_, err := p.Keeper.UpdateSecret(p.ctx, &secretsmanager.UpdateSecretInput{SecretId: &p.name, Description: aws.String("another")})
			p.must("describe", err)
		}},
		{"a rotation", apiDescribe, true, function, func(p *probe) { p.mustRotate("three") }},
		{"deleting and restoring", apiDescribe, true, 0, func(p *probe) {
			p.deleteSecret(p.name)
			_, err := p.Keeper.RestoreSecret(p.ctx, &secretsmanager.RestoreSecretInput{SecretId: &p.name})
			p.must("restore", err)
		}},
		{"reading", apiDescribe, false, 0, func(p *probe) { p.callEverything() }},
		{"the same content again", apiPut, false, 0, func(p *probe) { p.mustPut("one", "L") }},
		{"a refused move", apiMove, false, 0, func(p *probe) { p.wantRefused("move", p.moveLabel("M", "two", ""), "", badParameter) }},
		{"a refused put", apiPut, false, 0, func(p *probe) { p.wantRefused("put", p.putVersion("one", "another value"), "", exists) }},
	} {
		name := map[bool]string{true: " moves LastChangedDate", false: " leaves LastChangedDate"}[c.moves]
		facts = append(facts, Fact{c.what + name, c.source, fine | c.needs, func(p *probe) { p.wantChange(c.moves, c.do) }})
	}
	return facts
}

// wantChange notes a mismatch unless do moves LastChangedDate of a secret with two versions and a label M, or, where
// want is false, unless it does not.
func (p *probe) wantChange(want bool, do func(*probe)) {
	p.createSecret("one", "two")
	p.mustMove("M", "one", "")
	before := aws.ToTime(p.describeSecret().LastChangedDate)
	p.advanceClock(time.Minute)
	do(p)
	after := aws.ToTime(p.describeSecret().LastChangedDate)
	if after.After(before) != want || after.Before(before) {
		p.noteMismatch("it moves by %v", after.Sub(before))
	}
}

// callEverything makes every call that only reads, and a put and a move that change nothing, and returns the metadata
// of the answers.
func (p *probe) callEverything() []middleware.Metadata {
	list := p.listPage(true, 0, nil)
	got, err := p.getValue("one", "")
	p.must("read", err)
	batch, err := p.Client.BatchGetSecretValue(p.ctx, &secretsmanager.BatchGetSecretValueInput{SecretIdList: []string{p.name}})
	p.must("read at once", err)
	put, err := p.Client.PutSecretValue(p.ctx, &secretsmanager.PutSecretValueInput{SecretId: &p.name, ClientRequestToken: optionalVersionID("one"), SecretString: aws.String(valueOf("one"))})
	p.must("put again", err)
	return []middleware.Metadata{p.describeSecret().ResultMetadata, list.ResultMetadata, got.ResultMetadata, batch.ResultMetadata, put.ResultMetadata}
}

// serverTime returns when the service answered, by its own clock; zero where the answer has no time.
func serverTime(m middleware.Metadata) time.Time {
	at, _ := awsmiddleware.GetServerTime(m)
	return at
}
