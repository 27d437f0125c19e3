package arch

import (
	"go/ast"
	"maps"
	"slices"
	"strconv"
	"testing"
)

// revealers are the functions that may look at the text of a secret, with the reason. Adding a line here is the
// moment to ask where the text goes next: into a request to Secrets Manager, a sink or a target, or into a comparison,
// and nowhere else.
var revealers = map[string]string{
	// Between Secrets Manager and our types.
	"pkg/bucket revealTexts":      "writes the JSON of a bucket or source, which is a Value again",
	"pkg/bucket ReadSource":       "parses a source",
	"pkg/bucket ReadEverything":   "parses a source, with what it does not declare",
	"pkg/bucket WriteSource":      "edits the text of a source, which is a Value again",
	"pkg/store Store.Put":         "PutSecretValue, with its rotation token",
	"pkg/bucket ReadBucket":       "parses a version of a bucket",
	"pkg/rotate/random decodePEM": "parses the halves of a key pair",

	// Refusing what would fail later, by size or shape and never by text.
	"pkg/bucket checkSource":                 "refuses a zero byte",
	"pkg/bucket findFailedCheck":             "matches the check of the manifest",
	"pkg/bucket checkLimits":                 "counts bytes",
	"pkg/consume/github findProblems":        "counts bytes",
	"pkg/consume/vercel Project.checkLimits": "counts bytes, refuses what is not text",
	"pkg/credential CheckShapes":             "parses what no target of its kind could accept",
	"pkg/operate Change.mergeSymmetric":      "refuses an empty value",
	"cmd/rotary readObject":                  "refuses an empty value",
	"cmd/rotary app.promptValues":            "asks again for an empty value",
	"cmd/rotary app.promptAll":               "keeps what is there for an empty value",
	"cmd/rotary describeShape":               "counts characters, and names the kind",

	"cmd/rotary importing.assignValues":          "refuses an empty value, and what is no text",
	"cmd/rotary importValuesCmd.takeEnvironment": "compares the environment's name",
	"cmd/rotary importing.countIn":               "compares with files that still hold it",

	// Into the request to a sink.
	"pkg/consume/github Scope.putSealed":           "seals it with the scope's public key",
	"pkg/consume/vercel targetWrite.revealRecords": "the upsert of variables",

	// Rotary's own credentials at a sink.
	"pkg/consume Endpoints.openGitHub":         "the id of the GitHub App, no secret by itself",
	"pkg/consume/github Census.openGroup":      "the id of the GitHub App, no secret by itself",
	"pkg/consume/github authenticateClient":    "tells a token from a private key, and parses the key",
	"pkg/consume/github client.buildRequest":   "the Authorization header",
	"pkg/consume/vercel New":                   "takes the end of a line off a token, and refuses an empty one",
	"pkg/consume/vercel client.buildRequest":   "the Authorization header, or the address of a deploy hook",
	"pkg/consume/vercel Project.hasDeployHook": "says whether there is a deploy hook",

	// The credential that is rotated, at its target.
	"pkg/rotate/accesskey Rotator.Identity":          "the id of an access key, no secret by itself",
	"pkg/rotate/accesskey Rotator.askCallerIdentity": "signs GetCallerIdentity",
	"pkg/rotate/accesskey Rotator.Test":              "refuses an empty value",
	"pkg/rotate/accesskey Rotator.checkDead":         "tells that there is none",

	// Into the calls of a vendor's API, and compared.
	"pkg/rotate/httpapi templateNames.valueOf":        "an address, a header or a body",
	"pkg/rotate/httpapi administrator.readCredential": "the same, of the administrator's credential",
	"pkg/rotate/httpapi templateNames.holdsValue":     "keeps a request id that repeats a value out of errors",
	"pkg/rotate/httpapi Rotator.holdsCredential":      "says whether there is a credential",
	"pkg/rotate/httpapi Rotator.Identity":             "a digest, compared",

	// Compared with other values; what is looked for stays behind the closure of a Matcher.
	"pkg/credential IsWeak":              "compares with what is common",
	"pkg/credential isCommon":            "the same, of placeholders alone",
	"pkg/credential checkLoginKind":      "tells a connection string from a placeholder",
	"pkg/credential checkAccessKeyKind":  "the same, for the id of an access key",
	"pkg/credential isPublic":            "tells a public key from a private one",
	"pkg/credential leavesLoginOut":      "the same, of one without a login",
	"pkg/credential readLogin":           "parses a connection string",
	"pkg/credential index.addCredential": "what is looked for",
	"pkg/credential index.addStrong":     "the same, and what verifies signatures",
	"pkg/credential search.searchValue":  "where it is looked for",
	"pkg/credential pattern.standsAmong": "the same, for the user",
	"pkg/credential search.isVerifierOf": "computes the SCRAM verifier, and compares",

	// The login of a database's user.
	"pkg/dsn String.WithLogin":                 "puts another login into a connection string",
	"pkg/rotate/sqluser readPart":              "parses a connection URL, or the parts of a login",
	"pkg/rotate/sqluser Rotator.replaceLogin":  "puts another login into the URL",
	"pkg/rotate/sqluser Login.checkWritable":   "refuses a zero byte",
	"pkg/rotate/sqluser Rotator.Identity":      "what is no login stands for itself",
	"pkg/rotate/mysql server.driverConfig":     "logs in",
	"pkg/rotate/mysql computeHash":             "what the server keeps instead of a password",
	"pkg/rotate/mysql matchesHash":             "compares with what the server keeps",
	"pkg/rotate/postgres server.connectConfig": "logs in",
	"pkg/rotate/postgres server.Install":       "the SCRAM verifier of a password",

	// Into a file for the programs of a person who pulls, and compared with what is there.
	"pkg/envfile Reader.Format":      "writes a value in the form that its reader reads, which is a Value again",
	"pkg/envfile Encoding.Encode":    "the same, of all values",
	"pkg/envfile Parse":              "parses a file of variables",
	"pkg/envfile segment.joinText":   "a part of the file, which is a Value again",
	"pkg/envfile Base.digestValue":   "a keyed hash, compared",
	"cmd/rotary place.replaceFile":   "writes the file, which is its owner's alone",
	"cmd/rotary pulling.printValues": "pull --file -",

	// To a person who asked for it.
	"cmd/rotary maskValue":   "compute --reveal",
	"cmd/rotary printBucket": "compute --reveal",

	"cmd/rotary revealEntry": "the environment of exec's command",

	// Made-up values.
	"cmd/rotary play.content": "the demo's stand-in",
}

