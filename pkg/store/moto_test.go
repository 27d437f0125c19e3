package store_test

import (
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/rotary-secrets/rotary/internal/moto"
	"github.com/rotary-secrets/rotary/internal/storetest"
)

// elsewhere are the promises of a Store that moto cannot show, because it does not answer there as AWS documents.
var elsewhere = []string{
	"Look leaves out a version without a label",
	"Versions lists every version with its labels, oldest first",
	"LookAll knows the version without a value",
	"Current reads what is current, in as many calls as it takes, and leaves out what has no value",
	"Current reads what is current also after it was moved",
	"Put is repeatable, and moves no label again",
	"Put of another text under the same version fails, also while it is AWSPENDING",
	"Move of a label that is not where it was seen is ErrMoved, and changes nothing",
	"Move onto a version that does not exist is ErrMissing, and changes nothing",
	"a secret marked for deletion is an error to all of a Store",
}

// A Store keeps its promises on an emulator that is not ours.
func TestAStoreKeepsItsPromisesOnMoto(t *testing.T) {
	t.Parallel()
	cfg, installed := moto.Config(t, account, region)
	if !installed {
		return
	}
	client := secretsmanager.NewFromConfig(cfg)
	facts := slices.DeleteFunc(storetest.StoreFacts(), func(f storetest.Fact) bool { return slices.Contains(elsewhere, f.Name) })
	if want := len(storetest.StoreFacts()) - len(elsewhere); len(facts) != want {
		t.Errorf("%d facts are checked, not %d: one of those that are left out has another name", len(facts), want)
	}
	t.Log(storetest.Run(t, storetest.Target{Client: client, Keeper: client, Prefix: "fact-", Facts: facts}))
}

func mustSucceed(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
