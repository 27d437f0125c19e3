package bucket

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// ParseSources reads a file of sources, {"source": {"KEY": value}}, each as strictly as ParseSource does. name is the
// file's, for errors, which never quote the input. A source that stands twice is an error.
func ParseSources(name string, data []byte) (map[string]Source, error) {
	sources, err := parseSources(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return sources, nil
}

func parseSources(data []byte) (map[string]Source, error) {
	if err := unreadable(data); err != nil {
		return nil, err
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	if token, err := decoder.Token(); err != nil || token != json.Delim('{') {
		return nil, errors.New(`it is not a JSON object: {"source": {"KEY": "value"}}`)
	}
	sources := map[string]Source{}
	for decoder.More() {
		token, err := decoder.Token()
		name, ok := token.(string)
		var raw json.RawMessage
		if err != nil || !ok || decoder.Decode(&raw) != nil {
			return nil, errSyntax
		}
		if _, twice := sources[name]; twice {
			return nil, fmt.Errorf("source %s stands twice", quote(name))
		}
		if sources[name], err = ParseSource(name, raw); err != nil {
			return nil, err
		}
	}
	if _, err := decoder.Token(); err != nil {
		return nil, errSyntax
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the JSON object")
	}
	return sources, nil
}
