package bucket

import (
	"errors"
	"fmt"

	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// ParseSources reads a file of sources, {"source": {"KEY": value}}, each as strictly as ParseSource does. name is the
// file's, for errors, which say the line and column and never quote the input. A source that stands twice is an error.
func ParseSources(name string, data []byte) (map[string]Source, error) {
	if err := unreadable(data); err != nil {
		return nil, fmt.Errorf("%s: %w; save it as UTF-8 JSON", name, err)
	}
	r, sources := read(data), map[string]Source{}
	err := r.document(func(source string) error {
		if _, twice := sources[source]; twice {
			return fmt.Errorf("source %s stands twice", manifest.Quote(source))
		}
		sources[source] = Source{}
		err := r.object(sources[source].member(r))
		if err != nil && !errors.Is(err, errSyntax) {
			return fmt.Errorf("source %s: %w", manifest.Quote(source), err)
		}
		return err
	})
	if err != nil {
		line, column := r.place()
		return nil, fmt.Errorf("%s:%d:%d: %w; the file is one JSON object, {\"source\": {\"KEY\": \"value\"}}", name, line, column, err)
	}
	return sources, nil
}
