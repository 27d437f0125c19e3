// Package manifest reads rotary.yaml, the one description of every environment: which secrets exist, who rotates
// them, which buckets are derived from them and who runs on those. It is pure: bytes in, values and problems out.
//
// Parse checks everything that can be known without a value and reports all of it at once. File.Environment gives
// what one environment sees. Environment.Entries is the answer to "which key goes where".
package manifest

import (
	"encoding/json"
	"time"
)

// File is rotary.yaml as written: one file for all environments. It holds no value of a secret.
type File struct {
	// Each is an AWS account and region. Its name has letters and digits.
	Environments map[string]EnvironmentSpec `yaml:"environments" json:"environments"`
	// Where values are defined. Each is one Secrets Manager secret.
	Sources map[string]Source `yaml:"sources" json:"sources"`
	// The only keys that a name beginning with NEXT_PUBLIC_, VITE_, REACT_APP_ or PUBLIC_ may carry.
	Public []string `yaml:"public,omitempty" json:"public,omitempty"`
	// From a canonical name to the name, or names, that a bucket's readers see.
	Mappings map[string]Mapping `yaml:"mappings,omitempty" json:"mappings,omitempty"`
	// What is derived from the sources. Each is one Secrets Manager secret.
	Buckets map[string]Bucket `yaml:"buckets" json:"buckets"`
	// Whatever runs on a bucket.
	Consumers map[string]Consumer `yaml:"consumers,omitempty" json:"consumers,omitempty"`
}

// EnvironmentSpec is an environment as rotary.yaml declares it.
type EnvironmentSpec struct {
	// The AWS account's 12 digits, in quotes.
	Account string `yaml:"account" json:"account"`
	// The AWS region, such as us-east-1.
	Region string `yaml:"region" json:"region"`
	// Commands that change something ask first.
	Protected bool `yaml:"protected,omitempty" json:"protected,omitempty"`
	// observe writes nothing, propagate never retires a credential, retire (the default) does everything.
	Mode Mode `yaml:"mode,omitempty" json:"mode,omitempty"`
	// What ${name} stands for in any text. env, account and region are always set.
	Vars map[string]string `yaml:"vars,omitempty" json:"vars,omitempty"`
	// Where the rotators of sources with network: true run.
	Network *Network `yaml:"network,omitempty" json:"network,omitempty"`
	// Who may do what in the account, besides the Lambdas.
	Access *Access `yaml:"access,omitempty" json:"access,omitempty"`
	// The reference ECS services to deploy.
	Services *Services `yaml:"services,omitempty" json:"services,omitempty"`
}

// Access lists who may do what in an environment's account, besides the Lambdas. infra makes the roles.
type Access struct {
	// The ARNs of those who may become the platform role: they put values and operate.
	Platform []string `yaml:"platform" json:"platform"`
	// The ARNs of those who may become the developer role.
	Developers []string `yaml:"developers,omitempty" json:"developers,omitempty"`
	// Names of developers. Each gets a sandbox: queues and a role of its own.
	Sandboxes []string `yaml:"sandboxes,omitempty" json:"sandboxes,omitempty"`
	// The repository whose workflows may become the deploy role.
	GitHub *OIDC `yaml:"github,omitempty" json:"github,omitempty"`
}

// OIDC names a GitHub repository by its name and by what no rename changes
// (https://github.blog/changelog/2026-04-23-immutable-subject-claims-for-github-actions-oidc-tokens/).
type OIDC struct {
	// owner/name.
	Repository string `yaml:"repository" json:"repository"`
	// The owner's number, which no rename changes.
	OwnerID string `yaml:"owner_id" json:"owner_id"`
	// The repository's number, which no rename changes.
	RepositoryID string `yaml:"repository_id" json:"repository_id"`
	// The account has GitHub's OIDC provider already, and somebody else owns it.
	Existing bool `yaml:"existing_provider,omitempty" json:"existing_provider,omitempty"`
}

// Services are the reference ECS services that infra deploys: one for each ECS consumer that has an image here.
type Services struct {
	// The subnets of the services' tasks.
	Subnets []string `yaml:"subnets" json:"subnets"`
	// The security groups of the services' tasks.
	SecurityGroups []string `yaml:"security_groups" json:"security_groups"`
	// The image of each consumer.
	Images map[string]string `yaml:"images" json:"images"`
}

// Mode bounds what a pass may do.
type Mode string

