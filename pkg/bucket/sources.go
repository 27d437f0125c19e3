package bucket

import (
	"errors"
	"fmt"

	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// ParseSources reads a file of sources, {"source": {"KEY": value}}, each as strictly as ParseSource does. name is the
// file's, for errors, which have the line and column and never quote the input. A source that stands twice is an error.
func ParseSources(name string, data []byte) (map[string]Source, error) {
	if err := findUnreadable(data); err != nil {
		return nil, fmt.Errorf("%s: %w; save it as UTF-8 JSON", name, err)
	}
	r, sources := newReading(data), map[string]Source{}
	err := r.readDocument(func(source string) error {
		if _, twice := sources[source]; twice {
			return fmt.Errorf("source %s stands twice", manifest.Quote(source))
		}
		sources[source] = Source{}
		err := r.readObject(sources[source].memberReader(r))
		if err != nil && !errors.Is(err, errSyntax) {
			return fmt.Errorf("source %s: %w", manifest.Quote(source), err)
		}
		return err
	})
	if err != nil {
		line, column := r.position()
		return nil, fmt.Errorf("%s:%d:%d: %w; the file is one JSON object, {\"source\": {\"KEY\": \"value\"}}", name,
			line, column, err)
	}
	return sources, nil
}
