// Command bootstrap is a Lambda function that does nothing: what every function of the SDK for Go has at least, the
// runtime and the default configuration. The cold starts of rotary's functions are measured beside it.
package main

import (
	"context"
	"encoding/json"
	"os"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/config"
)

func main() {
	cfg, err := config.LoadDefaultConfig(context.Background())
	if err != nil {
		os.Exit(1)
	}
	lambda.Start(func(context.Context, json.RawMessage) (string, error) { return cfg.Region, nil })
}