// The modes, from the most careful to the default.
const (
	Observe   Mode = "observe"   // writes nothing
	Propagate Mode = "propagate" // never retires
	Retire    Mode = "retire"    // everything; the default
)

// Network places a rotate Lambda inside a VPC.
type Network struct {
	// The subnets of the rotate Lambda.
	Subnets []string `yaml:"subnets" json:"subnets"`
	// The security groups of the rotate Lambda.
	SecurityGroups []string `yaml:"security_groups" json:"security_groups"`
}

// Source is a Secrets Manager secret that defines values.
type Source struct {
	Name string `yaml:"-" json:"-"`
	// The canonical names that it may hold.
	Keys []string `yaml:"keys" json:"keys"`
	// How its credential is replaced. Default: by a person.
	Rotate Rotate `yaml:"rotate,omitempty" json:"rotate,omitzero"`
	// The environments that it is in. Default: all.
	In []string `yaml:"in,omitempty" json:"in,omitempty"`
	// The name of a secret that exists already. Default: source/{env}/{name}.
	Secret string `yaml:"secret,omitempty" json:"secret,omitempty"`
	// A key without a value is an error, and nothing is written.
	Required bool `yaml:"required,omitempty" json:"required,omitempty"`
	// Its rotator runs inside the environment's network.
	Network  bool `yaml:"network,omitempty" json:"network,omitempty"`
	Existing bool `yaml:"-" json:"-"` // Secret was written in the manifest: referenced, not created
}

// Rotator names.
const (
	Manual       = "manual"
	Random       = "random"
	Postgres     = "postgres"
	MySQL        = "mysql"
	AWSAccessKey = "aws-access-key"
	HTTP         = "http"
	Managed      = "managed"
	Never        = "never"
)

// Rotate describes how a source's credential is replaced.
type Rotate struct {
	// The rotator.
	With string `yaml:"with" json:"with"`
	// Whole hours or days, from 4h. Where a person rotates, it is a reminder.
	Every Duration `yaml:"every,omitempty" json:"every,omitempty"`
	// random: the second key that verifiers accept.
	Also string `yaml:"also,omitempty" json:"also,omitempty"`
	// random: the key that is written. Default: every key but also.
	Key string `yaml:"key,omitempty" json:"key,omitempty"`
	// random: entropy. Default: 32.
	Bytes int `yaml:"bytes,omitempty" json:"bytes,omitempty"`

	// random: how many characters, instead of bytes.
	Length int `yaml:"length,omitempty" json:"length,omitempty"`
	// random: base64url (the default), hex, alphanumeric, or the characters themselves.
	Alphabet string `yaml:"alphabet,omitempty" json:"alphabet,omitempty"`
	// random: a key pair instead: rsa-2048, rsa-3072, rsa-4096, ecdsa-p256, ecdsa-p384 or ed25519.
	Pair string `yaml:"pair,omitempty" json:"pair,omitempty"`
	// random: the key that holds the pair's public half. With it, also accepts a second public half.
	Public string `yaml:"public,omitempty" json:"public,omitempty"`
	// random: with also, the key that keeps the next private half until verifiers have its public half.
	Next string `yaml:"next,omitempty" json:"next,omitempty"`

	// postgres, mysql: the key that holds the connection URL.
	URL string `yaml:"url,omitempty" json:"url,omitempty"`
	// postgres, mysql: the keys that hold its parts, instead of url.
	Fields *Login `yaml:"fields,omitempty" json:"fields,omitempty"`
	// postgres, mysql: the source that holds an administrator's URL. http: the source that {{admin}} stands for.
	Admin string `yaml:"admin,omitempty" json:"admin,omitempty"`
	// postgres, mysql: hosts besides the administrator's that serve the same users.
	Replicas []string `yaml:"replicas,omitempty" json:"replicas,omitempty"`
	// postgres, mysql: a retirement ends the sessions that are still logged in.
	EndSessions bool `yaml:"end_sessions,omitempty" json:"end_sessions,omitempty"`

	// aws-access-key: the IAM user.
	User string `yaml:"user,omitempty" json:"user,omitempty"`

	// http: the vendor's calls that make, test and revoke the credential.
	HTTP *API `yaml:"http,omitempty" json:"http,omitempty"`
	// http: a ready-made description of the calls, instead.
	Vendor string `yaml:"vendor,omitempty" json:"vendor,omitempty"`
	// http: the description's name for a value, and the source's key that holds it.
	KeysFor map[string]string `yaml:"keys_for,omitempty" json:"keys_for,omitempty"`
	// http: what the description leaves open.
	Settings JSON `yaml:"settings,omitempty" json:"settings,omitempty"`
}

