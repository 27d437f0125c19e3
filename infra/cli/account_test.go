package cli

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"html"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// account is a stand-in for what CDK's command line calls when it compares and deploys: STS, the parameter with the
// version of CDK's bootstrap, the bucket of assets, and CloudFormation; and for the deployed look function, which is
// asked what the environment still needs. What it does not know it refuses, and notes.
type account struct {
	id string

	mu             sync.Mutex
	objects        map[string][]byte            // of the bucket of assets, by their keys
	parts          map[string]map[string][]byte // of objects that come in parts, by key and number
	cloudFormation cloudFormation
	reports        int // that the deployed look function gave
	refused        []string
}

func newAccount(id string) *account {
	return &account{
		id: id, objects: map[string][]byte{}, parts: map[string]map[string][]byte{},
		cloudFormation: cloudFormation{stacks: map[string]string{}, changes: map[string]change{}},
	}
}

// takeDeployed returns the stacks that were deployed since it was last called.
func (a *account) takeDeployed() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.cloudFormation.takeDeployed()
}

// takeRefused returns the calls that were refused since it was last called.
func (a *account) takeRefused() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	taken := a.refused
	a.refused = nil
	return taken
}

// ServeHTTP answers the service that the signature names.
func (a *account) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	_, scope, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=") // key id/day/region/service/aws4_request
	switch service := strings.Split(scope+"////", "/")[3]; service {
	case "sts", "cloudformation":
		a.serveQuery(w, r)
	case "ssm":
		a.serveParameter(w, r)
	case "s3":
		a.serveObjects(w, r)
	case "lambda":
		a.serveFunction(w, r)
	default:
		a.refuse(w, r, service)
	}
}

// refuse answers that a call is not known.
func (a *account) refuse(w http.ResponseWriter, r *http.Request, what string) {
	a.refused = append(a.refused, r.Method+" "+r.URL.String()+" "+what)
	w.WriteHeader(http.StatusNotImplemented)
}

// serveQuery answers STS and CloudFormation.
func (a *account) serveQuery(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		a.refuse(w, r, err.Error())
		return
	}
	action := r.PostForm.Get("Action")
	result, f := a.answer(r, action)
	switch {
	case f != nil:
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, `<ErrorResponse><Error><Type>Sender</Type><Code>%s</Code><Message>%s</Message></Error></ErrorResponse>`,
			f.code, html.EscapeString(f.message))
	case result == "":
		a.refuse(w, r, action)
	default:
		fmt.Fprintf(w, `<%[1]sResponse><%[1]sResult>%[2]s</%[1]sResult></%[1]sResponse>`, action, result)
	}
}

// answer lets the credentials take any role, and leaves the rest to CloudFormation.
func (a *account) answer(r *http.Request, action string) (result string, f *fault) {
	switch action {
	case "GetCallerIdentity":
		return `<Account>` + a.id + `</Account><Arn>arn:aws:iam::` + a.id + `:user/x</Arn><UserId>x</UserId>`, nil
	case "AssumeRole":
		return `<Credentials><AccessKeyId>x</AccessKeyId><SecretAccessKey>x</SecretAccessKey><SessionToken>x</SessionToken>` +
			`<Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>`, nil
	}
	return a.cloudFormation.answer(r.PostForm, a.objects)
}

// serveParameter answers which version of CDK's bootstrap the account has.
func (a *account) serveParameter(w http.ResponseWriter, r *http.Request) {
	var in struct{ Name string }
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil || in.Name != "/cdk-bootstrap/hnb659fds/version" {
		a.refuse(w, r, in.Name)
		return
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	fmt.Fprintf(w, `{"Parameter": {"Name": %q, "Type": "String", "Value": "30"}}`, in.Name)
}

// serveFunction answers as the look function of an environment that has just been deployed: with the report of a dry
// run that saw nothing yet. A function that no deployed template has is not there.
func (a *account) serveFunction(w http.ResponseWriter, r *http.Request) {
	name, isCall := strings.CutSuffix(strings.TrimPrefix(r.URL.Path, "/2015-03-31/functions/"), "/invocations")
	var in struct {
		DryRun      bool
		Environment string
	}
	err := json.NewDecoder(r.Body).Decode(&in)
	switch {
	case !isCall || err != nil || !in.DryRun || !slices.Contains([]string{"rotary-" + in.Environment + "-look", "rotary-" + in.Environment + "-propagate"}, name):
		a.refuse(w, r, name)
	case !a.cloudFormation.has(`"FunctionName": "` + name + `"`):
		w.Header().Set("X-Amzn-ErrorType", "ResourceNotFoundException")
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `{"Message": "Function not found"}`)
	default:
		a.reports++
		fmt.Fprintf(w, `{"environment": %q}`, in.Environment)
	}
}

