package credential

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/rotary-secrets/rotary/pkg/dsn"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// CheckKind returns why a version never was a credential that the rotator of its source could set, test or retire: a
// placeholder such as CHANGE_ME. It is nil for a source that no rotator rotates, and for random values, which nobody but
// their readers has to accept. Whether a target accepts the credential is another question. The error names keys and no
// value.
//
//	source           a version is a credential of its kind where
//	---------------  ----------------------------------------------------------------------------------------
//	postgres, mysql  each key under url holds a connection string, and it or the keys beside it have a login
//	aws-access-key   there are an id as IAM makes them, and a secret that is no placeholder
//	http             there is a token, and no part of it is a placeholder
func CheckKind(source manifest.Source, values map[string]secret.Value) error {
	switch source.Rotate.Kind() {
	case manifest.Postgres, manifest.MySQL:
		return checkLoginKind(source.Database(), values)
	case manifest.AWSAccessKey:
		return checkAccessKeyKind(source, values)
	case manifest.HTTP:
		return checkTokenKind(source, values)
	}
	return nil
}

func checkLoginKind(at manifest.Database, values map[string]secret.Value) error {
	for _, key := range at.URL {
		s, err := dsn.ParseOpen(secret.Reveal(values[key]))
		switch {
		case isMissing(values[key]):
			return fmt.Errorf("%s is missing or empty", key)
		case err != nil:
			return fmt.Errorf("%s holds no connection string", key)
		case at.Fields == nil && s.CheckLogin() != nil:
			return fmt.Errorf("the connection string under %s has no user or no password", key)
		}
	}
	if at.Fields == nil {
		return nil
	}
	for _, key := range []string{at.Fields.Username, at.Fields.Password} {
		if isMissing(values[key]) {
			return fmt.Errorf("%s is missing or empty", key)
		}
	}
	return nil
}

// keyID matches the ids of access keys
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids).
var keyID = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^A[KS]IA[A-Z0-9]{12,124}$`)
})

func checkAccessKeyKind(source manifest.Source, values map[string]secret.Value) error {
	id, key := source.AccessKey()
	switch {
	case !keyID().MatchString(secret.Reveal(values[id])):
		return fmt.Errorf("%s holds no id of an access key", id)
	case isMissing(values[key]) || isCommon(values[key]):
		return fmt.Errorf("%s holds no secret access key", key)
	}
	return nil
}

func checkTokenKind(source manifest.Source, values map[string]secret.Value) error {
	all := Of(source, values)
	if len(all) == 0 {
		return errors.New("it holds no token")
	}
	if slices.ContainsFunc(all[0].Material, isCommon) {
		return fmt.Errorf("what stands under %s is a placeholder", strings.Join(all[0].Keys, ", "))
	}
	return nil
}

func isMissing(value secret.Value) bool { return value.Equal(secret.Value{}) }
