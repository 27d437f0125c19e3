package account

import (
	"context"
	"fmt"
	"io"

	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// plainBody is the body of a request that can be read and sent again, and nothing else.
type plainBody struct{ io.ReadSeeker }

// addPlainBody makes the SDK send every request from a plainBody. Otherwise an answer can be lost that comes before
// net/http has seen the end of the body: the SDK closes a body once it has the answer, what it has made of a
// bytes.Reader then ends in an error instead of an end, and net/http cuts the connection off while the answer is read
// (https://github.com/aws/aws-sdk-go-v2/issues/2737). The SDK sends the request again, which registers a task definition
// twice.
func addPlainBody(stack *middleware.Stack) error {
	return stack.Finalize.Add(middleware.FinalizeMiddlewareFunc("PlainBody", func(
		ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler,
	) (middleware.FinalizeOutput, middleware.Metadata, error) {
		request, is := in.Request.(*smithyhttp.Request)
		if !is {
			return next.HandleFinalize(ctx, in)
		}
		if body, is := request.GetStream().(io.ReadSeeker); is {
			plain, err := request.SetStream(plainBody{body})
			if err != nil {
				return middleware.FinalizeOutput{}, middleware.Metadata{}, fmt.Errorf("prepare the body of a request: %w", err)
			}
			in.Request = plain
		}
		return next.HandleFinalize(ctx, in)
	}), middleware.Before)
}
