package policy_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/rotary-secrets/rotary/infra/iam"
	"github.com/rotary-secrets/rotary/infra/policy"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

func TestEveryCaseIsDecidedAsItSays(t *testing.T) {
	w := newWorld(t, "testdata/rotary.yaml")
	cases := readCases(t, "testdata")
	w.decide(t, w.start(t), cases)
	if len(cases) < 150 {
		t.Errorf("%d cases are too few", len(cases))
	}
}

// brownfield is a manifest of secrets that were there before rotary.
const brownfield = "../../pkg/manifest/testdata/examples/brownfield.yaml"

// TestWhatWasThereBeforeIsReachedByItsName decides the cases of an environment that only names what exists.
func TestWhatWasThereBeforeIsReachedByItsName(t *testing.T) {
	w := newWorldAs(t, brownfield, region, strings.NewReplacer("333333333333", account, "region: eu-central-1", "region: "+region))
	cases := readCases(t, "testdata/brownfield")
	w.decide(t, w.start(t), cases)
	if len(cases) < 60 {
		t.Errorf("%d cases are too few", len(cases))
	}
}

// TestEveryCaseIsDecidedAlikeInOtherPartitions decides the cases in a region of each, and finds no ARN of another.
func TestEveryCaseIsDecidedAlikeInOtherPartitions(t *testing.T) {
	for _, region := range []string{"us-gov-west-1", "cn-north-1"} {
		t.Run(region, func(t *testing.T) {
			w := newWorldIn(t, "testdata/rotary.yaml", region)
			for _, name := range w.names() {
				for _, arn := range anyARN.FindAllString(encode(t, w.documents[name]), -1) {
					if want := "arn:" + manifest.PartitionOf(region) + ":"; arn != want {
						t.Errorf("%s has an ARN that begins with %s, not with %s", name, arn, want)
					}
				}
			}
			w.decide(t, w.start(t), readCases(t, "testdata"))
		})
	}
}

// TestEveryCaseIsDecidedAlikeWithHyphens decides the cases for environments of one account whose names share a word.
func TestEveryCaseIsDecidedAlikeWithHyphens(t *testing.T) {
	as := strings.NewReplacer("\n  dev:", "\n  eu-dev:", "\n  staging:", "\n  eu-staging:", "[dev, staging]", "[eu-dev, eu-staging]", "[staging]", "[eu-staging]")
	w := newWorldAs(t, "testdata/rotary.yaml", region, as)
	names := regexp.MustCompile(`\b(dev|staging)\b`)
	w.decide(t, w.start(t), readCasesAs(t, "testdata", func(text string) string { return names.ReplaceAllString(text, "eu-$1") }))
}

// TestAManifestIsRefusedWhosePoliciesWouldReachANeighbour: environments dev and dev-eu of one account. The policies of
// dev have patterns, which the roles of dev-eu match.
func TestAManifestIsRefusedWhosePoliciesWouldReachANeighbour(t *testing.T) {
	all, _, _ := environments(t, "testdata/rotary.yaml")
	dev, neighbour := all["dev"], *all["dev"]
	neighbour.Name = "dev-eu"
	w := world{region: region, documents: map[string]policy.Document{"propagate": policy.Propagate(dev, keyOf(dev), nil)}}
	decided := w.start(t).Decide(iam.Ask{
		Principal: session(account, dev.Named(manifest.PropagateRole)), Action: "iam:PassRole", Identity: []string{"propagate"},
		Resource: neighbour.IAMARN("role/" + neighbour.ExecutionRole("api")), Context: map[string]any{"iam:PassedToService": "ecs-tasks.amazonaws.com"},
	})
	if decided.Result != iam.Allowed {
		t.Fatalf("dev may not pass a role of dev-eu: %s: then Parse need not refuse the two in one account", decided.Result)
	}
	text := `
environments: {dev: {account: "111111111111", region: us-east-1}, dev-eu: {account: "ACCOUNT", region: eu-west-1}}
sources: {vendors: {keys: [A_KEY]}}
buckets: {app: {originals: true}}
`
	if _, err := manifest.Parse("x", []byte(strings.ReplaceAll(text, "ACCOUNT", account))); err == nil || !strings.Contains(err.Error(), `"dev" and "dev-eu" share an account`) {
		t.Errorf("in one account: %v", err)
	}
	if _, err := manifest.Parse("x", []byte(strings.ReplaceAll(text, "ACCOUNT", "222222222222"))); err != nil {
		t.Errorf("in two accounts: %v", err)
	}
}

