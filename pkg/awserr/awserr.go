// Package awserr keeps what AWS answered out of the SDK's errors. Answers may hold values, and the SDK's error about an
// answer that it cannot decode quotes the member that it stopped at.
package awserr

import (
	"context"
	"errors"
	"regexp"
	"sync"

	"github.com/aws/smithy-go"
)

// ErrUnreadable stands for an answer that no AWS service gives.
var ErrUnreadable = errors.New("the answer could not be read")

var codeShape = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^[A-Za-z0-9._-]{1,128}$`)
})

// IsCode reports whether a text has the form of AWS's error codes, so that an error may repeat it.
func IsCode(text string) bool { return codeShape().MatchString(text) }

// Code returns the code of an error that AWS answered with; "" for any other error, and for a code that is none of
// AWS's.
func Code(err error) string {
	if api, answered := errors.AsType[smithy.APIError](err); answered && IsCode(api.ErrorCode()) {
		return api.ErrorCode()
	}
	return ""
}

// IsDenied reports whether the caller lacks a right, as services of AWS's JSON protocols answer
// (https://docs.aws.amazon.com/lambda/latest/api/CommonErrors.html).
func IsDenied(err error) bool { return Code(err) == "AccessDeniedException" }

// Legible returns err, or one that says only that the answer could not be read where err quotes an answer that no AWS
// service gives. Where the context ended meanwhile it returns the context's error.
func Legible(err error) error {
	_, undecoded := errors.AsType[*smithy.DeserializationError](err)
	_, answered := errors.AsType[smithy.APIError](err)
	for _, end := range []error{context.Canceled, context.DeadlineExceeded} {
		if undecoded && errors.Is(err, end) {
			return end
		}
	}
	if undecoded || answered && Code(err) == "" {
		return ErrUnreadable
	}
	return err
}
