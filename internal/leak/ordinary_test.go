package leak

import (
	"bytes"
	"encoding/base64"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// ordinary returns a long text: all Go files of the repository.
func ordinary(t testing.TB) (all [][]byte) {
	t.Helper()
	err := filepath.WalkDir("../..", func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() && strings.HasPrefix(d.Name(), ".") && len(d.Name()) > 2 {
			return filepath.SkipDir
		}
		if filepath.Ext(path) != ".go" {
			return nil
		}
		text, err := os.ReadFile(path)
		all = append(all, text)
		return err
	})
	if err != nil || len(all) < 50 {
		t.Fatalf("%d files: %v", len(all), err)
	}
	return all
}

// canaries returns many values, from a fixed seed.
func canaries(t testing.TB, n int) *Search {
	t.Helper()
	s, r := new(Search), rand.New(rand.NewPCG(4, 711))
	for i := range n {
		random := make([]byte, 24)
		for j := range random {
			random[j] = byte(r.Uint32())
		}
		for _, value := range []string{string(random), base64.RawURLEncoding.EncodeToString(random)} {
			if err := s.Add(strconv.Itoa(i), value); err != nil {
				t.Fatal(err)
			}
		}
	}
	return s
}

func TestNothingIsFoundInOrdinaryText(t *testing.T) {
	s := canaries(t, 1000)
	for _, text := range ordinary(t) {
		for _, f := range s.In(text) {
			t.Errorf("found %s", f)
		}
	}
}

func TestTheFilterKeepsMostWindowsFromTheMap(t *testing.T) {
	f, r, passed := canaries(t, 1000).sizes[window].filter, rand.New(rand.NewPCG(1, 2)), 0
	for range 100_000 {
		if f.passes(r.Uint64()) {
			passed++
		}
	}
	if passed > 3000 {
		t.Errorf("%d of 100000 windows pass", passed)
	}
}

func BenchmarkSearch(b *testing.B) {
	source := bytes.Join(ordinary(b), []byte("\n"))
	line := `{"time":"2026-01-01T09:00:00Z","level":"INFO","msg":"step","do":"write","subject":"api-secrets-dev","version":"3a9f00c1d2e4b5a6-77aa01bc","names":["A","B"],"detail":"{\"arn\":\"arn:aws:secretsmanager:us-east-1:111111111111:secret:source/dev/db-service-AbCdEf\"}"}` + "\n"
	for name, text := range map[string][]byte{"source": source[:1<<20], "log": bytes.Repeat([]byte(line), 4000), "base64": []byte(base64.StdEncoding.EncodeToString(source[:1<<20]))} {
		b.Run(name, func(b *testing.B) {
			s := canaries(b, 1000)
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				s.searchText(text)
			}
		})
		b.Run(name+" as it is", func(b *testing.B) {
			s := canaries(b, 1000)
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				s.sizes[window].scan(text, window, func(string, int) {})
			}
		})
	}
}
