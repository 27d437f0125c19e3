package manifest

import (
	"cmp"
	"reflect"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
)

// Rotate describes how a source's credential is replaced: by one kind of rotator, or by a person where it is empty. A
// kind of which nothing has to be set may be written as a word.
type Rotate struct {
	// Whole hours or days, from 4h.
	// Example: `30d`. Refuses: `1h`, `90m`, `3000d`.
	Every Duration `yaml:"every,omitempty" json:"every,omitempty"`

	// A value that rotary makes.
	// Example: `{also: SESSION_KEY_ALSO}`. Refuses: `{also: NOBODY}`.
	Random *RotateRandom `yaml:"random,omitempty" json:"random,omitempty"`
	// The login of a PostgreSQL database: two users take turns.
	// Example: `{url: APP_DB__URL, admin: app-db-admin}`. Refuses: `{url: APP_DB__URL}`.
	Postgres *RotatePostgres `yaml:"postgres,omitempty" json:"postgres,omitempty"`
	// The login of a MySQL or MariaDB database: two users take turns.
	// Example: `{url: APP_DB__URL, admin: app-db-admin}`. Refuses: `{admin: app-db-admin}`.
	MySQL *RotateMySQL `yaml:"mysql,omitempty" json:"mysql,omitempty"`
	// The access key of an IAM user.
	// Example: `{user: "artifacts-${env}"}`. Refuses: `{}`.
	AWSAccessKey *RotateAccessKey `yaml:"aws-access-key,omitempty" json:"aws-access-key,omitempty"`
	// A credential that a vendor's HTTP API makes.
	// Example: `{vendor: vercel-token, keys_for: {token: PARTNER_TOKEN, id: PARTNER_TOKEN_ID}}`. Refuses: `{}`.
	HTTP *RotateHTTP `yaml:"http,omitempty" json:"http,omitempty"`
	// AWS replaces it.
	// Example: `{}`, or the word alone. Refuses: settings, `{admin: app-db-admin}`.
	Managed *RotateManaged `yaml:"managed,omitempty" json:"managed,omitempty"`
	// Nobody replaces it: another value would destroy data.
	// Example: `{}`, or the word alone. Refuses: settings, `{key: DATA_KEY}`.
	Never *RotateNever `yaml:"never,omitempty" json:"never,omitempty"`
}

// The kinds of Rotate. Manual is that of an empty one: a person replaces the value.
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

// rotatorKind is implemented by each kind of rotator: it checks the manifest's entries of that kind and answers what
// the rest of the manifest needs to know of them. Each kind is one file and one field of Rotate.
type rotatorKind interface {
	// checkRotator reports what is wrong with the entry at path, of the source called name.
	checkRotator(c checker, path, name string, s Source)
	// withDefaults returns the entry with everything filled in that the manifest may leave out.
	withDefaults(s Source) rotatorKind
	// listWrites returns the keys that the rotator puts new values into.
	listWrites(s Source) []string
	// listConfig returns the keys that are no credential, as far as the kind knows.
	listConfig(s Source) []string
	// isScheduled reports whether Secrets Manager may rotate it with rotary's function: every may be set.
	isScheduled() bool
	// isTested reports whether the rotator asks the target whether it accepts a version.
	isTested() bool
	// lateWrite returns what becomes of a late request at the target.
	lateWrite() LateWrite
	// countDisplaced returns how many of so many other living credentials end when a new one is made.
	countDisplaced(others int) int
	// describeStandIn returns what a rehearsal stands in for, and what it leaves out.
	describeStandIn() string
}

// Rotators returns the names of all kinds of rotators.
func Rotators() []string { return kindNames[rotatorKind](Rotate{}) }

// Kind returns the name of the rotator, in the words of the manifest, or Manual.
func (r Rotate) Kind() string { return cmp.Or(chosenKindName[rotatorKind](r), Manual) }

// IsScheduled reports whether Secrets Manager may rotate the source with a function of rotary's.
func (r Rotate) IsScheduled() bool {
	kind := r.chosenKind()
	return kind != nil && kind.isScheduled()
}

// IsTested reports whether the rotator asks the source's target whether it accepts a version.
func (r Rotate) IsTested() bool {
	kind := r.chosenKind()
	return kind != nil && kind.isTested()
}

// CountDisplaced returns how many of so many other living credentials of the source end, at their target, when a new
// one is made: it takes their place.
func (r Rotate) CountDisplaced(others int) int {
	if kind := r.chosenKind(); kind != nil {
		return kind.countDisplaced(others)
	}
	return 0
}

// DescribeStandIn returns what a rehearsal of the source stands in for, and what it leaves out.
func (r Rotate) DescribeStandIn() string {
	if kind := r.chosenKind(); kind != nil {
		return kind.describeStandIn()
	}
	return "you put a value, and revoke the old one at its vendor when rotary says that it is safe; both work until then"
}

// Admin returns the source whose credential the rotator uses besides that of its own source, or "".
func (r Rotate) Admin() string {
	switch {
	case r.Postgres != nil:
		return r.Postgres.Admin
	case r.MySQL != nil:
		return r.MySQL.Admin
	case r.HTTP != nil:
		return r.HTTP.Admin
	}
	return ""
}

func (r Rotate) chosenKind() rotatorKind { return chooseKind[rotatorKind](r) }

func (r Rotate) withDefaults(s Source) Rotate {
	replaceKinds(&r, func(kind rotatorKind) rotatorKind { return kind.withDefaults(s) })
	return r
}

// decodeYAML reads a mapping, or the name of a kind alone.
func (r *Rotate) decodeYAML(report *report, node ast.Node, path string) {
	word, isText := readText(node)
	if !isText {
		report.decodeStruct(node, path, reflect.ValueOf(r).Elem())
		return
	}
	if *r = RotateWith(word); r.chosenKind() != nil {
		return
	}
	report.unread[path] = true
	report.addAt(report.findPosition(path), path, path+" is not the name of a rotator",
		"write one of "+strings.Join(Rotators(), ", ")+"; without rotate, a person replaces it")
}

// Secrets Manager rotates at most every four hours, in whole hours or days, and at least every 1,000 days
// (RotationRulesType).
const (
	shortestRotation = Duration(4 * time.Hour)
	longestRotation  = Duration(1000 * 24 * time.Hour)
)

func (c checker) checkRotate(path, name string, source Source) {
	names, kinds := listKinds[rotatorKind](source.Rotate)
	every := source.Rotate.Every
	switch {
	case len(names) == 0 && every != 0:
		c.add(path, path+" names no rotator",
			"write one of "+strings.Join(Rotators(), ", ")+"; where a person replaces it, write max_age at the source")
	case len(names) > 1:
		c.add(path+"."+names[1], path+" names both "+names[0]+" and "+names[1], "keep one of them")
	case len(names) == 1:
		kinds[0].checkRotator(c, path+"."+names[0], name, source)
		if every != 0 && !kinds[0].isScheduled() {
			c.add(path+".every", "rotary does not rotate what is "+names[0], "remove every; max_age reminds of its age")
		}
	}
	if every != 0 && (every < shortestRotation || every > longestRotation || every.Std()%time.Hour != 0) {
		c.add(path+".every", path+".every is not a schedule that Secrets Manager can keep",
			"write whole hours or days, from 4h to 1000d")
	}
}

// RotateWith returns the entry of a kind of which nothing is set; an empty one where there is no such kind.
func RotateWith(kind string) (r Rotate) {
	setKind[rotatorKind](&r, kind)
	return r
}
