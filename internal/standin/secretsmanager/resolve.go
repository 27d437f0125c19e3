package secretsmanager

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// Resolve returns the value that an ECS task gets for a valueFrom: the secret's ARN, or the ARN and
// ":json-key:version-stage:version-id" with parts that may be empty. The errors are the ECS agent's; none of them
// carries a value. The agent decodes JSON into a map and prints what is not a string with %v, so that 123456789 becomes
// 1.23456789e+08 and null <nil>. Source: github.com/aws/amazon-ecs-agent agent/asm/asm.go.
func (s *Service) Resolve(valueFrom string) (string, error) { return s.ResolveAs("", valueFrom) }

// ResolveAs is Resolve with the execution role of the task, in whose name the agent reads.
func (s *Service) ResolveAs(role, valueFrom string) (string, error) {
	text, err := s.resolveReference(role, valueFrom)
	if err != nil {
		return "", fmt.Errorf("ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve secret from asm: service call has been retried 1 time(s): %w", err)
	}
	return text, nil
}

func (s *Service) resolveReference(role, valueFrom string) (string, error) {
	in, key, err := parseValueFrom(valueFrom)
	if err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.unlockAndEmit()
	got, err := s.readValue(in)
	s.recordRead(role, in, got, err)
	if err != nil {
		return "", fmt.Errorf("failed to fetch secret %s from secrets manager: %w", in.SecretID, err)
	}
	switch {
	case got.SecretString == nil:
		return "", fmt.Errorf("secret %s does not have a SecretString", in.SecretID)
	case key == "":
		return *got.SecretString, nil
	}
	return s.resolved.readMember(*got.SecretString, key)
}

// parseValueFrom splits arn:partition:secretsmanager:region:account:secret:name[:json-key:version-stage:version-id].
func parseValueFrom(valueFrom string) (in getSecretValueInput, key string, err error) {
	parts := strings.Split(valueFrom, ":")
	if parts[0] != "arn" {
		return getSecretValueInput{}, "", errors.New("arn: invalid prefix")
	}
	switch len(parts) {
	case 7:
		return getSecretValueInput{SecretID: valueFrom}, "", nil
	case 10:
		id := strings.Join(parts[:7], ":")
		return getSecretValueInput{SecretID: id, VersionStage: parts[8], VersionID: parts[9]}, parts[7], nil
	}
	return getSecretValueInput{}, "", fmt.Errorf("trying to retrieve secret with value %s resulted in error: unexpected ARN format with parameters when trying to retrieve ASM secret", valueFrom)
}

// decodedText is a text and the object in it. A task gets its variables one by one, most from the same secret.
type decodedText struct {
	text   string
	object map[string]any
}

// readMember returns a member of the object in text as the agent prints it, and keeps the object for the next member.
func (d *decodedText) readMember(text, key string) (string, error) {
	if d.object == nil || d.text != text {
		var object map[string]any
		if json.Unmarshal([]byte(text), &object) != nil {
			return "", errors.New("retrieved secret from Secrets Manager is not a JSON object") // the agent's own error quotes the value
		}
		*d = decodedText{text, object}
	}
	value, found := d.object[key]
	if !found {
		return "", fmt.Errorf("retrieved secret from Secrets Manager did not contain json key %s", key)
	}
	return fmt.Sprintf("%v", value), nil
}
