package arch

import (
	"bytes"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"testing"
)

// pure are the packages that decide: functions of values, each importing only those before it.
var pure = []string{"pkg/secret", "pkg/duration", "pkg/rotate/httpapi/vendorapi", "pkg/manifest", "pkg/bucket", "pkg/history",
	"pkg/plan", "pkg/dsn", "pkg/decode", "pkg/credential", "pkg/screen", "pkg/envfile", "pkg/trail"}

// offline are the packages that read and write nothing: the pure ones, what generates code for other programs, what reads
// Terraform's texts, and what counts dollars.
var offline = with(pure, "pkg/settingsgen", "pkg/terraform", "pkg/cost")

// callers are the packages with which drivers call other APIs. They depend on no other package of ours.
var callers = []string{"pkg/httpcall", "pkg/retry", "pkg/awserr"}

// directions lists for every package which other packages of ours it may import. The first rule that matches a package
// counts.
//
//	secret, duration ← vendorapi ← manifest ← bucket, history ← plan ← reconcile ← {lambdas, cmd}
//
// Drivers import only the pure packages and do not know each other; a main composes them. Tests may import more.
var directions = []struct {
	what string
	may  []string
}{
	{"pkg/secret", nil},
	{"pkg/duration", nil},
	{"pkg/rotate/httpapi/vendorapi", []string{"pkg/duration", "pkg/secret"}},
	{"pkg/manifest", with(pure[:3], "pkg/history")},
	{"pkg/bucket", pure[:4]},
	{"pkg/history", nil},
	{"pkg/plan", with(pure[:6], "pkg/credential", "pkg/trail")},
	{"pkg/trail", []string{"pkg/manifest", "pkg/history"}},
	{"pkg/trail/lookup", []string{"pkg/trail", "pkg/awserr"}},
	{"pkg/dsn", pure[:1]},
	{"pkg/decode", nil},
	{"pkg/credential", with(pure[:4], "pkg/dsn", "pkg/decode")},
	{"pkg/envfile", pure[:1]},
	{"pkg/event", []string{"pkg/manifest"}},
	{"pkg/settingsgen", []string{"pkg/manifest"}},
	{"pkg/terraform", []string{"pkg/secret", "pkg/manifest"}},
	{"pkg/reconcile", with(pure, "pkg/parallel")},
	{"pkg/screen", nil},
	{"pkg/retry", nil},
	{"pkg/parallel", nil},
	{"pkg/pace", []string{"pkg/retry"}},
	{"pkg/awserr", nil},
	{"pkg/httpcall", []string{"pkg/retry"}},
	{"pkg/store", with(pure, "pkg/awserr", "pkg/parallel")},
	{"pkg/metric", pure},
	{"pkg/cost", with(pure, "pkg/metric")},
	{"pkg/account", []string{"pkg/account/proof", "pkg/manifest"}},
	{"pkg/account/proof", []string{"pkg/manifest"}},
	{"pkg/pipeline", with(pure, "pkg/awserr", "pkg/event", "pkg/rotate")},
	{"pkg/pipeline/queue", with(pure, "pkg/event", "pkg/pipeline")},
	{"pkg/pipeline/logs", with(pure, "pkg/awserr", "pkg/metric")},
	{"pkg/consume", with(pure, "pkg/consume/...", "pkg/reconcile", "pkg/retry", "pkg/httpcall", "pkg/pace")},
	{"pkg/consume/...", append(with(pure, callers...), "pkg/parallel", "pkg/pace")},
	{"pkg/rotate", pure},
	{"pkg/operate", with(pure, "pkg/rotate", "pkg/rotate/random")},
	{"pkg/rotate/rotators", with(pure, "pkg/rotate", "pkg/rotate/...")},
	{"pkg/rotate/postgres", with(pure, "pkg/rotate", "pkg/rotate/sqluser")},
	{"pkg/rotate/mysql", with(pure, "pkg/rotate", "pkg/rotate/sqluser")},
	{"pkg/rotate/...", append(with(pure, callers...), "pkg/rotate")},
	{"lambdas/internal/boot", []string{"pkg/account/proof", "pkg/manifest"}},
	{"lambdas/...", []string{"lambdas/internal/...", "pkg/..."}},
	{"cmd/...", []string{".", "events", "pkg/...", "internal/leak", "internal/standin/...", "internal/stage/...", "internal/rehearsal"}}, // demo, standin and rehearse embed the stand-in
	{".", nil},
	{"events", nil},
	{"internal/storetest", []string{"pkg/store", "pkg/history", "pkg/secret"}},
	{"internal/schema", []string{"pkg/manifest", "pkg/rotate/httpapi/vendorapi"}},
	{"internal/leak", []string{"pkg/decode"}},
	{"internal/standin/...", with(pure, "internal/standin/...")},
	{"internal/mutants", nil}, // it reads the code as text
	{"internal/...", []string{".", "events", "pkg/...", "internal/..."}},
}

// suites are tests in packages of their own, for others' tests to run.
var suites = []string{"internal/consumetest", "internal/rotatetest", "internal/storetest"}

func with(these []string, more ...string) []string {
	return append(append([]string(nil), these...), more...)
}

func TestPackagesImportInOneDirection(t *testing.T) {
	for _, p := range golist(t, nil, "./...") {
		name, _ := ours(p.ImportPath)
		may, ruled := direction(name)
		if !ruled {
			t.Errorf("%s has no rule: add one to directions", name)
		}
		for _, i := range p.Imports {
			if imported, is := ours(i); is && !matches(imported, may...) {
				t.Errorf("%s imports %s; it may import only %v", name, imported, may)
			} else if is && matches(imported, suites...) {
				t.Errorf("%s imports %s outside its tests", name, imported)
			}
		}
	}
}

