package rotatetest

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
)

type target func(*http.Request) (*http.Response, error)

func (t target) RoundTrip(r *http.Request) (*http.Response, error) { return t(r) }

// body is a request's body that notes whether it was closed.
type body struct {
	io.Reader
	closed bool
}

func (b *body) Close() error { b.closed = true; return nil }

// What the target got and the client saw of three requests, where the process ends at the second.
func TestAProcessEndsBeforeOrAfterAnyRequest(t *testing.T) {
	for name, c := range map[string]struct {
		k    *killer
		want string // the bodies that arrived
	}{
		"never":                     {&killer{}, "one two three"},
		"before the second request": {&killer{at: 2}, "one"},
		"after the second request":  {&killer{at: 2, done: true}, "one two"},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			var answers []*body
			client := &http.Client{Transport: Transport(target(func(r *http.Request) (*http.Response, error) {
				text, err := io.ReadAll(r.Body)
				got = append(got, string(text))
				answers = append(answers, &body{Reader: strings.NewReader("done " + string(text))})
				return &http.Response{StatusCode: http.StatusOK, Body: answers[len(answers)-1]}, err
			}), c.k.call)}
			for i, text := range []string{"one", "two", "three"} {
				answer, err := send(t, client, text)
				killed := c.k.at > 0 && i+1 >= c.k.at
				if killed != errors.Is(err, errKilled) || !killed && answer != "done "+text {
					t.Errorf("request %s is answered %q, %v", text, answer, err)
				}
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("the target got %v", got)
			}
			for i, a := range answers {
				if !a.closed {
					t.Errorf("answer %d is not closed", i+1)
				}
			}
		})
	}
}

func send(t *testing.T, client *http.Client, text string) (answer string, err error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://target.test/keys", strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(r)
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }()
	read, err := io.ReadAll(resp.Body)
	return string(read), err
}

func TestARequestIsNamedByWhatItAsks(t *testing.T) {
	for text, want := range map[string]string{
		"Action=CreateAccessKey&UserName=u": "POST /keys CreateAccessKey",
		`{"name":"Action"}`:                 "POST /keys",
		"":                                  "POST /keys",
	} {
		var names []string
		client := &http.Client{Transport: Transport(target(func(*http.Request) (*http.Response, error) {
			return nil, errFails
		}), func(name string, do func() error) error { names = append(names, name); return do() })}
		if _, err := send(t, client, text); !errors.Is(err, errFails) {
			t.Errorf("%q: %v", text, err)
		}
		if len(names) != 1 || names[0] != want {
			t.Errorf("%q is named %v, want %q", text, names, want)
		}
	}
}
