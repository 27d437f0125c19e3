package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// role is an IAM role with everything that says what it may do.
type role struct {
	name, arn string
	trust     any
	may       []any  // inline policies
	boundary  string // ARN of a managed policy; "": none
	tags      map[string]string
}

func (c *cloud) key(_ context.Context, _ string, properties any) (attributes, error) {
	var p struct {
		KeyPolicy any
		Tags      []tag
	}
	if err := into(properties, &p, "Description", "EnableKeyRotation", "PendingWindowInDays"); err != nil {
		return nil, err
	}
	key := "5ec2e7a1-0000-4000-8000-000000000001"
	arn := c.Env.ARN("kms", "key/") + key
	c.policies[arn], c.tags[arn] = p.KeyPolicy, byKey(p.Tags)
	return attributes{"": key, "Arn": arn, "KeyId": key}, nil
}

// secret makes an empty container: properties that put or generate a value are refused.
func (c *cloud) secret(ctx context.Context, _ string, properties any) (attributes, error) {
	var in secretsmanager.CreateSecretInput
	if err := into(properties, &in); err != nil {
		return nil, err
	}
	if in.SecretString != nil || in.SecretBinary != nil {
		return nil, fmt.Errorf("the template holds a value for %s", aws.ToString(in.Name))
	}
	out, err := c.Secrets().CreateSecret(ctx, &in)
	if err != nil {
		return nil, err
	}
	arn := aws.ToString(out.ARN)
	c.secrets[*in.Name], c.keys[arn], c.tags[arn] = arn, aws.ToString(in.KmsKeyId), map[string]string{}
	for _, t := range in.Tags {
		c.tags[arn][*t.Key] = *t.Value
	}
	return attributes{"": arn, "Id": arn}, nil
}

// existing makes the secrets that the manifest names and that were there before.
func (c *cloud) existing(ctx context.Context) error {
	var names []string
	for _, s := range c.Env.Sources {
		if s.Existing {
			names = append(names, s.Secret)
		}
	}
	for _, b := range c.Env.Buckets {
		if b.Existing {
			names = append(names, b.Secret)
		}
	}
	for _, name := range names {
		if _, err := c.secret(ctx, name, map[string]any{"Name": name}); err != nil {
			return fmt.Errorf("make %s: %w", name, err)
		}
	}
	return nil
}

func (c *cloud) secretPolicy(_ context.Context, _ string, properties any) (attributes, error) {
	var p struct {
		SecretID       string `json:"SecretId"`
		ResourcePolicy any
	}
	if err := into(properties, &p, "BlockPublicPolicy"); err != nil {
		return nil, err
	}
	arn := p.SecretID
	if !strings.HasPrefix(arn, "arn:") {
		arn = c.secrets[p.SecretID]
	}
	if arn == "" {
		return nil, fmt.Errorf("there is no secret %s", p.SecretID)
	}
	c.policies[arn] = p.ResourcePolicy
	return attributes{"": arn}, nil
}

// redrive is where a queue's messages go that nobody could handle; redriveAllow is from where a queue takes such
// messages.
type redrive struct {
	Target  string `json:"deadLetterTargetArn"`
	Receive int    `json:"maxReceiveCount"`
}

type redriveAllow struct {
	Permission string   `json:"redrivePermission"`
	Sources    []string `json:"sourceQueueArns"`
}

// from reports whether messages of a queue are taken; without a policy, from every queue of the account.
func (a *redriveAllow) from(arn string) bool {
	return a == nil || a.Permission == "byQueue" && slices.Contains(a.Sources, arn)
}

// queue makes a queue with the settings that the stand-in has. Encryption makes no difference to anybody here.
func (c *cloud) queue(ctx context.Context, _ string, properties any) (attributes, error) {
	var p struct {
		QueueName                            string
		FifoQueue, ContentBasedDeduplication *bool
		VisibilityTimeout                    *int
		MessageRetentionPeriod               *int
		RedrivePolicy                        *redrive
		RedriveAllowPolicy                   *redriveAllow
		Tags                                 []tag
	}
	if err := into(properties, &p, "SqsManagedSseEnabled"); err != nil {
		return nil, err
	}
	arn := c.Env.ARN("sqs", "") + p.QueueName
	c.takes[arn] = p.RedriveAllowPolicy
	c.visible[arn] = 30 * time.Second // AWS's default
	if p.VisibilityTimeout != nil {
		c.visible[arn] = time.Duration(*p.VisibilityTimeout) * time.Second
	}
	if r := p.RedrivePolicy; r != nil && !c.takes[r.Target].from(arn) {
		return nil, fmt.Errorf("%s takes nothing from %s", r.Target, arn)
	}
	settings := map[string]string{}
	for name, value := range map[string]any{
		"FifoQueue": p.FifoQueue, "ContentBasedDeduplication": p.ContentBasedDeduplication, "VisibilityTimeout": p.VisibilityTimeout,
		"MessageRetentionPeriod": p.MessageRetentionPeriod, "RedrivePolicy": p.RedrivePolicy,
	} {
		text, err := json.Marshal(value)
		if err != nil {
			return nil, err
		}
		if string(text) != "null" {
			settings[name] = string(text)
		}
	}
	out, err := sqs.NewFromConfig(c.Config(c.account, c.region)).CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: &p.QueueName, Attributes: settings})
	if err != nil {
		return nil, err
	}
	c.tags[arn] = byKey(p.Tags)
	return attributes{"": aws.ToString(out.QueueUrl), "Arn": arn, "QueueName": p.QueueName, "QueueUrl": aws.ToString(out.QueueUrl)}, nil
}