// TestOnlyListedFunctionsRevealASecret covers what is shipped. The stand-in, the stage, the conformance suites and the
// tests hold made-up values.
func TestOnlyListedFunctionsRevealASecret(t *testing.T) {
	found := map[string]bool{}
	all := read(t)
	for _, f := range all.all {
		if !f.product() || f.folder == "pkg/secret" {
			continue
		}
		for node, function := range reveals(f) {
			found[function] = true
			if revealers[function] == "" {
				t.Errorf("%s: %s calls secret.Reveal and is not listed: add it to revealers with its reason", all.at(node), function)
			}
		}
	}
	for _, function := range slices.Sorted(maps.Keys(revealers)) {
		if !found[function] {
			t.Errorf("%s no longer calls secret.Reveal: take it from revealers", function)
		}
	}
}

// reveals returns the mentions of secret.Reveal in a file and the function around each. A mention without a call counts
// too.
func reveals(f source) map[ast.Node]string {
	name := importedAs(f.File, module+"/pkg/secret")
	found := map[ast.Node]string{}
	for _, d := range f.Decls {
		ast.Inspect(d, func(n ast.Node) bool {
			selector, is := n.(*ast.SelectorExpr)
			if !is || selector.Sel.Name != "Reveal" {
				return true
			}
			if x, is := selector.X.(*ast.Ident); is && x.Name == name {
				found[n] = f.folder + " " + declared(d)
			}
			return true
		})
	}
	return found
}

// importedAs returns the name under which a file imports a package, or "".
func importedAs(f *ast.File, wanted string) string {
	for _, spec := range f.Imports {
		imported, _ := strconv.Unquote(spec.Path.Value)
		switch {
		case imported != wanted:
		case spec.Name != nil:
			return spec.Name.Name
		default:
			return "secret"
		}
	}
	return ""
}

// declared names a declaration: a function, or Type.Method.
func declared(d ast.Decl) string {
	function, is := d.(*ast.FuncDecl)
	if !is {
		return "(a variable)"
	}
	if function.Recv == nil {
		return function.Name.Name
	}
	return receiver(function) + "." + function.Name.Name
}

// receiver names the type of a method, without a pointer and without type parameters.
func receiver(method *ast.FuncDecl) string {
	of := method.Recv.List[0].Type
	if pointer, is := of.(*ast.StarExpr); is {
		of = pointer.X
	}
	if generic, is := of.(*ast.IndexExpr); is {
		of = generic.X
	}
	if name, is := of.(*ast.Ident); is {
		return name.Name
	}
	return "?"
}

// TestSecretIsImportedUnderItsName keeps secret.Reveal the one word to look for.
func TestSecretIsImportedUnderItsName(t *testing.T) {
	for _, f := range read(t).all {
		if name := importedAs(f.File, module+"/pkg/secret"); name != "" && name != "secret" {
			t.Errorf("%s imports pkg/secret as %q", f.name, name)
		}
	}
}
