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

// File is rotary.yaml as written: one file for all environments, no secret in it.
type File struct {
	Environments map[string]EnvironmentSpec `yaml:"environments" json:"environments"`
	Sources      map[string]Source          `yaml:"sources" json:"sources"`
	Public       []string                   `yaml:"public,omitempty" json:"public,omitempty"`
	Mappings     map[string]Mapping         `yaml:"mappings,omitempty" json:"mappings,omitempty"`
	Buckets      map[string]Bucket          `yaml:"buckets" json:"buckets"`
	Consumers    map[string]Consumer        `yaml:"consumers,omitempty" json:"consumers,omitempty"`
}

// EnvironmentSpec is an environment as rotary.yaml declares it.
type EnvironmentSpec struct {
	Account   string            `yaml:"account" json:"account"`
	Region    string            `yaml:"region" json:"region"`
	Protected bool              `yaml:"protected,omitempty" json:"protected,omitempty"`
	Mode      Mode              `yaml:"mode,omitempty" json:"mode,omitempty"`
	Vars      map[string]string `yaml:"vars,omitempty" json:"vars,omitempty"`
	Network   *Network          `yaml:"network,omitempty" json:"network,omitempty"`
	Access    *Access           `yaml:"access,omitempty" json:"access,omitempty"`
	Services  *Services         `yaml:"services,omitempty" json:"services,omitempty"`
}

// Access says who beside the Lambdas may do what in an environment's account. infra makes it true.
type Access struct {
	Platform   []string `yaml:"platform" json:"platform"`                         // ARNs of those who may become the platform role: they put values and operate
	Developers []string `yaml:"developers,omitempty" json:"developers,omitempty"` // ARNs of those who may become the developer role
	Sandboxes  []string `yaml:"sandboxes,omitempty" json:"sandboxes,omitempty"`   // a sandbox with queues and a role of its own each
	GitHub     *OIDC    `yaml:"github,omitempty" json:"github,omitempty"`         // whose workflows may become the deploy role
}

// OIDC names a GitHub repository by its name and by what no rename changes
// (https://github.blog/changelog/2026-04-23-immutable-subject-claims-for-github-actions-oidc-tokens/).
type OIDC struct {
	Repository   string `yaml:"repository" json:"repository"`                                   // owner/name
	OwnerID      string `yaml:"owner_id" json:"owner_id"`                                       // of the owner
	RepositoryID string `yaml:"repository_id" json:"repository_id"`                             // of the repository
	Existing     bool   `yaml:"existing_provider,omitempty" json:"existing_provider,omitempty"` // the account has GitHub's OIDC provider already, and somebody else owns it
}

// Services are the reference ECS services that infra deploys: one for each ECS consumer that has an image here.
type Services struct {
	Subnets        []string          `yaml:"subnets" json:"subnets"`
	SecurityGroups []string          `yaml:"security_groups" json:"security_groups"`
	Images         map[string]string `yaml:"images" json:"images"` // by consumer
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
	Subnets        []string `yaml:"subnets" json:"subnets"`
	SecurityGroups []string `yaml:"security_groups" json:"security_groups"`
}

