// Package manifest reads rotary.yaml, the one description of every environment: which secrets exist, who rotates
// them, which buckets are derived from them and who runs on those. It is pure: bytes in, values and problems out.
//
// Parse checks everything that can be known without a value and reports all of it at once. File.Environment gives
// what one environment sees. Environment.Entries is the answer to "which key goes where".
//
// What is of several kinds is one struct with a field for each kind: Rotate has the rotators, Consumer the consumers.
// A kind has one file here, rotate_*.go or consumer_*.go, with its fields, defaults and checks.
package manifest

import (
	"encoding/json"

	"github.com/rotary-secrets/rotary/pkg/duration"
)

// File is rotary.yaml as written: one file for all environments. It holds no value of a secret.
type File struct {
	// Each is an AWS account and region. Its name has letters, digits and -.
	// Example: `{dev: {account: "111111111111", region: us-east-1}}`. Refuses: `{}`, and other characters in a name,
	// `{dev.1: {account: "111111111111", region: us-east-1}}`.
	Environments map[string]EnvironmentSpec `yaml:"environments" json:"environments"`
	// The credentials with which rotary itself calls GitHub and Vercel.
	// Example: `{github: {token: GH_TOKEN}, vercel: {token: VERCEL_TOKEN}}`. Refuses: a key that no source declares,
	// `{vercel: {token: NOBODY}}`.
	SignIn SignIn `yaml:"sign_in,omitempty" json:"sign_in,omitzero"`
	// Where values are defined. Each is one Secrets Manager secret.
	// Example: `{vendors: {keys: [VENDOR_A_API_KEY]}}`. Refuses: `{}`.
	Sources map[string]Source `yaml:"sources" json:"sources"`
	// The only keys that a name beginning with NEXT_PUBLIC_, VITE_, REACT_APP_ or PUBLIC_ may carry.
	// Example: `[VENDOR_A_REGION]`. Refuses: a key that no source declares, `[NOBODY]`.
	Public []string `yaml:"public,omitempty" json:"public,omitempty"`
	// From a canonical name to the name, or names, that a bucket's readers see.
	// Example: `{web: {VENDOR_A_API_KEY: API_KEY}}`. Refuses: a key that no source declares,
	// `{web: {NOBODY: API_KEY}}`.
	Mappings map[string]Mapping `yaml:"mappings,omitempty" json:"mappings,omitempty"`
	// Sets of texts that stand in the manifest itself, by the name that readers see.
	// Example: `{client: {BASE_URL: "https://api-${env}.example.com"}}`. Refuses: a name that is none for a variable,
	// `{client: {BASE-URL: text}}`.
	Computed map[string]Computed `yaml:"computed,omitempty" json:"computed,omitempty"`
	// What is derived from the sources. Each is one Secrets Manager secret.
	// Example: `{api-secrets: {originals: true}}`. Refuses: `{}`.
	Buckets map[string]Bucket `yaml:"buckets" json:"buckets"`
	// Whatever runs on a bucket, or reads a source.
	// Example: `{api: {bucket: api-secrets, ecs: {cluster: main, service: api}}}`. Refuses: none or two kinds,
	// `{api: {bucket: api-secrets}}`, and two consumers of one place at a sink.
	Consumers map[string]Consumer `yaml:"consumers,omitempty" json:"consumers,omitempty"`

	notes   []Problem            // what is accepted, and has no effect yet or is worth a look
	unbuilt map[string][]Problem // by environment: what would be missed if it were deployed
}

// EnvironmentSpec is an environment as rotary.yaml declares it.
type EnvironmentSpec struct {
	// The AWS account's 12 digits, in quotes.
	// Example: `"111111111111"`. Refuses: a number, `111111111111`, and other lengths, `"1111"`.
	Account string `yaml:"account" json:"account"`
	// The AWS region, such as us-east-1.
	// Example: `eu-central-1`. Refuses: `frankfurt`.
	Region string `yaml:"region" json:"region"`
	// Commands that change something ask first.
	// Example: `true`. Refuses: `"yes"`.
	Protected bool `yaml:"protected,omitempty" json:"protected,omitempty"`
	// observe writes nothing, propagate never retires a credential, retire does everything. Default: retire.
	// Example: `observe`. Refuses: `watch`.
	Mode Mode `yaml:"mode,omitempty" json:"mode,omitempty"`
	// What is done about somebody who read a secret, by CloudTrail, and is in no manifest: ignore; report, which names
	// the reader; or veto, which also keeps what was read from being retired, for a day. Default: report.
	// Example: `veto`. Refuses: `ban`.
	Readers string `yaml:"readers,omitempty" json:"readers,omitempty"`
	// What is done about a leaked credential: page, rotate or emergency. Default: page.
	// Example: `rotate`. Refuses: `ignore`.
	OnLeak string `yaml:"on_leak,omitempty" json:"on_leak,omitempty"`
	// What ${name} stands for in any text. env, account and region are always set.
	// Example: `{api_base_url: "https://api.example.com"}`. Refuses: the names that are always set, `{env: dev}`.
	Vars map[string]string `yaml:"vars,omitempty" json:"vars,omitempty"`
	// What only the deployment reads.
	// Example: `{alarms: {email: [platform@example.com]}}`. Refuses: `{vpc: main}`.
	Infra Infra `yaml:"infra,omitempty" json:"infra,omitzero"`
}

