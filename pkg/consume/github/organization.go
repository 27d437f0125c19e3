package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"sync"
	"time"

	gh "github.com/google/go-github/v92/github"

	"github.com/rotary-secrets/rotary/pkg/httpcall"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// organization is what a scope has that is an organization's.
type organization struct {
	name   string
	path   string
	access manifest.RepositoryAccess // of secrets that are made

	chosen  []int64  // the ids of access.List
	readers []string // the repositories that can read what this Roll has put, as owner/name, or anyRepository
}

// anyRepository stands for the readers of a secret that are not a list of at most mostReaders repositories.
const anyRepository = "*"

// mostReaders bounds how many repositories are asked for their runs: each costs seven calls. Where more can read a
// version, it is in play until the drain is over, whether runs are left or not.
const mostReaders = 20

// mostOrganizationSecrets is GitHub's limit for an organization, and mostSeenSecrets is how many of them a workflow gets,
// the first ones by name. Source: https://docs.github.com/en/actions/reference/secrets-reference
const (
	mostOrganizationSecrets = 1000
	mostSeenSecrets         = 100
)

var organizationShape = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^[A-Za-z0-9-]+$`)
})

// placeInOrganization sets where the secrets of an organization are.
func (s *Scope) placeInOrganization(g *manifest.GitHub) error {
	if !organizationShape().MatchString(g.Organization) {
		return errors.New("the manifest names no organization")
	}
	path := "orgs/" + g.Organization
	s.owner = &organization{name: g.Organization, path: path, access: g.Repositories}
	s.path, s.where = path+"/actions", "organization "+g.Organization
	s.dependabot = &vault{name: dependabotPrefix, path: path + "/dependabot"}
	return nil
}

// mostSecrets returns how many secrets a vault of the scope may hold.
func (s *Scope) mostSecrets() int {
	if s.owner != nil {
		return mostOrganizationSecrets
	}
	return secretLimits().Count
}

// describeOverflow says where an organization has more secrets than a workflow gets.
func (s *Scope) describeOverflow(l scopeState) string {
	if s.owner == nil || len(l.secrets) <= mostSeenSecrets {
		return ""
	}
	return fmt.Sprintf("; a workflow gets the first %d of the organization's secrets by name", mostSeenSecrets)
}

// newReceiptRequest returns the body that creates the receipt. No repository needs to see that of an organization.
func (s *Scope) newReceiptRequest(text string) any {
	if s.owner == nil {
		return gh.ActionsCreateVariableRequest{Name: receiptName, Value: text}
	}
	return organizationVariable{receiptName, text, manifest.VisibleToSelected, []int64{}}
}

type organizationVariable struct {
	Name       string  `json:"name"`
	Value      string  `json:"value"`
	Visibility string  `json:"visibility"`
	Selected   []int64 `json:"selected_repository_ids"`
}

// organizationSecret is the body that writes a secret. GitHub takes its visibility from each such call: without the list
// of selected repositories, they lose the secret.
type organizationSecret struct {
	EncryptedValue string   `json:"encrypted_value"`
	KeyID          string   `json:"key_id"`
	Visibility     string   `json:"visibility"`
	Selected       *[]int64 `json:"selected_repository_ids,omitempty"`
}

// newSecretRequest returns the body that writes a secret. Who sees an organization's secret is read right before, and
// stays the same; a new one is seen by whom the manifest says.
//
//	the secret is there, and visible to | sent
//	------------------------------------|------------------------------------
//	all, private                        | the same
//	selected repositories               | the same, with the list as it is now
//	(it is not there)                   | what the manifest says
func (s *Scope) newSecretRequest(ctx context.Context, name, key, sealed string) (any, error) {
	if s.owner == nil {
		return gh.SecretRequest{KeyID: key, EncryptedValue: sealed}, nil
	}
	v, own := s.vaultOf(name)
	body := organizationSecret{EncryptedValue: sealed, KeyID: key, Visibility: v.visibility[name]}
	switch body.Visibility {
	case manifest.VisibleToAll, manifest.VisibleToPrivate:
		s.owner.addReaders(anyRepository)
	case manifest.VisibleToSelected:
		ids, names, err := s.listSelected(ctx, v, own)
		if err != nil {
			return nil, err
		}
		body.Selected = &ids
		s.owner.addReaders(names...)
	case "":
		if _, there := v.visibility[name]; there {
			return nil, fmt.Errorf("put secret %s: GitHub does not say who sees it", name)
		}
		body.Visibility, body.Selected = s.owner.newAccess()
	default:
		return nil, fmt.Errorf("put secret %s: it has a visibility that rotary does not know", name)
	}
	return body, nil
}

// newAccess returns who sees a secret that is made.
func (o *organization) newAccess() (visibility string, selected *[]int64) {
	if o.access.Visibility != "" {
		o.addReaders(anyRepository)
		return o.access.Visibility, nil
	}
	for _, name := range o.access.List {
		o.addReaders(o.name + "/" + name)
	}
	return manifest.VisibleToSelected, &o.chosen
}

func (o *organization) addReaders(names ...string) {
	o.readers = joinReaders(o.readers, names)
}

// joinReaders returns the readers of two lists, sorted; anyRepository alone where there are too many.
func joinReaders(some, more []string) []string {
	all := slices.Concat(some, more)
	slices.Sort(all)
	all = slices.Compact(all)
	if slices.Contains(all, anyRepository) || len(all) > mostReaders {
		return []string{anyRepository}
	}
	return all
}

// findNewReaders finds the ids of the repositories that will see what is made, before anything is written.
func (s *Scope) findNewReaders(ctx context.Context, push []string) error {
	if s.owner == nil || s.owner.access.Visibility != "" || s.owner.chosen != nil {
		return nil
	}
	isNew := func(name string) bool { v, _ := s.vaultOf(name); _, there := v.visibility[name]; return !there }
	if !slices.ContainsFunc(push, isNew) {
		return nil
	}
	if len(s.owner.access.List) == 0 {
		return errors.New("the manifest does not say which repositories see a new secret: write repositories")
	}
	ids := []int64{}
	for _, name := range s.owner.access.List {
		var out gh.Repository
		if _, err := s.client.callAPI(ctx, request{
			doing: "find repository " + name, method: http.MethodGet, path: "repos/" + s.owner.name + "/" + name, out: &out,
		}); err != nil {
			return err
		}
		if out.GetID() == 0 {
			return fmt.Errorf("find repository %s: GitHub's answer has no id", name)
		}
		ids = append(ids, out.GetID())
	}
	s.owner.chosen = ids
	return nil
}

// selectedPage is a page of the repositories that see a secret.
type selectedPage struct {
	TotalCount   *int `json:"total_count"`
	Repositories []struct {
		ID       int64  `json:"id"`
		FullName string `json:"full_name"`
	} `json:"repositories"`
}

// mostSelectedPages bounds the list of the repositories that see a secret.
const mostSelectedPages = 100

// listSelected returns the ids and the full names of all repositories that see a secret which is visible to selected ones.
// A list that is not whole is an error: written back, it would take the secret from somebody.
func (s *Scope) listSelected(ctx context.Context, v *vault, own string) (ids []int64, names []string, err error) {
	doing := "list the repositories of secret " + v.name + own
	ids = []int64{}
	for page := 1; page <= mostSelectedPages; page++ {
		var out selectedPage
		resp, err := s.client.callAPI(ctx, request{
			doing: doing, method: http.MethodGet, out: &out,
			path: fmt.Sprintf("%s/secrets/%s/repositories?per_page=100&page=%d", v.path, url.PathEscape(own), page),
		})
		if err != nil {
			return nil, nil, err
		}
		for _, r := range out.Repositories {
			if r.ID == 0 || !repositoryShape().MatchString(r.FullName) {
				return nil, nil, errors.New(doing + ": GitHub's answer has a repository without id or name")
			}
			ids, names = append(ids, r.ID), append(names, r.FullName)
		}
		switch {
		case httpcall.HasNextPage(resp.Header):
			continue
		case out.TotalCount == nil || *out.TotalCount != len(ids):
			return nil, nil, fmt.Errorf("%s: GitHub lists %d, and not all", doing, len(ids))
		}
		return ids, names, nil
	}
	return nil, nil, fmt.Errorf("%s: the list does not end within %d pages", doing, mostSelectedPages)
}

// noteReaders writes into the proof of w who could read its version, and drops the versions that nobody holds any more.
// What was not put again was put with a version before, and has its readers too.
func (s *Scope) noteReaders(w *work) {
	if s.owner == nil {
		return
	}
	r := &w.receipt
	before, all := r.Readers, s.owner.readers
	r.Readers = map[string][]string{}
	for version, readers := range before {
		if len(w.push) < len(r.Names) {
			all = joinReaders(all, readers)
		}
		if _, held := r.Previous[version]; held {
			r.Readers[version] = readers
		}
	}
	r.Readers[r.Version] = all
}

// findOldestReader returns when the oldest unfinished run began that may have read one of the versions, among those
// created up to end. For an organization, that is a run of any repository that could read the version when it was
// written, or can read one of the secrets now.
func (s *Scope) findOldestReader(
	ctx context.Context, l scopeState, versions []string, end time.Time,
) (oldest time.Time, found bool, err error) {
	repositories, whole, err := s.listReaders(ctx, l, versions)
	if err != nil || !whole {
		return time.Time{}, err == nil, err
	}
	for _, repository := range repositories {
		began, some, err := s.findOldestRun(ctx, repository, end)
		if s.owner != nil && hasStatus(err, http.StatusNotFound) {
			return time.Time{}, true, nil // the token does not see it: until the drain is over, it may have some
		}
		if err != nil {
			return time.Time{}, false, err
		}
		if some && (!found || began.Before(oldest)) {
			oldest, found = began, true
		}
	}
	return oldest, found, nil
}

// listReaders returns the paths of the repositories whose runs may hold one of the versions; whole is false where there
// are more than are asked, or nobody knows them all.
func (s *Scope) listReaders(ctx context.Context, l scopeState, versions []string) (paths []string, whole bool, err error) {
	if s.owner == nil {
		return []string{s.repository}, true, nil
	}
	names, err := s.listReaderNames(ctx, l, versions)
	whole = err == nil
	if err == nil && slices.Contains(names, anyRepository) {
		names, whole, err = s.listOwned(ctx)
	}
	for _, name := range names {
		paths = append(paths, "repos/"+name)
	}
	return paths, whole, err
}

// listReaderNames returns the repositories that could read one of the versions when it was written, or can read one of
// the secrets now; anyRepository where these are not selected ones.
func (s *Scope) listReaderNames(ctx context.Context, l scopeState, versions []string) (names []string, err error) {
	for _, version := range versions {
		readers, known := l.receipt.Readers[version]
		if !known {
			readers = []string{anyRepository}
		}
		names = joinReaders(names, readers)
	}
	for _, name := range l.receipt.ownedNames() {
		v, own := s.vaultOf(name)
		visibility, there := v.visibility[name]
		switch {
		case slices.Contains(names, anyRepository):
			return names, nil
		case !there: // somebody deleted it: those that read it before are in the receipt
		case visibility != manifest.VisibleToSelected:
			names = []string{anyRepository}
		default:
			_, now, err := s.listSelected(ctx, v, own)
			if err != nil {
				return nil, err
			}
			names = joinReaders(names, now)
		}
	}
	return names, nil
}

// listOwned returns the repositories of the organization; whole is false where they are more than mostReaders, or the
// token does not see all that GitHub counts.
func (s *Scope) listOwned(ctx context.Context) (names []string, whole bool, err error) {
	var counts struct {
		Public  *int `json:"public_repos"`
		Private *int `json:"total_private_repos"` // missing where the token may not know
	}
	if _, err := s.client.callAPI(ctx, request{
		doing: "read the organization", method: http.MethodGet, path: s.owner.path, out: &counts,
	}); err != nil {
		return nil, false, err
	}
	if counts.Public == nil || counts.Private == nil || *counts.Public+*counts.Private > mostReaders {
		return nil, false, nil
	}
	var out []struct {
		FullName string `json:"full_name"`
	}
	if _, err := s.client.callAPI(ctx, request{
		doing: "list the organization's repositories", method: http.MethodGet, out: &out,
		path: s.owner.path + "/repos?type=all&per_page=100",
	}); err != nil {
		return nil, false, err
	}
	for _, r := range out {
		if !repositoryShape().MatchString(r.FullName) {
			return nil, false, errors.New("list the organization's repositories: GitHub's answer has one without a name")
		}
		names = append(names, r.FullName)
	}
	return names, len(names) == *counts.Public+*counts.Private, nil
}
