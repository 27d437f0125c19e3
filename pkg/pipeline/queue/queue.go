// Package queue sends into the queue of a deployed environment. It is apart from pkg/pipeline because no Lambda sends there,
// and what a Lambda links it loads at every cold start.
package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/rotary-secrets/rotary/pkg/event"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/pipeline"
)

type sender interface {
	GetQueueUrl(context.Context, *sqs.GetQueueUrlInput, ...func(*sqs.Options)) (*sqs.GetQueueUrlOutput, error)
	SendMessage(context.Context, *sqs.SendMessageInput, ...func(*sqs.Options)) (*sqs.SendMessageOutput, error)
}

// AskForPass puts a request for a pass into the environment's queue and does not wait for the pass. pipeline.ErrNotDeployed where
// there is no queue.
func AskForPass(ctx context.Context, env *manifest.Environment, client sender, r event.Request) error {
	queue, err := client.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: aws.String(env.Queue())})
	if _, missing := errors.AsType[*types.QueueDoesNotExist](err); missing {
		return fmt.Errorf("find queue %s: %w", env.Queue(), pipeline.ErrNotDeployed)
	}
	if err != nil {
		return fmt.Errorf("find queue %s: %w", env.Queue(), err)
	}
	body, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("ask for a pass: %w", err)
	}
	_, err = client.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: queue.QueueUrl,
		MessageBody: aws.String(string(body)), MessageGroupId: &env.Name})
	if err != nil {
		return fmt.Errorf("ask for a pass through %s: %w", env.Queue(), err)
	}
	return nil
}