// serveObjects answers for the bucket of assets, and for no other.
func (a *account) serveObjects(w http.ResponseWriter, r *http.Request) {
	bucket, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	query := r.URL.Query()
	switch {
	case bucket != "cdk-hnb659fds-assets-"+a.id+"-us-east-1":
		a.refuse(w, r, "")
	case r.Method == http.MethodGet && query.Has("location"):
		fmt.Fprint(w, `<LocationConstraint xmlns="http://s3.amazonaws.com/doc/2006-03-01/"/>`)
	case r.Method == http.MethodGet && query.Has("encryption"):
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `<Error><Code>ServerSideEncryptionConfigurationNotFoundError</Code></Error>`)
	case r.Method == http.MethodGet && query.Get("list-type") == "2":
		a.listObjects(w, query.Get("prefix"))
	case (r.Method == http.MethodPut || r.Method == http.MethodPost) && key != "":
		a.takeObject(w, r, key)
	default:
		a.refuse(w, r, "")
	}
}

// takeObject takes an object that is put, at once or in parts of five megabytes
// (https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html).
func (a *account) takeObject(w http.ResponseWriter, r *http.Request, key string) {
	body, err := io.ReadAll(r.Body)
	query := r.URL.Query()
	upload, number := a.parts[query.Get("uploadId")], query.Get("partNumber")
	switch begins := query.Has("uploads"); {
	case err != nil:
		a.refuse(w, r, err.Error())
	case r.Method == http.MethodPost && begins:
		a.parts[key] = map[string][]byte{}
		fmt.Fprintf(w, `<InitiateMultipartUploadResult><Key>%[1]s</Key><UploadId>%[1]s</UploadId></InitiateMultipartUploadResult>`, key)
	case r.Method == http.MethodPost:
		a.completeObject(w, r, key, body)
	case number != "" && upload == nil:
		a.refuse(w, r, "no such upload")
	case number != "":
		upload[number] = body
		w.Header().Set("ETag", `"`+number+`"`)
	default:
		a.objects[key] = body
		w.Header().Set("ETag", `"00000000000000000000000000000000"`)
	}
}

// completeObject joins the parts that a request lists, in its order.
func (a *account) completeObject(w http.ResponseWriter, r *http.Request, key string, body []byte) {
	var listed struct {
		Part []struct{ PartNumber, ETag string }
	}
	if err := xml.Unmarshal(body, &listed); err != nil || len(listed.Part) == 0 || len(listed.Part) != len(a.parts[key]) {
		a.refuse(w, r, fmt.Sprintf("%d parts are listed of %d: %v", len(listed.Part), len(a.parts[key]), err))
		return
	}
	var whole []byte
	for _, part := range listed.Part {
		whole = append(whole, a.parts[key][part.PartNumber]...)
	}
	delete(a.parts, key)
	a.objects[key] = whole
	fmt.Fprintf(w, `<CompleteMultipartUploadResult><Key>%s</Key><ETag>"0-1"</ETag></CompleteMultipartUploadResult>`, key)
}

// listObjects answers which keys have a prefix.
func (a *account) listObjects(w http.ResponseWriter, prefix string) {
	type object struct {
		Key  string
		Size int
	}
	list := struct {
		XMLName     xml.Name `xml:"ListBucketResult"`
		IsTruncated bool
		Contents    []object
	}{}
	for key, body := range a.objects {
		if strings.HasPrefix(key, prefix) {
			list.Contents = append(list.Contents, object{key, len(body)})
		}
	}
	if err := xml.NewEncoder(w).Encode(list); err != nil {
		panic(http.ErrAbortHandler)
	}
}
