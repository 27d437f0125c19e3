package metric

import (
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// A document is a line of a Lambda's log from which CloudWatch Logs takes metrics, in the embedded metric format
// (https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html).
// It costs no call and needs no permission, and where it is lost, so is the log. AWS has no library for it in Go;
// prozz/aws-embedded-metrics-golang dates from 2021, and its living fork wants a newer Go than this module's.
//
// All metrics of one document share their dimensions. A document of rotary's is far from the format's limits, 100
// metrics and 30 dimensions: it has what the table lists for one source, one alarm, or the environment.
type document struct {
	env    *manifest.Environment
	at     time.Time
	series []Series // of the same dimensions
	values []int64
}

// add adds a value to a metric, for this value of its second dimension, unless the environment does not publish that.
func (d *document) add(name Name, by string, value int64) {
	if s, written := name.seriesFor(d.env, by); written {
		d.series, d.values = append(d.series, s), append(d.values, value)
	}
}

// encodeLine encodes the document: nothing where it has no value. Equal documents give equal lines.
func (d *document) encodeLine() []byte {
	if len(d.series) == 0 {
		return nil
	}
	type definition struct {
		Name Name
		Unit string
	}
	var metrics []definition
	root := map[string]any{}
	for i, s := range d.series {
		metrics = append(metrics, definition{s.Name, s.Unit})
		root[string(s.Name)] = d.values[i]
	}
	dimensions := d.series[0].Dimensions
	for name, value := range dimensions {
		root[name] = value
	}
	root["_aws"] = map[string]any{
		"Timestamp": d.at.UnixMilli(),
		"CloudWatchMetrics": []any{map[string]any{
			"Namespace": Namespace, "Dimensions": [][]string{slices.Sorted(maps.Keys(dimensions))}, "Metrics": metrics,
		}},
	}
	text, _ := json.Marshal(root) // numbers and texts: it cannot fail
	return append(text, '\n')
}
