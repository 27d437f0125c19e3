// Command bootstrap is a Lambda function that does what its payload asks for.
package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

type request struct {
	Do   string
	Text string
	Size int
}

type refusedError struct{}

func (*refusedError) Error() string { return "refused as asked" }

func main() {
	switch os.Getenv("INIT") {
	case "error":
		giveUp()
	case "exit":
		os.Exit(4)
	}
	lambda.Start(new(function).handleRequest)
}

// giveUp reports a failed start, as a runtime without aws-lambda-go would.
func giveUp() {
	url := "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/runtime/init/error"
	resp, err := http.Post(url, "application/json", strings.NewReader(`{"errorType":"Init.Refused","errorMessage":"not starting"}`)) //nolint:gosec,noctx // the host
	if err == nil {
		_ = resp.Body.Close()
	}
	os.Exit(1)
}

type function struct{ count int }

func (f *function) handleRequest(ctx context.Context, r request) (any, error) {
	f.count++
	fmt.Println("doing", r.Do)
	switch r.Do {
	case "echo":
		return r.Text, nil
	case "count":
		return f.count, nil
	case "describe":
		return describeEnvironment(ctx), nil
	case "size":
		return strings.Repeat("x", r.Size), nil
	case "stream":
		return strings.NewReader(r.Text), nil
	case "break":
		return io.MultiReader(strings.NewReader("part"), broken{}), nil
	case "error":
		return nil, &refusedError{}
	case "panic":
		panic("panicking as asked")
	case "sleep":
		fmt.Println(r.Text)
		time.Sleep(time.Minute) // ends by the deadline, or by the test
	case "exit":
		os.Exit(3)
	case "call":
		return nil, callURL(r.Text)
	}
	return nil, nil
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, &refusedError{} }

func callURL(url string) error {
	resp, err := http.Get(url) //nolint:gosec,noctx // the test's own server
	if err == nil {
		err = resp.Body.Close()
	}
	return err
}

func describeEnvironment(ctx context.Context) map[string]any {
	lc, _ := lambdacontext.FromContext(ctx)
	deadline, _ := ctx.Deadline()
	var env []string
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "AWS_LAMBDA_RUNTIME_API=") && !strings.HasPrefix(e, "LAMBDA_TASK_ROOT=") && !strings.HasPrefix(e, "_X_AMZN_TRACE_ID=") {
			env = append(env, e)
		}
	}
	slices.Sort(env)
	return map[string]any{"requestID": lc.AwsRequestID, "arn": lc.InvokedFunctionArn, "env": env,
		"seconds": int(time.Until(deadline).Seconds() + 0.999), "root": os.Getenv("LAMBDA_TASK_ROOT")}
}
