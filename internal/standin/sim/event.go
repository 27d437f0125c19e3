package sim

// Event is an event that a service puts on the account's default EventBridge bus. The bus adds id, time, account and
// region.
type Event struct {
	Source     string   // aws.secretsmanager
	DetailType string   // Secret Label Updated
	Resources  []string // ARNs
	Detail     any      // encoded as JSON
}
