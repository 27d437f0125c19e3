package storetest

import (
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/rotary-secrets/rotary/pkg/history"
)

const maxValue = 65536 // bytes

// fillLabels gives the secret's three versions as many labels as a secret may have, less room.
func (p *probe) fillLabels(room int) {
	p.createSecret("one", "two", "three")
	for n := range history.MaxLabels - 2 - room {
		p.mustMove(fmt.Sprintf("L%02d", n), []string{"one", "two", "three"}[n%3], "")
	}
}

// limitFacts: how much a secret takes. What is refused changes nothing.
func limitFacts() []Fact {
	return []Fact{
		{"all versions together carry 20 labels, and no 21st by a move", guideQuotas, 0, func(p *probe) {
			p.fillLabels(1)
			p.mustMove("last", "one", "")
			p.wantRefused("one more", p.moveLabel("M", "two", ""), "", limit)
			p.wantLabelsFull()
		}},
		{"all versions together carry 20 labels, and no 21st by a put", guideQuotas, 0, func(p *probe) {
			p.fillLabels(1)
			p.mustPut("four", "last")
			p.wantRefused("one more", p.putVersion("five", "v", "M"), "", limit)
			p.wantLabelsFull()
			if _, err := p.getValue("five", ""); err == nil {
				p.noteMismatch("what was refused has left a version")
			}
		}},
		{"AWSPREVIOUS counts among the 20", guideQuotas, 0, func(p *probe) {
			p.createSecret("one")
			for n := range history.MaxLabels - 1 {
				p.mustMove(fmt.Sprintf("L%02d", n), "one", "")
			}
			p.wantRefused("the second value", p.putVersion("two", "v"), "", limit)
			p.wantLabelsFull()
		}},
		{"with all 20 labels in use each can still be moved, and one off makes room", guideQuotas, 0, func(p *probe) {
			p.fillLabels(0)
			p.wantNoError("move AWSCURRENT", p.moveLabel("AWSCURRENT", "two", "three"))
			p.wantNoError("move another", p.moveLabel("L00", "three", "one"))
			p.wantNoError("put under labels that are there", p.putVersion("four", valueOf("four"), "L01", "AWSCURRENT"))
			p.mustMove("L02", "", "three")
			p.wantNoError("put another on", p.moveLabel("M", "one", ""))
			p.wantLabelsFull()
		}},
		{"a put names 20 labels at most", apiPut, 0, func(p *probe) {
			p.createSecret("one")
			var names []string
			for n := range 21 {
				names = append(names, fmt.Sprintf("L%02d", n))
			}
			p.wantRefused("21", p.putVersion("two", "v", names...), "", limit, invalid, badParameter)
			p.wantLabels("AWSCURRENT:one")
		}},
		{"a value of 65,536 bytes is taken", guideQuotas, 0, func(p *probe) {
			p.createSecret("one")
			p.wantNoError("put", p.putVersion("two", strings.Repeat("v", maxValue)))
			out, err := p.getValue("two", "")
			p.must("read", err)
			if len(aws.ToString(out.SecretString)) != maxValue {
				p.noteMismatch("%d bytes are read", len(aws.ToString(out.SecretString)))
			}
		}},
		{"a value of 65,537 bytes is refused", guideQuotas, 0, func(p *probe) {
			p.createSecret("one")
			p.wantRefused("put", p.putVersion("two", strings.Repeat("v", maxValue+1)), "", invalid, badParameter, badRequest, limit)
			p.wantLabels("AWSCURRENT:one")
		}},
		{"a value's limit counts bytes, not characters", guideQuotas, 0, func(p *probe) {
			p.createSecret("one")
			p.wantNoError("put 65,536 bytes", p.putVersion("two", strings.Repeat("é", maxValue/2)))
			p.wantRefused("put 65,538 bytes", p.putVersion("three", strings.Repeat("é", maxValue/2+1)), "", invalid, badParameter, badRequest, limit)
		}},
		{"a value is text or bytes, not both", apiPut, 0, func(p *probe) {
			p.createSecret("one")
			_, err := p.Client.PutSecretValue(p.ctx, &secretsmanager.PutSecretValueInput{
				SecretId: &p.name, ClientRequestToken: optionalVersionID("two"), SecretString: aws.String("v"), SecretBinary: []byte("v"),
			})
			p.wantRefused("put", err, "", badParameter, badRequest, invalid)
			p.wantLabels("AWSCURRENT:one")
		}},
		{"a value of bytes is read as bytes", apiPut, 0, func(p *probe) {
			p.createSecret()
			_, err := p.Client.PutSecretValue(p.ctx, &secretsmanager.PutSecretValueInput{SecretId: &p.name, ClientRequestToken: optionalVersionID("one"), SecretBinary: []byte{0, 255, 7}})
			p.must("put", err)
			out, err := p.getValue("one", "")
			p.must("read", err)
			if string(out.SecretBinary) != "\x00\xff\x07" || out.SecretString != nil {
				p.noteMismatch("it is read as something else")
			}
		}},
	}
}

// wantLabelsFull notes a mismatch unless the secret has as many labels as it may.
func (p *probe) wantLabelsFull() {
	n := 0
	for _, held := range p.describeSecret().VersionIdsToStages {
		n += len(held)
	}
	if n != history.MaxLabels {
		p.noteMismatch("there are %d labels, want %d", n, history.MaxLabels)
	}
}