// TestPeopleReadTheirOwnWhereAProtectedNameStandsInTheirs: production is protected in another account, and developers of
// pre-production are not refused what ends in its name.
func TestPeopleReadTheirOwnWhereAProtectedNameStandsInTheirs(t *testing.T) {
	all, _, _ := environments(t, "testdata/rotary.yaml")
	env := *all["dev"]
	env.Name = "pre-production"
	for i := range env.Buckets {
		env.Buckets[i].Secret = env.Buckets[i].Name + "-" + env.Name
	}
	w := world{region: region, documents: map[string]policy.Document{}}
	for closed, want := range map[string]string{"production": iam.Allowed, "e-production": iam.Allowed, "pre-production": iam.ExplicitlyDenied} {
		w.documents["developer"] = policy.Developer(&env, keyOf(&env), namedHere("pre-production"), namedHere(closed))
		if closed == env.Name { // as it would be if it were protected itself
			w.documents["developer"] = policy.Developer(&env, keyOf(&env), namedHere("dev"), namedHere(closed))
		}
		decided := w.start(t).Decide(iam.Ask{
			Principal: session(account, env.Named(manifest.DeveloperRole)), Action: "secretsmanager:GetSecretValue", Identity: []string{"developer"},
			Resource: env.ARN("secretsmanager", "secret:api-secrets-pre-production-AbCdEf"), Context: map[string]any{aliases["tag"]: env.Name},
		})
		if decided.Result != want {
			t.Errorf("with %s protected: %s by %v", closed, decided.Result, decided.By)
		}
	}
}

// TestWhoReadsWithoutARoleIsADeveloper: developers read a bucket of readers that name no role, or one of theirs, and no
// other.
func TestWhoReadsWithoutARoleIsADeveloper(t *testing.T) {
	all, _, _ := environments(t, "testdata/rotary.yaml")
	env := *all["dev"]
	developer := env.IAMARN("role/" + env.Named(manifest.DeveloperRole))
	for name, c := range map[string]struct {
		roles []string
		want  bool
	}{"no role": {nil, true}, "a developer's": {[]string{"job", "engineering"}, true}, "another": {[]string{"job"}, false}} {
		env.Consumers = []manifest.Consumer{{Name: "laptops", Bucket: "api-secrets", Reader: &manifest.Reader{Roles: c.roles}}}
		b, _ := env.Bucket("api-secrets")
		if got := strings.Contains(encode(t, policy.Bucket(&env, b)), developer); got != c.want {
			t.Errorf("%s: developers read it: %v", name, got)
		}
	}
}

// TestWhatShowsEverythingInTheAccountIsOpenWhereNothingProtectedIsThere: what no name and no tag narrows is denied for the
// sake of a protected environment of the same account; one of another account is none of its concern.
func TestWhatShowsEverythingInTheAccountIsOpenWhereNothingProtectedIsThere(t *testing.T) {
	w := newWorldAs(t, "testdata/rotary.yaml", region, strings.NewReplacer("production:\n    account: \""+account, "production:\n    account: \"222222222222"))
	cases, err := parseCases("alone", strings.NewReader(`
dev/developer,dev/github allow ecs:DescribeTaskDefinition *
bound/dev allow lambda:ListFunctions *
bound/dev allow batch:DescribeJobDefinitions *
bound/dev allow ecs:DescribeClusters ecs:cluster/customers
bound/dev allow ecs:ListServices * cluster=ecs:cluster/customers
dev/developer deny lambda:UpdateFunctionCode lambda:function:payments
dev/developer deny ecr:PutImage ecr:repository/api
dev/developer deny ecs:DescribeServices ecs:service/main-production/api-production
`))
	if err != nil {
		t.Fatal(err)
	}
	w.decide(t, w.start(t), cases)
}

// anyARN is how an ARN of any partition begins.
var anyARN = regexp.MustCompile(`arn:[^:"]*:`)

// decide holds what the judge says against what the cases say.
func (w world) decide(t *testing.T, judge *iam.Judge, cases []testCase) {
	t.Helper()
	checks := w.all(t, cases)
	for i, d := range decideAll(judge, checks) {
		c := checks[i]
		if !c.want(d.Result) {
			t.Errorf("%s: %s %s %s on %s %v, %s: %s by %v", c.where, c.who, c.verdict, c.action, c.resource, c.context, c.how, d.Result, d.By)
		}
		for _, key := range d.Ignored {
			if !strings.HasPrefix(key, "aws:") { // a tag that AWS does not have there is an attack of its own
				t.Errorf("%s: AWS has no %s for %s: the case does not say what it seems to", c.where, key, c.action)
			}
		}
	}
	t.Logf("%d cases, %d questions", len(cases), len(checks))
}

func (w world) all(t *testing.T, cases []testCase) []check {
	t.Helper()
	var all []check
	for _, c := range cases {
		checks, err := w.checks(c)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, checks...)
	}
	return all
}

func decideAll(judge *iam.Judge, checks []check) []iam.Decision {
	asks := make([]iam.Ask, len(checks))
	for i, c := range checks {
		asks[i] = c.ask
	}
	return judge.DecideAll(asks)
}
