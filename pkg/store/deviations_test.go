package store_test

// motoDeviations is all in which moto 5.2.1 is known to differ from Secrets Manager, and what is seen there instead.
var motoDeviations = map[string][]string{
	"a put that moves AWSCURRENT leaves the outgoing version its other labels": {
		`labels are "AWSCURRENT:two AWSPREVIOUS:one", want "AWSCURRENT:two AWSPREVIOUS:one L:one"`,
	},
	"a put that moves AWSCURRENT takes AWSPENDING off an unfinished rotation's version": {
		`labels are "AWSCURRENT:three AWSPENDING:two AWSPREVIOUS:one", want "AWSCURRENT:three AWSPREVIOUS:one"`,
	},
	"a put under AWSCURRENT and another label takes both": {`labels are "AWSCURRENT:three AWSPREVIOUS:two L:one L:three", want "AWSCURRENT:three AWSPREVIOUS:two L:three"`},
	"a label has 256 characters at most":                  {"257: works"},
	"AWSCURRENT is not taken off":                         {"take it off: works", `labels are "AWSPREVIOUS:two", want "AWSCURRENT:two AWSPREVIOUS:one"`},
	"a move to nowhere and from nowhere is refused":       {"move it: works"},
	"AWSCURRENT moved onto a version that does not exist stays where it is": {
		"move it: InvalidParameterException, want ResourceNotFoundException",
		`labels are "AWSPENDING:one AWSPREVIOUS:two L:one", want "AWSCURRENT:three AWSPENDING:one AWSPREVIOUS:two L:one"`,
	},
	"AWSCURRENT moved to where it is stays": {
		"move it: InvalidParameterException",
		`labels are "AWSCURRENT:three AWSPENDING:one L:one", want "AWSCURRENT:three AWSPENDING:one AWSPREVIOUS:two L:one"`,
	},
	"AWSPREVIOUS held elsewhere is not moved without RemoveFromVersionId": {
		"move it: works",
		`labels are "AWSCURRENT:three AWSPENDING:one AWSPREVIOUS:three AWSPREVIOUS:two L:one", want "AWSCURRENT:three AWSPENDING:one AWSPREVIOUS:two L:one"`,
	},
	"AWSPREVIOUS moved onto a version that does not exist stays where it is": {
		"move it: InvalidParameterException, want ResourceNotFoundException",
		`labels are "AWSCURRENT:three AWSPENDING:one L:one", want "AWSCURRENT:three AWSPENDING:one AWSPREVIOUS:two L:one"`,
	},
	"AWSPREVIOUS moved to where it is stays": {
		`labels are "AWSCURRENT:three AWSPENDING:one AWSPREVIOUS:two AWSPREVIOUS:two L:one", want "AWSCURRENT:three AWSPENDING:one AWSPREVIOUS:two L:one"`,
		`labels are "AWSCURRENT:three AWSPENDING:one AWSPREVIOUS:two AWSPREVIOUS:two L:one", want "AWSCURRENT:three AWSPENDING:one AWSPREVIOUS:two L:one"`,
	},
	"AWSPENDING held elsewhere is not moved without RemoveFromVersionId": {
		"move it: works",
		`labels are "AWSCURRENT:three AWSPENDING:one AWSPENDING:three AWSPREVIOUS:two L:one", want "AWSCURRENT:three AWSPENDING:one AWSPREVIOUS:two L:one"`,
	},
	"AWSPENDING moved onto a version that does not exist stays where it is": {
		"move it: InvalidParameterException, want ResourceNotFoundException",
		`labels are "AWSCURRENT:three AWSPREVIOUS:two L:one", want "AWSCURRENT:three AWSPENDING:one AWSPREVIOUS:two L:one"`,
	},
	"AWSPENDING moved to where it is stays": {
		`labels are "AWSCURRENT:three AWSPENDING:one AWSPENDING:one AWSPREVIOUS:two L:one", want "AWSCURRENT:three AWSPENDING:one AWSPREVIOUS:two L:one"`,
		`labels are "AWSCURRENT:three AWSPENDING:one AWSPENDING:one AWSPREVIOUS:two L:one", want "AWSCURRENT:three AWSPENDING:one AWSPREVIOUS:two L:one"`,
	},
	"L held elsewhere is not moved without RemoveFromVersionId": {
		"move it: works",
		`labels are "AWSCURRENT:three AWSPENDING:one AWSPREVIOUS:two L:one L:three", want "AWSCURRENT:three AWSPENDING:one AWSPREVIOUS:two L:one"`,
	},
	"L moved onto a version that does not exist stays where it is": {
		"move it: InvalidParameterException, want ResourceNotFoundException",
		`labels are "AWSCURRENT:three AWSPENDING:one AWSPREVIOUS:two", want "AWSCURRENT:three AWSPENDING:one AWSPREVIOUS:two L:one"`,
	},
	"L moved to where it is stays": {
		`labels are "AWSCURRENT:three AWSPENDING:one AWSPREVIOUS:two L:one L:one", want "AWSCURRENT:three AWSPENDING:one AWSPREVIOUS:two L:one"`,
		`labels are "AWSCURRENT:three AWSPENDING:one AWSPREVIOUS:two L:one L:one", want "AWSCURRENT:three AWSPENDING:one AWSPREVIOUS:two L:one"`,
	},
	"the same content again on an AWSPENDING version does nothing":      {`labels are "AWSCURRENT:one AWSPENDING:two L:two", want "AWSCURRENT:one AWSPENDING:two"`},
	"other content on an AWSPENDING version is refused":                 {"put two: works", `read version "two" label "AWSPENDING": it is not the value of two`},
	"a version that is current and AWSPENDING refuses other content":    {"put one: works", `read version "one" label "AWSCURRENT": it is not the value of one`},
	"UpdateSecret refuses a token that is in use, whatever the content": {"update: works"},
	"a read that names nothing reads AWSCURRENT also after it was moved": {
		`read version "" label "": it is version two, want one`,
		`read version "" label "": it is not the value of one`,
	},
	"a read under a label that nothing has is refused":                          {"read: AWS's text is another"},
	"every refusal is HTTP 400":                                                 {"refusal 1 is HTTP 404", "refusal 2 is HTTP 404"},
	"a batch reads AWSCURRENT also after it was moved":                          {`read at once: "=two", want "=one"`},
	"what a batch cannot read it says of each secret, and reads the rest":       {"read at once: ResourceNotFoundException"},
	"a batch has 20 secrets at most":                                            {"21: works"},
	"versions without a label are listed only where they are asked for":         {`versions are "-:one AWSCURRENT:three AWSPREVIOUS:two", want "AWSCURRENT:three AWSPREVIOUS:two"`},
	"a version that lost its last label is hidden":                              {`versions are "-:two AWSCURRENT:one", want "AWSCURRENT:one"`},
	"DescribeSecret shows only versions with a label":                           {"it shows 3 versions, want 2"},
	"a list of versions names its secret":                                       {"its ARN and name are not the secret's"},
	"the versions of a secret that does not exist are not listed":               {"list: *smithy.OperationError, want ResourceNotFoundException"},
	"a list of versions comes in pages, each version once":                      {"it lists 5 in 1 pages, want 5 in 3"},
	"all versions together carry 20 labels, and no 21st by a move":              {"one more: works", "there are 21 labels, want 20"},
	"all versions together carry 20 labels, and no 21st by a put":               {"one more: works", "there are 21 labels, want 20", "what was refused has left a version"},
	"AWSPREVIOUS counts among the 20":                                           {"the second value: works", "there are 2 labels, want 20"},
	"with all 20 labels in use each can still be moved, and one off makes room": {"move L02: InvalidParameterException"},
	"a put names 20 labels at most": {
		"21: works",
		`labels are "AWSCURRENT:one L00:two L01:two L02:two L03:two L04:two L05:two L06:two L07:two L08:two L09:two L10:two L11:two L12:two L13:two L14:two L15:two L16:two L17:two L18:two L19:two L20:two", want "AWSCURRENT:one"`,
	},
	"a value of 65,537 bytes is refused":                    {"put: works", `labels are "AWSCURRENT:two AWSPREVIOUS:one", want "AWSCURRENT:one"`},
	"a value's limit counts bytes, not characters":          {"put 65,538 bytes: works"},
	"a value is text or bytes, not both":                    {"put: works", `labels are "AWSCURRENT:two AWSPREVIOUS:one", want "AWSCURRENT:one"`},
	"a secret marked for deletion cannot be read":           {"read : AWS's text is another", "read one: AWS's text is another"},
	"a secret marked for deletion takes no value":           {"put: works", "put again: works"},
	"a label of a secret marked for deletion does not move": {"move: works", `labels are "AWSCURRENT:one L:one", want "AWSCURRENT:one"`},
	"a secret marked for deletion is not tagged":            {"tag: works"},
	"a secret marked for deletion does not rotate":          {"rotate: AWS's text is another"},
	"a secret marked for deletion keeps its name":           {"create: ResourceExistsException, want InvalidRequestException"},
	"a secret marked for deletion is not marked again":      {"delete: AWS's text is another"},
	"a secret that never had a rotation function does not rotate": {
		"rotate: works",
		`labels are "AWSCURRENT:three AWSPREVIOUS:two", want "AWSCURRENT:two AWSPREVIOUS:one"`,
		`versions are "-:one AWSCURRENT:three AWSPREVIOUS:two", want "AWSCURRENT:two AWSPREVIOUS:one"`,
	},
	"a rotation function that does not exist is refused, and nothing is changed": {
		"rotate: ResourceNotFoundException, want AccessDeniedException",
		`labels are "AWSCURRENT:two AWSPENDING:three AWSPREVIOUS:one", want "AWSCURRENT:two AWSPREVIOUS:one"`,
		`versions are "AWSCURRENT:two AWSPENDING:three AWSPREVIOUS:one", want "AWSCURRENT:two AWSPREVIOUS:one"`,
	},
	"a version without a value is filled by a put with its token": {"fill it again: works", `read version "two" label "AWSPENDING": it is not the value of two`},
	"a version without a value that AWSPENDING was taken from stays hidden, and can be filled": {
		`versions are "-:two AWSCURRENT:one", want "AWSCURRENT:one"`,
		"put two: ResourceExistsException",
	},
	"a rotation is refused while AWSPENDING is on a version that is not current": {
		"rotate: works",
		`labels are "AWSCURRENT:two AWSPENDING:four AWSPREVIOUS:one", want "AWSCURRENT:two AWSPENDING:three AWSPREVIOUS:one"`,
		`versions are "-:three AWSCURRENT:two AWSPENDING:four AWSPREVIOUS:one", want "AWSCURRENT:two AWSPENDING:three AWSPREVIOUS:one"`,
	},
	"a rotation is refused while one is unfinished":                {"rotate: works", `labels are "AWSCURRENT:one AWSPENDING:three", want "AWSCURRENT:one AWSPENDING:two"`},
	"a rotation starts while AWSPENDING is on the current version": {"rotate: InvalidRequestException"},
	"a rotation without a function uses the one that is stored": {
		`labels are "AWSCURRENT:one AWSCURRENT:three AWSPREVIOUS:two", want "AWSCURRENT:one AWSPENDING:three"`,
		"the stored function is another",
	},
	"a secret with a rotation function says that rotation is enabled": {"it does not say so"},
	"a value put by hand takes AWSPENDING off an unfinished rotation's version": {
		`labels are "AWSCURRENT:one AWSCURRENT:three AWSPREVIOUS:two", want "AWSCURRENT:three AWSPREVIOUS:one"`,
	},
	"moving AWSCURRENT onto the rotated version leaves it AWSPENDING":                               {"rotate: InvalidRequestException"},
	"a schedule is every four hours at most":                                                        {"rotate: works", `labels are "AWSCURRENT:one AWSPENDING:two", want "AWSCURRENT:one"`},
	"Look leaves out a version without a label":                                                     {`it shows "-:one AWSCURRENT:three AWSPREVIOUS:two", want "AWSCURRENT:three AWSPREVIOUS:two"`},
	"Versions lists every version with its labels, oldest first":                                    {"of a secret that does not exist it is not ErrMissing"},
	"LookAll knows the version without a value":                                                     {"it does not know it, or not that rotation is enabled"},
	"Current reads what is current, in as many calls as it takes, and leaves out what has no value": {"read: read 20 secrets at once: it does not exist"},
	"Current reads what is current also after it was moved":                                         {"it reads another version"},
	"Put is repeatable, and moves no label again": {
		`labels are "AWSCURRENT:one AWSPENDING:two LIVE-two:two", want "AWSCURRENT:one AWSPENDING:two"`,
		`labels are "AWSCURRENT:three AWSPENDING:two AWSPREVIOUS:one LIVE-two:two", want "AWSCURRENT:three AWSPREVIOUS:one"`,
	},
	"Put of another text under the same version fails, also while it is AWSPENDING": {
		"put two works, or its error quotes the value",
		`read version "two" label "": it is not the value of two`,
	},
	"Move of a label that is not where it was seen is ErrMoved, and changes nothing": {
		`move L to "two" from "" is not ErrMoved`,
		`move L to "" from "two" is not ErrMoved`,
	},
	"Move onto a version that does not exist is ErrMissing, and changes nothing": {`from "one" it is not`, `from "" it is not`, `labels are "", want "AWSCURRENT:one"`},
	"a secret marked for deletion is an error to all of a Store":                 {"Put works, or its error does not name it", "Move works, or its error does not name it"},
}