// Login names the keys that hold the parts of a database login, in Secrets Manager's words for them
// (https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_secret_json_structure.html).
type Login struct {
	// The key that holds the user.
	Username string `yaml:"username" json:"username"`
	// The key that holds the password.
	Password string `yaml:"password" json:"password"`
	// The key that holds the host.
	Host string `yaml:"host" json:"host"`
	// The key that holds the port. Default: the database's own port.
	Port string `yaml:"port,omitempty" json:"port,omitempty"`
	// The key that holds the name of the database.
	DBName string `yaml:"dbname,omitempty" json:"dbname,omitempty"`
	// The mode itself: verify-full (the default), verify-ca, require or disable.
	SSLMode string `yaml:"sslmode,omitempty" json:"sslmode,omitempty"`

	// The file of the authority that signs the server's certificate, beside the Lambda's program. Default: those that
	// the system trusts.
	SSLRootCert string `yaml:"sslrootcert,omitempty" json:"sslrootcert,omitempty"`
}

// Mapping gives canonical names the names that a bucket's readers see.
type Mapping map[string]Names

// Names is one name or several.
type Names []string

// Bucket describes what a derived secret is made of. Layers in order, later wins: originals, mappings, only, computed.
// Two layers with one name are an error unless it is under override.
type Bucket struct {
	Name string `yaml:"-" json:"-"`
	// Keys and sources under their canonical names. true means every source that is not private or an administrator's.
	Originals Originals `yaml:"originals,omitempty" json:"originals,omitzero"`
	// Names of mappings, in order.
	Mappings []string `yaml:"mappings,omitempty" json:"mappings,omitempty"`
	// Sources private to this bucket.
	Only []string `yaml:"only,omitempty" json:"only,omitempty"`
	// Texts of the manifest itself.
	Computed map[string]string `yaml:"computed,omitempty" json:"computed,omitempty"`
	// Names for which a later layer may win.
	Override []string `yaml:"override,omitempty" json:"override,omitempty"`
	// The name of a secret that exists already. Default: {bucket}-{env}.
	Secret string `yaml:"secret,omitempty" json:"secret,omitempty"`
	// The environments that it is in. Default: all.
	In       []string `yaml:"in,omitempty" json:"in,omitempty"`
	Existing bool     `yaml:"-" json:"-"` // Secret was written in the manifest: referenced, not created
}

// Originals is a list of canonical keys and sources, or every source (true).
type Originals struct {
	All  bool
	List []string
}

// Consumer is whatever runs on a bucket. Exactly one of ecs, ecs_family, github, vercel and drain is set.
type Consumer struct {
	Name string `yaml:"-" json:"-"`
	// The bucket that it runs on.
	Bucket string `yaml:"bucket" json:"bucket"`
	// The environments that it is in. Default: all.
	In []string `yaml:"in,omitempty" json:"in,omitempty"`
	// Observed, and able to veto, but no longer rolled: the first of two deploys that remove it.
	Leaving bool `yaml:"leaving,omitempty" json:"leaving,omitempty"`
	// An ECS service.
	ECS *ECS `yaml:"ecs,omitempty" json:"ecs,omitempty"`
	// Tasks that EventBridge rules and schedules start.
	ECSFamily *ECSFamily `yaml:"ecs_family,omitempty" json:"ecs_family,omitempty"`
	// Actions secrets.
	GitHub *GitHub `yaml:"github,omitempty" json:"github,omitempty"`
	// A project's variables.
	Vercel *Vercel `yaml:"vercel,omitempty" json:"vercel,omitempty"`
	// Readers without a receipt: how long after a change they may go on with what they have.
	Drain Duration `yaml:"drain,omitempty" json:"drain,omitempty"`
}

