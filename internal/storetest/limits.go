package storetest

import (
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/rotary-secrets/rotary/pkg/history"
)

const maxValue = 65536 // bytes

// full gives the secret as many labels as there may be, less room, over its three versions.
func (p *probe) full(room int) {
	p.create("one", "two", "three")
	for n := range history.MaxLabels - 2 - room {
		p.moves(fmt.Sprintf("L%02d", n), []string{"one", "two", "three"}[n%3], "")
	}
}

// limitFacts: how much a secret takes. What is refused changes nothing.
func limitFacts() []Fact {
	return []Fact{
		{"all versions together carry 20 labels, and no 21st by a move", guideQuotas, 0, func(p *probe) {
			p.full(1)
			p.moves("last", "one", "")
			p.refused("one more", p.move("M", "two", ""), "", limit)
			p.counted()
		}},
		{"all versions together carry 20 labels, and no 21st by a put", guideQuotas, 0, func(p *probe) {
			p.full(1)
			p.puts("four", "last")
			p.refused("one more", p.put("five", "v", "M"), "", limit)
			p.counted()
			if _, err := p.get("five", ""); err == nil {
				p.see("what was refused has left a version")
			}
		}},
		{"AWSPREVIOUS counts among the 20", guideQuotas, 0, func(p *probe) {
			p.create("one")
			for n := range history.MaxLabels - 1 {
				p.moves(fmt.Sprintf("L%02d", n), "one", "")
			}
			p.refused("the second value", p.put("two", "v"), "", limit)
			p.counted()
		}},
		{"with all 20 labels in use each can still be moved, and one off makes room", guideQuotas, 0, func(p *probe) {
			p.full(0)
			p.works("move AWSCURRENT", p.move("AWSCURRENT", "two", "three"))
			p.works("move another", p.move("L00", "three", "one"))
			p.works("put under labels that are there", p.put("four", value("four"), "L01", "AWSCURRENT"))
			p.moves("L02", "", "three")
			p.works("put another on", p.move("M", "one", ""))
			p.counted()
		}},
		{"a put names 20 labels at most", apiPut, 0, func(p *probe) {
			p.create("one")
			var names []string
			for n := range 21 {
				names = append(names, fmt.Sprintf("L%02d", n))
			}
			p.refused("21", p.put("two", "v", names...), "", limit, invalid, badParameter)
			p.holds("AWSCURRENT:one")
		}},
		{"a value of 65,536 bytes is taken", guideQuotas, 0, func(p *probe) {
			p.create("one")
			p.works("put", p.put("two", strings.Repeat("v", maxValue)))
			out, err := p.get("two", "")
			p.must("read", err)
			if len(aws.ToString(out.SecretString)) != maxValue {
				p.see("%d bytes are read", len(aws.ToString(out.SecretString)))
			}
		}},
		{"a value of 65,537 bytes is refused", guideQuotas, 0, func(p *probe) {
			p.create("one")
			p.refused("put", p.put("two", strings.Repeat("v", maxValue+1)), "", invalid, badParameter, badRequest, limit)
			p.holds("AWSCURRENT:one")
		}},
		{"a value's limit counts bytes, not characters", guideQuotas, 0, func(p *probe) {
			p.create("one")
			p.works("put 65,536 bytes", p.put("two", strings.Repeat("é", maxValue/2)))
			p.refused("put 65,538 bytes", p.put("three", strings.Repeat("é", maxValue/2+1)), "", invalid, badParameter, badRequest, limit)
		}},
		{"a value is text or bytes, not both", apiPut, 0, func(p *probe) {
			p.create("one")
			_, err := p.Client.PutSecretValue(p.ctx, &secretsmanager.PutSecretValueInput{
				SecretId: &p.name, ClientRequestToken: ids("two"), SecretString: aws.String("v"), SecretBinary: []byte("v"),
			})
			p.refused("put", err, "", badParameter, badRequest, invalid)
			p.holds("AWSCURRENT:one")
		}},
		{"a value of bytes is read as bytes", apiPut, 0, func(p *probe) {
			p.create()
			_, err := p.Client.PutSecretValue(p.ctx, &secretsmanager.PutSecretValueInput{SecretId: &p.name, ClientRequestToken: ids("one"), SecretBinary: []byte{0, 255, 7}})
			p.must("put", err)
			out, err := p.get("one", "")
			p.must("read", err)
			if string(out.SecretBinary) != "\x00\xff\x07" || out.SecretString != nil {
				p.see("it is read as something else")
			}
		}},
	}
}

// counted wants as many labels over all versions as there can be.
func (p *probe) counted() {
	n := 0
	for _, held := range p.describe().VersionIdsToStages {
		n += len(held)
	}
	if n != history.MaxLabels {
		p.see("there are %d labels, want %d", n, history.MaxLabels)
	}
}
