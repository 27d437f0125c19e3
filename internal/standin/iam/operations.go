package iam

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/internal/standin/wire"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// operation answers one operation of IAM for the account of a call. It runs with the lock held.
type operation struct {
	takes []string // its parameters; any other is refused
	do    func(s *Service, call sim.Call, in url.Values) (result any, err error)
}

// operationTable returns the operations that rotary, its tests and its stage need of IAM
// (https://docs.aws.amazon.com/IAM/latest/APIReference/API_Operations.html).
func operationTable() map[string]operation {
	return map[string]operation{
		"CreateUser":           {[]string{"UserName", "Path"}, (*Service).createUser},
		"GetUser":              {[]string{"UserName"}, (*Service).getUser},
		"CreateAccessKey":      {[]string{"UserName"}, (*Service).createAccessKey},
		"ListAccessKeys":       {[]string{"UserName", "Marker", "MaxItems"}, (*Service).listAccessKeys},
		"UpdateAccessKey":      {[]string{"UserName", "AccessKeyId", "Status"}, (*Service).updateAccessKey},
		"DeleteAccessKey":      {[]string{"UserName", "AccessKeyId"}, (*Service).deleteAccessKey},
		"GetAccessKeyLastUsed": {[]string{"AccessKeyId"}, (*Service).getAccessKeyLastUsed},
	}
}

func isRead(operation string) bool {
	return strings.HasPrefix(operation, "Get") || strings.HasPrefix(operation, "List")
}

type userResult struct {
	Path       string `xml:"User>Path"`
	UserName   string `xml:"User>UserName"`
	UserID     string `xml:"User>UserId"`
	Arn        string `xml:"User>Arn"`
	CreateDate string `xml:"User>CreateDate"`
}

func (u *user) describeUser() userResult {
	return userResult{u.path, u.Name, u.id, u.userARN(), formatDate(u.created)}
}

func (u *user) userARN() string {
	return "arn:" + u.partition + ":iam::" + u.Account + ":user" + u.path + u.Name
}

func (s *Service) createUser(call sim.Call, in url.Values) (any, error) {
	name, err := userName(in)
	if err != nil {
		return nil, err
	}
	if s.users[User{call.Account, name}] != nil {
		return nil, &wire.Error{Code: "EntityAlreadyExists", Message: "User with name " + name + " already exists.", Status: http.StatusConflict}
	}
	path := cmp.Or(in.Get("Path"), "/")
	if !pathShape.MatchString(path) {
		return nil, validationError("path")
	}
	u := &user{User: User{call.Account, name}, id: s.newID("AIDA", call.Account+name), path: path, partition: manifest.PartitionOf(call.Region), created: s.now()}
	s.users[u.User] = u
	return u.describeUser(), nil
}

func (s *Service) getUser(call sim.Call, in url.Values) (any, error) {
	u, err := s.findNamedUser(call.Account, in)
	if err != nil {
		return nil, err
	}
	return u.describeUser(), nil
}

type accessKeyResult struct {
	UserName        string `xml:"AccessKey>UserName"`
	AccessKeyID     string `xml:"AccessKey>AccessKeyId"`
	Status          string `xml:"AccessKey>Status"`
	SecretAccessKey string `xml:"AccessKey>SecretAccessKey"`
	CreateDate      string `xml:"AccessKey>CreateDate"`
}

func (s *Service) createAccessKey(call sim.Call, in url.Values) (any, error) {
	u, err := s.findNamedUser(call.Account, in)
	if err != nil {
		return nil, err
	}
	there := slices.DeleteFunc(slices.Clone(u.keys), func(k *key) bool { return k.currentStatus() == "" })
	if len(there) >= perUser {
		return nil, &wire.Error{Code: "LimitExceeded", Message: fmt.Sprintf("Cannot exceed quota for AccessKeysPerUser: %d", perUser), Status: http.StatusConflict}
	}
	k := &key{id: s.newID("AKIA", call.Account+u.Name), secret: s.cfg.Secret(), owner: u, states: []keyState{{s.now(), Active}}}
	u.keys = append(u.keys, k)
	s.keys[k.id] = k
	return accessKeyResult{u.Name, k.id, Active, k.secret, formatDate(s.now())}, nil
}

type accessKeyList struct {
	Keys        []metadata `xml:"AccessKeyMetadata>member"`
	IsTruncated bool
	Marker      string `xml:",omitempty"`
}

type metadata struct {
	UserName    string
	AccessKeyID string `xml:"AccessKeyId"`
	Status      string
	CreateDate  string
}