// ECS is a service that runs on pinned versions of its bucket.
type ECS struct {
	// The name of the cluster.
	Cluster string `yaml:"cluster" json:"cluster"`
	// The name of the service.
	Service string `yaml:"service" json:"service"`
	// The container that gets the variables.
	Container string `yaml:"container" json:"container"`
	// bundle gives the container its whole bucket as JSON in one variable. Default: a variable for each key.
	Inject string `yaml:"inject,omitempty" json:"inject,omitempty"`
	// The variable of a bundle. Default: the bucket's name in capitals, such as API_SECRETS.
	Variable string `yaml:"variable,omitempty" json:"variable,omitempty"`
	// Variables that the container has from elsewhere, and that rotary replaces.
	Adopt []string `yaml:"adopt,omitempty" json:"adopt,omitempty"`
	// It may stand at desired count 0: then it counts as running what its task definition pins.
	Idle bool `yaml:"idle,omitempty" json:"idle,omitempty"`
}

// ECSFamily is the tasks of a family that EventBridge rules and schedules start, without a service.
type ECSFamily struct {
	// The name of the cluster in which rules and schedules start its tasks.
	Cluster string `yaml:"cluster" json:"cluster"`
	// The family of the task definitions that rules and schedules start.
	Family string `yaml:"family" json:"family"`
	// The container that gets the variables.
	Container string `yaml:"container" json:"container"`
	// bundle gives the container its whole bucket as JSON in one variable. Default: a variable for each key.
	Inject string `yaml:"inject,omitempty" json:"inject,omitempty"`
	// The variable of a bundle. Default: the bucket's name in capitals, such as API_SECRETS.
	Variable string `yaml:"variable,omitempty" json:"variable,omitempty"`
	// Variables that the container has from elsewhere, and that rotary replaces.
	Adopt []string `yaml:"adopt,omitempty" json:"adopt,omitempty"`
}

// GitHub is the Actions secrets of a repository or of one of its environments.
type GitHub struct {
	// owner/name.
	Repository string `yaml:"repository" json:"repository"`
	// The repository's environment. Default: the repository's own secrets.
	Environment string `yaml:"environment,omitempty" json:"environment,omitempty"`
	// The canonical key that holds a token, or a GitHub App's private key.
	Token string `yaml:"token" json:"token"`
	// The canonical key that holds the GitHub App's id.
	AppID string `yaml:"app_id,omitempty" json:"app_id,omitempty"`
	// How long a workflow run that started before a change may go on. Default: 6h.
	Drain Duration `yaml:"drain,omitempty" json:"drain,omitempty"`
	// Existing secrets that rotary takes over.
	Adopt []string `yaml:"adopt,omitempty" json:"adopt,omitempty"`
}

// Vercel is the environment variables of a project.
type Vercel struct {
	// The name of the project.
	Project string `yaml:"project" json:"project"`
	// The team that owns the project. Default: the owner of the token.
	Team string `yaml:"team,omitempty" json:"team,omitempty"`
	// The canonical key that holds a Vercel token.
	Token string `yaml:"token" json:"token"`
	// From an environment to its Vercel targets.
	Targets map[string][]string `yaml:"targets" json:"targets"`
	// Names that the platform sets itself on previews.
	ExcludeFromPreview []string `yaml:"exclude_from_preview,omitempty" json:"exclude_from_preview,omitempty"`
	// always. Default: in protected environments only.
	Sensitive string `yaml:"sensitive,omitempty" json:"sensitive,omitempty"`
	// The canonical key that holds a deploy hook's URL.
	DeployHook string `yaml:"deploy_hook,omitempty" json:"deploy_hook,omitempty"`
	// Existing variables that rotary takes over.
	Adopt []string `yaml:"adopt,omitempty" json:"adopt,omitempty"`
}

// Duration is a time span written as 90s, 30m, 24h, 7d or 2w.
type Duration time.Duration

// Environment is the manifest as one environment sees it: ${…} expanded, `in` applied, defaults filled in,
// everything sorted by name.
type Environment struct {
	Name      string
	Account   string
	Region    string
	Protected bool
	Mode      Mode
	Vars      map[string]string
	Network   *Network
	Access    *Access
	Services  *Services
	Sources   []Source
	Public    []string
	Mappings  map[string]Mapping
	Buckets   []Bucket
	Consumers []Consumer
}

// MarshalJSON writes o as the file has it.
func (o Originals) MarshalJSON() ([]byte, error) {
	if o.All {
		return []byte("true"), nil
	}
	return json.Marshal(o.List)
}

// MarshalYAML writes o as the file has it.
func (o Originals) MarshalYAML() (any, error) {
	if o.All {
		return true, nil
	}
	return o.List, nil
}
