package manifest

import "strings"

// The names of what infra deploys for an environment. Everybody who calls one of these finds it by name.

// Named returns the name that infra gives to something of the environment.
func (e *Environment) Named(what string) string { return "rotary-" + e.Name + "-" + what }

// ARN returns the ARN of a resource in the environment's account and region.
func (e *Environment) ARN(service, resource string) string {
	return "arn:aws:" + service + ":" + e.Region + ":" + e.Account + ":" + resource
}

// PropagateFunction returns the name of the Lambda that reconciles.
func (e *Environment) PropagateFunction() string { return e.Named("propagate") }

// RotateFunction returns the name of the Lambda that rotates a source and retires what is owed: the one inside the VPC
// for a source with network: true.
func (e *Environment) RotateFunction(s Source) string {
	if s.Network {
		return e.Named("rotate-network")
	}
	return e.Named("rotate")
}

// Queue returns the name of the SQS FIFO queue that every event of the environment goes through.
func (e *Environment) Queue() string { return "rotary-" + e.Name + ".fifo" }

// DeadLetters returns the name of the queue of the messages that failed.
func (e *Environment) DeadLetters() string { return e.Named("dead.fifo") }

// Undelivered returns the name of the queue of what EventBridge could not deliver.
func (e *Environment) Undelivered() string { return e.Named("undelivered") }

// AgainSchedule returns the name of the one-off schedule that a Wait asks for.
func (e *Environment) AgainSchedule() string { return e.Named("again") }

// SourceBySecret finds the source whose secret has this name or ARN.
func (e *Environment) SourceBySecret(id string) (Source, bool) {
	for _, s := range e.Sources {
		if s.Secret == id || s.Secret == secretNameOf(id) {
			return s, true
		}
	}
	return Source{}, false
}

// secretNameOf takes the name out of a secret's ARN: the last part without its six random characters
// (https://docs.aws.amazon.com/secretsmanager/latest/userguide/whats-in-a-secret.html).
func secretNameOf(arn string) string {
	_, name, found := strings.Cut(arn, ":secret:")
	if !found || len(name) < len("x-AbCdEf") || name[len(name)-7] != '-' {
		return arn
	}
	return name[:len(name)-7]
}