func (c *cloud) queuePolicy(_ context.Context, id string, properties any) (attributes, error) {
	var p struct {
		Queues         []string
		PolicyDocument any
	}
	if err := into(properties, &p); err != nil {
		return nil, err
	}
	for _, url := range p.Queues {
		c.policies[c.Env.ARN("sqs", "")+url[strings.LastIndex(url, "/")+1:]] = p.PolicyDocument
	}
	return attributes{"": id}, nil
}

func (c *cloud) topic(_ context.Context, _ string, properties any) (attributes, error) {
	var p struct{ TopicName, KmsMasterKeyID string }
	if err := into(properties, &p, "Tags", "DisplayName", "DataProtectionPolicy"); err != nil {
		return nil, err
	}
	arn := c.Region(c.account, c.region).Bus.AddTopic(p.TopicName)
	c.topics[arn] = p.KmsMasterKeyID
	return attributes{"": arn, "TopicArn": arn, "TopicName": p.TopicName}, nil
}

func (c *cloud) topicPolicy(_ context.Context, id string, properties any) (attributes, error) {
	var p struct {
		Topics         []string
		PolicyDocument any
	}
	if err := into(properties, &p); err != nil {
		return nil, err
	}
	for _, arn := range p.Topics {
		c.policies[arn] = p.PolicyDocument
	}
	return attributes{"": id}, nil
}

// subscription accepts an AWS::SNS::Subscription of an email address, and sends nothing: a real one gets nothing either
// before its owner has confirmed it.
func (c *cloud) subscription(_ context.Context, id string, properties any) (attributes, error) {
	var p struct{ TopicARN, Protocol, Endpoint string }
	if err := into(properties, &p); err != nil {
		return nil, err
	}
	if _, known := c.topics[p.TopicARN]; !known || p.Protocol != "email" || !strings.Contains(p.Endpoint, "@") {
		return nil, fmt.Errorf("a subscription %+v", p)
	}
	return attributes{"": id}, nil
}

func (c *cloud) role(_ context.Context, _ string, properties any) (attributes, error) {
	var p struct {
		RoleName, PermissionsBoundary string
		AssumeRolePolicyDocument      any
		Policies                      []struct {
			PolicyName     string
			PolicyDocument any
		}
		Tags []tag
	}
	if err := into(properties, &p, "Description"); err != nil {
		return nil, err
	}
	r := &role{name: p.RoleName, arn: c.Env.IAMARN("role/") + p.RoleName, trust: p.AssumeRolePolicyDocument, boundary: p.PermissionsBoundary, tags: byKey(p.Tags)}
	for _, document := range p.Policies {
		r.may = append(r.may, document.PolicyDocument)
	}
	c.roles[r.name], c.policies[r.arn], c.tags[r.arn] = r, r.trust, r.tags
	return attributes{"": r.name, "Arn": r.arn}, nil
}

func (c *cloud) managedPolicy(_ context.Context, _ string, properties any) (attributes, error) {
	var p struct {
		ManagedPolicyName string
		PolicyDocument    any
	}
	if err := into(properties, &p, "Description"); err != nil {
		return nil, err
	}
	arn := c.Env.IAMARN("policy/") + p.ManagedPolicyName
	c.policies[arn] = p.PolicyDocument
	return attributes{"": arn, "PolicyArn": arn}, nil
}

func (c *cloud) provider(_ context.Context, _ string, properties any) (attributes, error) {
	url, _ := properties.(map[string]any)["Url"].(string)
	arn := c.Env.IAMARN("oidc-provider/") + strings.TrimPrefix(url, "https://")
	return attributes{"": arn, "Arn": arn}, nil
}

// alarm is known by whom it tells; what it watches is not looked at here.
func (c *cloud) alarm(_ context.Context, _ string, properties any) (attributes, error) {
	text, err := json.Marshal(properties)
	if err != nil {
		return nil, err
	}
	var p struct {
		AlarmName                                        string
		AlarmActions, OKActions, InsufficientDataActions []string
	}
	if err := json.Unmarshal(text, &p); err != nil {
		return nil, err
	}
	arn := c.Env.ARN("cloudwatch", "alarm:") + p.AlarmName
	c.alarms[arn] = slices.Concat(p.AlarmActions, p.OKActions, p.InsufficientDataActions)
	return attributes{"": p.AlarmName, "Arn": arn}, nil
}