// Mode bounds what a pass may do.
type Mode string

// The modes, from the most careful to the default.
const (
	Observe   Mode = "observe"   // writes nothing
	Propagate Mode = "propagate" // never retires
	Retire    Mode = "retire"    // everything; the default
)

// Mapping gives canonical names the names that a bucket's readers see.
type Mapping map[string]Names

// Computed gives names that a bucket's readers see their texts.
type Computed map[string]string

// Names is one name or several.
type Names []string

// Bucket describes what a derived secret is made of. Layers in order, later wins: originals, mappings, only, computed.
// Two layers with one name are an error unless it is under override.
type Bucket struct {
	Name string `yaml:"-" json:"-"`
	// Keys and sources under their canonical names. true means every source that is not private or an administrator's.
	// Example: `[vendors, GH_APP_ID]`, or `true`. Refuses: `[nobody]`, and `false`.
	Originals Originals `yaml:"originals,omitempty" json:"originals,omitzero"`
	// Names of mappings, and mappings of its own, in order.
	// Example: `[shared, {SESSION_KEY: APP_SESSION_KEY}]`. Refuses: `[nobody]`.
	Mappings []MappingLayer `yaml:"mappings,omitempty" json:"mappings,omitempty"`
	// Sources private to this bucket.
	// Example: `[private]`. Refuses: `[nobody]`.
	Only []string `yaml:"only,omitempty" json:"only,omitempty"`
	// Names of computed sets, and texts of its own.
	// Example: `[client, {LOG_LEVEL: info}]`. Refuses: `[nobody]`, and names of the layers before,
	// `[client, {SESSION_KEY: text}]`.
	Computed []ComputedLayer `yaml:"computed,omitempty" json:"computed,omitempty"`
	// Names for which a later layer may win.
	// Example: `[VENDOR_A_REGION]`. Refuses: `[NOBODY]`.
	Override []string `yaml:"override,omitempty" json:"override,omitempty"`
	// The name of a secret that exists already. Default: {bucket}-{env}.
	// Example: `legacy/api-${env}`. Refuses: `"a secret"`.
	Secret string `yaml:"secret,omitempty" json:"secret,omitempty"`
	// The environments that it is in. Default: all.
	// Example: `[dev, production]`. Refuses: `[nowhere]`.
	In       []string `yaml:"in,omitempty" json:"in,omitempty"`
	Existing bool     `yaml:"-" json:"-"` // Secret was written in the manifest: referenced, not created
}

// Originals is a list of canonical keys and sources, or every source (true).
type Originals struct {
	All  bool
	List []string
}

// Layer is one of several of a bucket: the name of one that the file declares for all buckets, or one that stands here.
type Layer[T any] struct {
	Name string
	Own  T
}

// MappingLayer is a mapping: one that stands under mappings, or the bucket's own.
type MappingLayer = Layer[Mapping]

// ComputedLayer is a set of computed texts: one that stands under computed, or the bucket's own.
type ComputedLayer = Layer[Computed]

// Duration is a time span written as 90s, 30m, 24h, 7d or 2w.
type Duration = duration.Duration

// Environment is the manifest as one environment sees it: ${…} expanded, `in` applied, defaults filled in,
// everything sorted by name.
type Environment struct {
	Name      string
	Account   string
	Region    string
	Protected bool
	Mode      Mode
	// ReadersRule holds what readers asks for: ReadersIgnore, ReadersReport or ReadersVeto.
	ReadersRule string
	Vars        map[string]string
	Infra       Infra
	Sources     []Source
	Public      []string
	Mappings    map[string]Mapping
	Computed    map[string]Computed
	Buckets     []Bucket
	Consumers   []Consumer
	// Unbuilt lists settings that this version does not carry out and cannot safely ignore. Parse accepts them; deploy
	// and every pass refuse to go on.
	Unbuilt []Problem

	index *index // of what Indexed returned; nil otherwise
}

// MarshalJSON writes o as the file has it.
func (o Originals) MarshalJSON() ([]byte, error) { return json.Marshal(o.writtenForm()) }

// MarshalYAML writes o as the file has it.
func (o Originals) MarshalYAML() (any, error) { return o.writtenForm(), nil }

func (o Originals) writtenForm() any {
	if o.All {
		return true
	}
	return o.List
}

// MarshalJSON writes a as the file has it.
func (a RepositoryAccess) MarshalJSON() ([]byte, error) { return json.Marshal(a.writtenForm()) }

// MarshalYAML writes a as the file has it.
func (a RepositoryAccess) MarshalYAML() (any, error) { return a.writtenForm(), nil }

func (a RepositoryAccess) writtenForm() any {
	if a.Visibility != "" {
		return a.Visibility
	}
	return a.List
}

// MarshalJSON writes l as the file has it.
func (l Layer[T]) MarshalJSON() ([]byte, error) { return json.Marshal(l.writtenForm()) }

// MarshalYAML writes l as the file has it.
func (l Layer[T]) MarshalYAML() (any, error) { return l.writtenForm(), nil }

func (l Layer[T]) writtenForm() any {
	if l.Name != "" {
		return l.Name
	}
	return l.Own
}