// TestWhatIsShippedKnowsNothingOfTheTests checks that neither pkg nor a Lambda imports internal, where tests, stand-ins
// and conformance suites are. The command line embeds the stand-in; directions lists which parts.
func TestWhatIsShippedKnowsNothingOfTheTests(t *testing.T) {
	for _, p := range golist(t, nil, "./pkg/...", "./lambdas/...") {
		for _, i := range p.Imports {
			if imported, is := ours(i); is && matches(imported, "internal/...") {
				t.Errorf("%s imports %s", p.ImportPath, imported)
			}
		}
	}
}

func direction(name string) (may []string, ruled bool) {
	for _, rule := range directions {
		if matches(name, rule.what) {
			return rule.may, true
		}
	}
	return nil, false
}

// reaching are the packages through which a decision could depend on, or touch, something that is not among its
// arguments.
var reaching = []string{"os/...", "io/fs", "io/ioutil", "net/...", "context", "log/...", "testing/...", "math/rand/...", "crypto/rand", "syscall", "unsafe"}

// harmless are the exceptions to reaching, with the reason.
var harmless = map[[2]string]string{
	{"pkg/dsn", "net/netip"}:   "parses addresses, and asks nobody",
	{"pkg/secret", "log/slog"}: "only the type slog.Value, which LogValue returns as a mask",
}

func TestPurePackagesReachNothingOutside(t *testing.T) {
	used := map[[2]string]bool{}
	for _, f := range read(t).all {
		if f.test || !matches(f.folder, offline...) {
			continue
		}
		for _, spec := range f.Imports {
			imported, _ := strconv.Unquote(spec.Path.Value)
			exception := [2]string{f.folder, imported}
			used[exception] = true
			if matches(imported, reaching...) && harmless[exception] == "" {
				t.Errorf("%s imports %s: a pure package decides from its arguments alone", f.name, imported)
			}
		}
	}
	for exception := range harmless {
		if !used[exception] {
			t.Errorf("%v is no longer needed: take it from harmless", exception)
		}
	}
}

// unlinked lists the packages that a Lambda must not contain. Less code is a faster start, a smaller zip, and nothing
// to attack: the Lambda that can log in to databases has no code that calls GitHub, and the other way round.
var unlinked = map[string][]string{
	"propagate": {
		"database/sql", "github.com/jackc/...", "github.com/go-sql-driver/...", "github.com/aws/aws-sdk-go-v2/service/iam", // databases and keys
		module + "/pkg/rotate/rotators", module + "/pkg/rotate/accesskey", module + "/pkg/rotate/httpapi", module + "/pkg/rotate/mysql",
		module + "/pkg/rotate/postgres", module + "/pkg/rotate/random",
		"github.com/aws/aws-sdk-go-v2/service/sqs/...", "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/...", // people send and read
		module + "/pkg/pipeline/queue", module + "/pkg/pipeline/logs",
	},
	"rotate": {
		"github.com/google/go-github/...", "golang.org/x/crypto/nacl/...", // GitHub
		"github.com/aws/aws-sdk-go-v2/service/ecs", "github.com/aws/aws-sdk-go-v2/service/sqs", "github.com/aws/aws-sdk-go-v2/service/scheduler",
		module + "/pkg/consume/...", module + "/pkg/reconcile", module + "/pkg/pipeline/...", // Vercel's client among them
	},
}

// nowhere lists the packages that no Lambda may contain.
var nowhere = []string{
	"net/rpc/...",                                                                                                                     // the lambda.norpc tag leaves it out
	"github.com/aws/aws-sdk-go-v2/config", "github.com/aws/aws-sdk-go-v2/service/sso/...", "github.com/aws/aws-sdk-go-v2/feature/...", // profiles, sign-on
	"testing/...", "flag", "html/template", "text/template",
	"github.com/hashicorp/hcl/...", "github.com/zclconf/...", module + "/pkg/terraform", // rotary import
	"github.com/alecthomas/kong/...", "github.com/jedib0t/...", "github.com/invopop/jsonschema", "github.com/google/go-cmp/...",
	module, module + "/internal/...", module + "/cmd/...", module + "/events",
}

func TestALambdaLinksOnlyWhatItUses(t *testing.T) {
	deployed := []string{"GOOS=linux", "GOARCH=arm64", "CGO_ENABLED=0"}
	for _, p := range golist(t, nil, "./lambdas/...") {
		if name, _ := ours(p.ImportPath); !matches(name, "lambdas/internal/...") && unlinked[path.Base(name)] == nil {
			t.Errorf("%s has no rule: add one to unlinked", name)
		}
	}
	for lambda, banned := range unlinked {
		t.Run(lambda, func(t *testing.T) {
			t.Parallel()
			for _, p := range golist(t, deployed, "-deps", "./lambdas/"+lambda) {
				if matches(p.ImportPath, with(nowhere, banned...)...) {
					t.Errorf("lambdas/%s links %s; go mod why or go list -deps says through what", lambda, p.ImportPath)
				}
			}
		})
	}
}

// TestTheModuleForOtherProgramsNeedsNothing: pkg/settings is linked into programs that have nothing to do with AWS.
func TestTheModuleForOtherProgramsNeedsNothing(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "pkg", "settings", "go.mod"))
	if err != nil || bytes.Contains(text, []byte("require")) || !bytes.HasPrefix(text, []byte("module "+module+"/pkg/settings\n")) {
		t.Errorf("pkg/settings is no module, or needs another one: %v %s", err, text)
	}
}