// Source is a Secrets Manager secret that defines values.
type Source struct {
	Name     string   `yaml:"-" json:"-"`
	Keys     []string `yaml:"keys" json:"keys"`                             // canonical names it may hold
	Rotate   Rotate   `yaml:"rotate,omitempty" json:"rotate,omitzero"`      // none means with: manual
	In       []string `yaml:"in,omitempty" json:"in,omitempty"`             // environments; none means all
	Secret   string   `yaml:"secret,omitempty" json:"secret,omitempty"`     // an existing secret's name; default source/{env}/{name}
	Required bool     `yaml:"required,omitempty" json:"required,omitempty"` // a declared key without a value is an error
	Network  bool     `yaml:"network,omitempty" json:"network,omitempty"`   // its rotator runs inside the VPC
	Existing bool     `yaml:"-" json:"-"`                                   // Secret was written in the manifest: referenced, not created
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

// Rotate says how a source's credential is replaced.
type Rotate struct {
	With  string   `yaml:"with" json:"with"`
	Every Duration `yaml:"every,omitempty" json:"every,omitempty"` // schedule; a reminder where with is manual
	Also  string   `yaml:"also,omitempty" json:"also,omitempty"`   // random: the second key that verifiers accept
	Key   string   `yaml:"key,omitempty" json:"key,omitempty"`     // random: the key that is written; default: every key but also
	Bytes int      `yaml:"bytes,omitempty" json:"bytes,omitempty"` // random: entropy, default 32

	Length   int    `yaml:"length,omitempty" json:"length,omitempty"`     // random: how many characters, instead of bytes
	Alphabet string `yaml:"alphabet,omitempty" json:"alphabet,omitempty"` // random: which characters: base64url (default), hex, alphanumeric, or the characters themselves
	Pair     string `yaml:"pair,omitempty" json:"pair,omitempty"`         // random: a key pair instead: rsa-2048, rsa-3072, rsa-4096, ecdsa-p256, ecdsa-p384, ed25519
	Public   string `yaml:"public,omitempty" json:"public,omitempty"`     // random: the key that holds the pair's public half; with it, also accepts a second public half
	Next     string `yaml:"next,omitempty" json:"next,omitempty"`         // random: the key that keeps the next private half while also makes its public half known

	URL         string   `yaml:"url,omitempty" json:"url,omitempty"`                   // postgres, mysql: the key that holds the connection URL
	Fields      *Login   `yaml:"fields,omitempty" json:"fields,omitempty"`             // postgres, mysql: the keys that hold its parts, instead of url
	Admin       string   `yaml:"admin,omitempty" json:"admin,omitempty"`               // postgres, mysql: the source that holds the administrator's URL; http: the one that holds what {{admin}} stands for
	Replicas    []string `yaml:"replicas,omitempty" json:"replicas,omitempty"`         // postgres, mysql: hosts besides the administrator's that serve the same users
	EndSessions bool     `yaml:"end_sessions,omitempty" json:"end_sessions,omitempty"` // postgres, mysql: retiring ends what is still logged in

	User string `yaml:"user,omitempty" json:"user,omitempty"` // aws-access-key: the IAM user

	HTTP     *API              `yaml:"http,omitempty" json:"http,omitempty"`         // http: the vendor's calls
	Vendor   string            `yaml:"vendor,omitempty" json:"vendor,omitempty"`     // http: a ready-made description of them, instead
	KeysFor  map[string]string `yaml:"keys_for,omitempty" json:"keys_for,omitempty"` // http: the description's name → the source's key
	Settings JSON              `yaml:"settings,omitempty" json:"settings,omitempty"` // http: what the description leaves open
}

// Login names the keys that hold the parts of a database login, in Secrets Manager's words for them
// (https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_secret_json_structure.html).
type Login struct {
	Username string `yaml:"username" json:"username"`
	Password string `yaml:"password" json:"password"`
	Host     string `yaml:"host" json:"host"`
	Port     string `yaml:"port,omitempty" json:"port,omitempty"`
	DBName   string `yaml:"dbname,omitempty" json:"dbname,omitempty"`
	SSLMode  string `yaml:"sslmode,omitempty" json:"sslmode,omitempty"` // the mode itself: verify-full (default), verify-ca, require, disable

	SSLRootCert string `yaml:"sslrootcert,omitempty" json:"sslrootcert,omitempty"` // the file of the authority that signs the server's certificate, beside the Lambda's program; default: those that the system trusts
}

// Mapping gives canonical names the names that a bucket's readers see.
type Mapping map[string]Names

// Names is one name or several.
type Names []string

// Bucket says what a derived secret is made of. Layers in order, later wins, and every collision is an error
// unless Override lists the key: originals, mappings in their order, only, computed.
type Bucket struct {
	Name      string            `yaml:"-" json:"-"`
	Originals Originals         `yaml:"originals,omitempty" json:"originals,omitzero"`
	Mappings  []string          `yaml:"mappings,omitempty" json:"mappings,omitempty"`
	Only      []string          `yaml:"only,omitempty" json:"only,omitempty"`
	Computed  map[string]string `yaml:"computed,omitempty" json:"computed,omitempty"`
	Override  []string          `yaml:"override,omitempty" json:"override,omitempty"`
	Secret    string            `yaml:"secret,omitempty" json:"secret,omitempty"` // an existing secret's name; default {bucket}-{env}
	In        []string          `yaml:"in,omitempty" json:"in,omitempty"`
	Existing  bool              `yaml:"-" json:"-"` // Secret was written in the manifest: referenced, not created
}

// Originals is a list of canonical keys and sources, or every source (true).
type Originals struct {
	All  bool
	List []string
}

// Consumer is whatever runs on a bucket. Exactly one of ECS, ECSFamily, GitHub, Vercel and Drain is set.
type Consumer struct {
	Name      string     `yaml:"-" json:"-"`
	Bucket    string     `yaml:"bucket" json:"bucket"`
	In        []string   `yaml:"in,omitempty" json:"in,omitempty"`
	Leaving   bool       `yaml:"leaving,omitempty" json:"leaving,omitempty"` // observed and vetoing, no longer rolled
	ECS       *ECS       `yaml:"ecs,omitempty" json:"ecs,omitempty"`
	ECSFamily *ECSFamily `yaml:"ecs_family,omitempty" json:"ecs_family,omitempty"`
	GitHub    *GitHub    `yaml:"github,omitempty" json:"github,omitempty"`
	Vercel    *Vercel    `yaml:"vercel,omitempty" json:"vercel,omitempty"`
	Drain     Duration   `yaml:"drain,omitempty" json:"drain,omitempty"` // readers without a receipt
}

// ECS is a service that runs on pinned versions of its bucket.
type ECS struct {
	Cluster   string   `yaml:"cluster" json:"cluster"`
	Service   string   `yaml:"service" json:"service"`
	Container string   `yaml:"container" json:"container"`
	Inject    string   `yaml:"inject,omitempty" json:"inject,omitempty"`     // "" (a pin for each key) or bundle (the whole bucket as JSON in one variable)
	Variable  string   `yaml:"variable,omitempty" json:"variable,omitempty"` // of a bundle; default: the bucket's name in capitals, API_SECRETS
	Adopt     []string `yaml:"adopt,omitempty" json:"adopt,omitempty"`       // variables from elsewhere that rotary replaces
	Idle      bool     `yaml:"idle,omitempty" json:"idle,omitempty"`         // with desired count 0 it counts as running what its task definition pins
}

// ECSFamily is the tasks of a family that EventBridge rules and schedules start: no service stands behind them.
type ECSFamily struct {
	Cluster   string   `yaml:"cluster" json:"cluster"` // its name
	Family    string   `yaml:"family" json:"family"`
	Container string   `yaml:"container" json:"container"`
	Inject    string   `yaml:"inject,omitempty" json:"inject,omitempty"`
	Variable  string   `yaml:"variable,omitempty" json:"variable,omitempty"`
	Adopt     []string `yaml:"adopt,omitempty" json:"adopt,omitempty"`
}

// GitHub is the Actions secrets of a repository or of one of its environments.
type GitHub struct {
	Repository  string   `yaml:"repository" json:"repository"`                       // owner/name
	Environment string   `yaml:"environment,omitempty" json:"environment,omitempty"` // none: repository secrets
	Token       string   `yaml:"token" json:"token"`                                 // canonical key that holds a token, or the app's private key
	AppID       string   `yaml:"app_id,omitempty" json:"app_id,omitempty"`           // canonical key that holds the GitHub App's id
	Drain       Duration `yaml:"drain,omitempty" json:"drain,omitempty"`             // how long an old workflow run may go on; default 6h
	Adopt       []string `yaml:"adopt,omitempty" json:"adopt,omitempty"`             // existing secrets that rotary takes over
}

// Vercel is the environment variables of a project.
type Vercel struct {
	Project            string              `yaml:"project" json:"project"`
	Team               string              `yaml:"team,omitempty" json:"team,omitempty"`
	Token              string              `yaml:"token" json:"token"`                                                   // canonical key that holds a Vercel token
	Targets            map[string][]string `yaml:"targets" json:"targets"`                                               // environment → Vercel targets
	ExcludeFromPreview []string            `yaml:"exclude_from_preview,omitempty" json:"exclude_from_preview,omitempty"` // names the platform sets itself on previews
	Sensitive          string              `yaml:"sensitive,omitempty" json:"sensitive,omitempty"`                       // "" (in protected environments) or always
	DeployHook         string              `yaml:"deploy_hook,omitempty" json:"deploy_hook,omitempty"`                   // canonical key that holds a deploy hook URL
	Adopt              []string            `yaml:"adopt,omitempty" json:"adopt,omitempty"`
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
