package schema

import "reflect"

// comment is what an editor shows for a type or a field: the comments of pkg/manifest in the reader's words.
func comment(t reflect.Type, field string) string {
	return map[string]string{
		"File":              "Every secret of every environment: where it is defined, who rotates it, what each reader sees. No value stands here.",
		"File.Environments": "Letters and digits; each is an AWS account and region.",
		"File.Sources":      "Where values are defined: one Secrets Manager secret each.",
		"File.Public":       "The only keys that a NEXT_PUBLIC_* (VITE_*, REACT_APP_*, PUBLIC_*) name may carry.",
		"File.Mappings":     "Canonical name to the name, or names, that a bucket's readers see.",
		"File.Buckets":      "What is derived: one Secrets Manager secret each.",
		"File.Consumers":    "Whatever runs on a bucket.",

		"EnvironmentSpec.Account":   "The AWS account's 12 digits, in quotes.",
		"EnvironmentSpec.Protected": "Commands that change something ask first.",
		"EnvironmentSpec.Mode":      "observe writes nothing, propagate never retires a credential, retire (the default) does everything.",
		"EnvironmentSpec.Vars":      "What ${name} stands for in any text; env, account and region are always set.",
		"EnvironmentSpec.Network":   "Where the rotators of sources with network: true run.",

		"Source.Keys":     "The canonical names that it may hold.",
		"Source.Rotate":   "How its credential is replaced; none means by a person.",
		"Source.In":       "The environments it is in; none means all.",
		"Source.Secret":   "The name of a secret that exists already; default source/{env}/{name}.",
		"Source.Required": "A key without a value is an error, and nothing is written.",
		"Source.Network":  "Its rotator runs inside the environment's network.",

		"Rotate.With":     "The rotator.",
		"Rotate.Every":    "Whole hours or days, from 4h; a reminder where a person rotates.",
		"Rotate.Also":     "random: the second key that verifiers accept.",
		"Rotate.Key":      "random: the key that is written, where the source has more than one.",
		"Rotate.Bytes":    "random: entropy; default 32.",
		"Rotate.Length":   "random: how many characters, instead of bytes.",
		"Rotate.Alphabet": "random: base64url (the default), hex, alphanumeric, or the characters themselves.",
		"Rotate.Pair":     "random: a key pair of this kind.",
		"Rotate.Public":   "random: the key that holds the pair's public half.",
		"Rotate.Next":     "random: with also, the key that keeps the next private half until verifiers have its public half.",
		"Rotate.URL":      "postgres, mysql: the key that holds the connection URL.",
		"Rotate.Admin":    "postgres, mysql: the source that holds an administrator's URL.",
		"Rotate.User":     "aws-access-key: the IAM user.",

		"Rotate.HTTP":     "http: the vendor's calls that make, test and revoke the credential.",
		"Rotate.Vendor":   "http: a ready-made description of them, instead.",
		"Rotate.KeysFor":  "http: the description's name for a value, and the source's key that holds it.",
		"Rotate.Settings": "http: what the description leaves open.",

		"API.Create":        "Makes a credential. Default method: POST.",
		"API.Test":          "Proves that the vendor accepts a credential. Default method: GET.",
		"API.Revoke":        "Ends the credential of which {{owed.KEY}} speaks. Default method: DELETE.",
		"API.Find":          "Lists credentials by name; those called {{marker}} are an earlier try's, and are revoked. Default method: GET.",
		"API.Overlap":       "none: a new credential kills the old one at once. A duration: the old one lives so long. Default: until it is revoked.",
		"Create.Set":        "The source's key, and the JSONPath of its new value in the answer.",
		"Create.Repeatable": "Asked again for one {{version}}, the vendor makes nothing more.",
		"Test.Refused":      "The statuses of a credential that is dead; default: 401.",
		"Test.Same":         "The source's key, and the JSONPath where the answer must say the same.",
		"Revoke.Gone":       "The statuses of a credential that had ended before.",
		"Find.Entries":      "The JSONPath of the list in the answer.",
		"Find.Name":         "The JSONPath of the name in an entry.",
		"Find.Set":          "The key, and the JSONPath in an entry of what revoke needs as {{owed.KEY}}.",
		"Find.More":         "The JSONPath of what is there only where the list goes on: then nothing is made.",

		"Bucket":           "Layers in order, later wins: originals, mappings, only, computed. Two layers with one name are an error unless it is under override.",
		"Bucket.Originals": "Keys and sources under their canonical names; true means every source that is not private or an administrator's.",
		"Bucket.Mappings":  "Names of mappings, in order.",
		"Bucket.Only":      "Sources private to this bucket.",
		"Bucket.Computed":  "Texts of the manifest itself.",
		"Bucket.Override":  "Names for which a later layer may win.",
		"Bucket.Secret":    "The name of a secret that exists already; default {bucket}-{env}.",
		"Bucket.In":        "The environments it is in; none means all.",

		"Consumer.Bucket":  "The bucket it runs on.",
		"Consumer.In":      "The environments it is in; none means all.",
		"Consumer.Leaving": "Observed, and able to veto, but no longer rolled: the first of two deploys that remove it.",
		"Consumer.Drain":   "Readers without a receipt: how long after a change they may go on with what they have.",

		"ECS.Inject":                "bundle gives the container its whole bucket as JSON in one variable.",
		"ECS.Variable":              "The variable of a bundle; default: the bucket's name in capitals.",
		"ECS.Adopt":                 "Variables that the container has from elsewhere, and that rotary replaces.",
		"ECS.Idle":                  "It may stand at desired count 0: then it counts as running what its task definition pins.",
		"ECSFamily.Cluster":         "The name of the cluster in which rules and schedules start its tasks.",
		"ECSFamily.Family":          "The family of the task definitions that rules and schedules start.",
		"ECSFamily.Inject":          "bundle gives the container its whole bucket as JSON in one variable.",
		"ECSFamily.Variable":        "The variable of a bundle; default: the bucket's name in capitals.",
		"ECSFamily.Adopt":           "Variables that the container has from elsewhere, and that rotary replaces.",
		"GitHub.Repository":         "owner/name",
		"GitHub.Environment":        "None means the repository's own secrets.",
		"GitHub.Token":              "The canonical key that holds a token, or a GitHub App's private key.",
		"GitHub.AppID":              "The canonical key that holds the GitHub App's id.",
		"GitHub.Drain":              "How long a workflow run that started before a change may go on; default 6h.",
		"GitHub.Adopt":              "Existing secrets that rotary takes over.",
		"Vercel.Token":              "The canonical key that holds a Vercel token.",
		"Vercel.Targets":            "Environment to Vercel targets.",
		"Vercel.ExcludeFromPreview": "Names that the platform sets itself on previews.",
		"Vercel.Sensitive":          "always, or only in protected environments.",
		"Vercel.DeployHook":         "The canonical key that holds a deploy hook's URL.",
		"Vercel.Adopt":              "Existing variables that rotary takes over.",
	}[key(t, field)]
}

func key(t reflect.Type, field string) string {
	if field == "" {
		return t.Name()
	}
	return t.Name() + "." + field
}
