// Package cloudwatch keeps the logs of functions and serves them as CloudWatch Logs does, and takes metrics out of a log,
// from documents in the embedded metric format.
// It is stricter: what CloudWatch would drop without a word is an error here.
package cloudwatch

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Point is one value of one metric.
type Point struct {
	At         time.Time
	Namespace  string
	Name       string
	Unit       string
	Dimensions map[string]string
	Values     []float64
}

// Metrics reads a log line by line. Lines that are no JSON object, or one without _aws, are let pass: they are the rest
// of the log. The error names the line and the rule that it breaks.
func Metrics(log []byte) ([]Point, error) {
	var all []Point
	for n, line := range bytes.Split(log, []byte("\n")) {
		points, err := parseDocument(line)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n+1, err)
		}
		all = append(all, points...)
	}
	return all, nil
}

// What the format allows
// (https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html,
// with its JSON schema), and what a metric may be called
// (https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDatum.html).
const (
	mostBytes      = 256 * 1024 // of a line; the pages of some regions say 1 MB
	mostMetrics    = 100        // of a directive
	mostDimensions = 30         // of a set
	mostValues     = 100        // of a metric
	longestSpace   = 255        // of a namespace
	longestName    = 255        // of a metric
	longestKey     = 250        // of a dimension's name
	longestValue   = 1024       // of a dimension
)

var (
	space = regexp.MustCompile(`^[0-9A-Za-z._/#:-]+$`)
	unit  = regexp.MustCompile(`^(Seconds|Microseconds|Milliseconds|Percent|Count|None|(Bytes|Kilobytes|Megabytes|Gigabytes|Terabytes|Bits|Kilobits|Megabits|Gigabits|Terabits)(/Second)?|Count/Second)$`)
	ascii = regexp.MustCompile(`^[\x20-\x7e]*[\x21-\x7e][\x20-\x7e]*$`)
)

// metadata is the member _aws. Beside the root, objects must not have other members than these.
type metadata struct {
	Timestamp         *int64
	CloudWatchMetrics []directive
}

type directive struct {
	Namespace  string
	Dimensions [][]string
	Metrics    []definition
}

type definition struct {
	Name              string
	Unit              string
	StorageResolution *int
}

func parseDocument(line []byte) ([]Point, error) {
	root, is := findMetadata(line)
	if !is {
		return nil, nil
	}
	if len(line) > mostBytes {
		return nil, fmt.Errorf("it has %d bytes, more than %d", len(line), mostBytes)
	}
	var meta metadata
	if err := decodeStrictly(root["_aws"], &meta); err != nil {
		return nil, fmt.Errorf("_aws: %w", err)
	}
	if meta.Timestamp == nil || meta.CloudWatchMetrics == nil {
		return nil, errors.New("_aws lacks Timestamp or CloudWatchMetrics")
	}
	var all []Point
	for _, d := range meta.CloudWatchMetrics {
		points, err := d.makePoints(root)
		if err != nil {
			return nil, err
		}
		for i := range points {
			points[i].At = time.UnixMilli(*meta.Timestamp).UTC()
		}
		all = append(all, points...)
	}
	return all, nil
}

// findMetadata reports whether a line is a document with metrics, and returns its members.
func findMetadata(line []byte) (root map[string]json.RawMessage, is bool) {
	err := json.Unmarshal(line, &root)
	return root, err == nil && root["_aws"] != nil
}

// decodeStrictly decodes with the exact names of the format: encoding/json alone lets other members pass, and other
// cases.
func decodeStrictly(text []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	return checkMemberNames(text)
}

func checkMemberNames(text []byte) error {
	d := json.NewDecoder(bytes.NewReader(text))
	known := []string{"Timestamp", "CloudWatchMetrics", "Namespace", "Dimensions", "Metrics", "Name", "Unit", "StorageResolution"}
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		name, is := token.(string)
		if i := slices.IndexFunc(known, func(k string) bool { return strings.EqualFold(k, name) }); is && i >= 0 && known[i] != name {
			return fmt.Errorf("%s is not %s", name, known[i])
		}
	}
}

func (d directive) makePoints(root map[string]json.RawMessage) ([]Point, error) {
	switch {
	case !space.MatchString(d.Namespace) || len(d.Namespace) > longestSpace || strings.HasPrefix(d.Namespace, "AWS/"):
		return nil, fmt.Errorf("%q cannot be a namespace", d.Namespace)
	case len(d.Dimensions) == 0:
		return nil, errors.New("it has no set of dimensions")
	case d.Metrics == nil:
		return nil, errors.New("it lacks Metrics")
	case len(d.Metrics) > mostMetrics:
		return nil, fmt.Errorf("it has %d metrics, more than %d", len(d.Metrics), mostMetrics)
	}
	var all []Point
	for _, set := range d.Dimensions {
		dimensions, err := readDimensions(set, root)
		if err != nil {
			return nil, err
		}
		for _, m := range d.Metrics {
			values, err := m.readValues(root)
			if err != nil {
				return nil, fmt.Errorf("metric %q: %w", m.Name, err)
			}
			all = append(all, Point{Namespace: d.Namespace, Name: m.Name, Unit: m.Unit, Dimensions: maps.Clone(dimensions), Values: values})
		}
	}
	return all, nil
}

// readDimensions returns the dimensions that a set refers to: members of the root.
func readDimensions(set []string, root map[string]json.RawMessage) (map[string]string, error) {
	if len(set) > mostDimensions {
		return nil, fmt.Errorf("a set has %d dimensions, more than %d", len(set), mostDimensions)
	}
	out := map[string]string{}
	for _, name := range set {
		var value string
		switch text, has := root[name]; {
		case !ascii.MatchString(name) || len(name) > longestKey || strings.HasPrefix(name, ":"):
			return nil, fmt.Errorf("%q cannot be a dimension", name)
		case !has:
			return nil, fmt.Errorf("dimension %q is no member of the root", name)
		case json.Unmarshal(text, &value) != nil || !ascii.MatchString(value) || len(value) > longestValue:
			return nil, fmt.Errorf("dimension %q has no value that can be one", name)
		}
		out[name] = value
	}
	if len(out) != len(set) {
		return nil, errors.New("a set names a dimension twice")
	}
	return out, nil
}

// readValues returns the metric's numbers: a member of the root, one of them or several.
func (m definition) readValues(root map[string]json.RawMessage) ([]float64, error) {
	text, has := root[m.Name]
	var one *float64
	var several []float64
	switch {
	case !ascii.MatchString(m.Name) || len(m.Name) > longestName:
		return nil, errors.New("that cannot be a metric's name")
	case m.Unit != "" && !unit.MatchString(m.Unit):
		return nil, fmt.Errorf("%q is no unit", m.Unit)
	case m.StorageResolution != nil && *m.StorageResolution != 1 && *m.StorageResolution != 60:
		return nil, fmt.Errorf("%d is no storage resolution", *m.StorageResolution)
	case !has:
		return nil, errors.New("it is no member of the root")
	case json.Unmarshal(text, &one) == nil && one != nil:
		return []float64{*one}, nil
	case json.Unmarshal(text, &several) == nil && len(several) > 0 && len(several) <= mostValues && !bytes.Contains(text, []byte("null")):
		return several, nil
	}
	return nil, errors.New("it has no value that can be one")
}
