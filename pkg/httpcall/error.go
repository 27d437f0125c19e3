package httpcall

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Error is a failed call: what was being done, the status, the API's code, the reason in rotary's words, and the
// request's id. It holds no part of a body, an address or a header but these. A driver may fill in Code and a Reason
// with more detail.
type Error struct {
	Doing       string
	Status      int    // 0: no answer came
	Code        string // the API's own word for the failure, of a shape that its driver has checked
	Reason      string
	Request     string
	NothingDone bool // the API has surely done nothing

	unwaited time.Duration // what the answer asks to wait, and there was no time for
	cause    error
}

// Error returns, for example, "list secrets: status 429 rate_limited: it asks to come back later (request 1A2B)".
func (e *Error) Error() string {
	var text strings.Builder
	text.WriteString(e.Doing + ": ")
	if e.Status != 0 {
		text.WriteString(strings.TrimSpace("status "+strconv.Itoa(e.Status)+" "+e.Code) + ": ")
	}
	text.WriteString(e.Reason)
	if e.Request != "" {
		text.WriteString(" (request " + e.Request + ")")
	}
	if e.unwaited > 0 {
		fmt.Fprintf(&text, "; no time was left to wait %v and try again", e.unwaited)
	}
	return text.String()
}

// Unwrap returns the error of what builds the request, or of the context that ended the call.
func (e *Error) Unwrap() error { return e.cause }

var requestIDShape = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^[A-Za-z0-9:._/=+-]{1,128}$`)
})

// requestID returns what the API calls a request. One that repeats what was sent is left out.
func requestID(h http.Header, sent *http.Request, withhold func(string) bool) string {
	for _, name := range []string{"X-Github-Request-Id", "X-Request-Id", "Request-Id", "X-Vercel-Id", "Cf-Ray"} {
		id := h.Get(name)
		if requestIDShape().MatchString(id) && !repeatsRequest(id, sent) && (withhold == nil || !withhold(id)) {
			return id
		}
	}
	return ""
}

// repeatsRequest reports whether id stands in a request's headers, address or body, or has a part of a header in it.
func repeatsRequest(id string, sent *http.Request) bool {
	for _, values := range sent.Header {
		isPart := func(v string) bool { return strings.Contains(v, id) || containsWordOf(id, v) }
		if slices.ContainsFunc(values, isPart) {
			return true
		}
	}
	if strings.Contains(sent.URL.String(), id) {
		return true
	}
	if sent.GetBody == nil {
		return false
	}
	body, err := sent.GetBody()
	if err != nil {
		return true
	}
	defer body.Close()
	text, err := io.ReadAll(body)
	return err != nil || bytes.Contains(text, []byte(id))
}

// containsWordOf reports whether text has a word of a header in it that is long enough to be a credential.
func containsWordOf(text, header string) bool {
	return slices.ContainsFunc(strings.Fields(header), func(word string) bool {
		return len(word) >= 8 && strings.Contains(text, word)
	})
}