func (s *Service) listAccessKeys(call sim.Call, in url.Values) (any, error) {
	u, err := s.findNamedUser(call.Account, in)
	if err != nil {
		return nil, err
	}
	var all []metadata
	for _, k := range u.keys {
		if status := k.statusAt(s.now().Add(-s.lag.Lists)); status != "" {
			all = append(all, metadata{u.Name, k.id, status, formatDate(k.states[0].since)})
		}
	}
	return s.answerPage(all, in)
}

// answerPage answers with one page of keys, in no order. IAM documents that a page may have fewer than were asked for.
func (s *Service) answerPage(all []metadata, in url.Values) (any, error) {
	size, err := strconv.Atoi(cmp.Or(in.Get("MaxItems"), "100"))
	if err != nil || size < 1 || size > 1000 {
		return nil, validationError("maxItems")
	}
	list := sim.List[metadata]{Lists: s.cfg.Lists, Now: s.now(), Items: all, Key: func(m metadata) string { return m.AccessKeyID }, Most: size}
	keys, next, err := list.Page(in.Get("Marker"))
	if err != nil || in.Has("Marker") && in.Get("Marker") == "" {
		return nil, validationError("marker")
	}
	return accessKeyList{keys, next != "", next}, nil
}

func (s *Service) updateAccessKey(call sim.Call, in url.Values) (any, error) {
	k, err := s.findRequestedKey(call.Account, in)
	if err != nil {
		return nil, err
	}
	status := in.Get("Status")
	if status != Active && status != Inactive {
		return nil, validationError("status")
	}
	s.setKeyStatus(k, status)
	return nil, nil
}

func (s *Service) deleteAccessKey(call sim.Call, in url.Values) (any, error) {
	k, err := s.findRequestedKey(call.Account, in)
	if err != nil {
		return nil, err
	}
	s.setKeyStatus(k, "")
	return nil, nil
}

type lastUsedResult struct {
	UserName    string
	Date        string `xml:"AccessKeyLastUsed>LastUsedDate,omitempty"`
	ServiceName string `xml:"AccessKeyLastUsed>ServiceName"`
	Region      string `xml:"AccessKeyLastUsed>Region"`
}

// getAccessKeyLastUsed answers "N/A" and no date for a key of which no use is known. Of a key that does not exist it
// must not say so, because it takes ids of any account: what AWS answers there is not documented.
func (s *Service) getAccessKeyLastUsed(call sim.Call, in url.Values) (any, error) {
	k := s.keys[in.Get("AccessKeyId")]
	if k == nil || k.currentStatus() == "" || k.owner.Account != call.Account {
		return nil, &wire.Error{Code: "AccessDenied", Message: "not authorized to perform: iam:GetAccessKeyLastUsed", Status: http.StatusForbidden}
	}
	last := lastUsedResult{UserName: k.owner.Name, ServiceName: "N/A", Region: "N/A"}
	for _, u := range k.uses {
		if !u.at.After(s.now().Add(-s.lag.Uses)) {
			last = lastUsedResult{k.owner.Name, formatDate(u.at), u.service, u.region}
		}
	}
	return last, nil
}

// findNamedUser returns the user that a request names. IAM takes the caller where it names none; the stand-in does not.
func (s *Service) findNamedUser(account string, in url.Values) (*user, error) {
	name, err := userName(in)
	if err != nil {
		return nil, err
	}
	return s.findUser(account, name)
}

func (s *Service) findRequestedKey(account string, in url.Values) (*key, error) {
	u, err := s.findNamedUser(account, in)
	if err != nil {
		return nil, err
	}
	id := in.Get("AccessKeyId")
	if !idShape.MatchString(id) {
		return nil, validationError("accessKeyId")
	}
	return u.findKey(id)
}

// The shapes that the API documents.
var (
	nameShape = regexp.MustCompile(`^[\w+=,.@-]{1,64}$`)
	idShape   = regexp.MustCompile(`^\w{16,128}$`)
	pathShape = regexp.MustCompile(`^/([[:graph:]]+/)?$`)
)

func userName(in url.Values) (string, error) {
	name := in.Get("UserName")
	switch {
	case name == "":
		return "", wire.NotImplemented("iam without a UserName")
	case !nameShape.MatchString(name):
		return "", validationError("userName")
	}
	return name, nil
}

func validationError(parameter string) error {
	return wire.Errorf("ValidationError", "1 validation error detected: Value at '%s' failed to satisfy constraint", parameter)
}

func formatDate(t time.Time) string { return t.UTC().Format(time.RFC3339) }
