package cloudwatch

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// example is the specification's own, with a line of the log around it on either side.
const example = `{"_aws":{"Timestamp":1574109732004,"CloudWatchMetrics":[{"Namespace":"lambda-function-metrics","Dimensions":[["functionVersion"]],"Metrics":[{"Name":"time","Unit":"Milliseconds","StorageResolution":60}]}]},"functionVersion":"$LATEST","time":100,"requestId":"989ffbf8-9ace-4817-a57c-e4dd734019ee"}`

func TestTheSpecificationsExampleIsOneMetric(t *testing.T) {
	got, err := Metrics([]byte("START RequestId\n" + `{"level":"INFO","msg":"pass"}` + "\n" + example + "\n\n"))
	want := []Point{{
		At: time.UnixMilli(1574109732004).UTC(), Namespace: "lambda-function-metrics", Name: "time", Unit: "Milliseconds",
		Dimensions: map[string]string{"functionVersion": "$LATEST"}, Values: []float64{100},
	}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func TestEverySetOfDimensionsHasEveryMetric(t *testing.T) {
	text := strings.NewReplacer(`[["functionVersion"]]`, `[["functionVersion"],[],["functionVersion","requestId"]]`, `"time":100`, `"time":[1,2.5]`).Replace(example)
	got, err := Metrics([]byte(text))
	if err != nil || len(got) != 3 {
		t.Fatalf("%d points: %v", len(got), err)
	}
	for i, dimensions := range []int{1, 0, 2} {
		if len(got[i].Dimensions) != dimensions || !cmp.Equal(got[i].Values, []float64{1, 2.5}) {
			t.Errorf("point %d is %+v", i, got[i])
		}
	}
}

func TestWhatBreaksARuleOfTheFormatIsRefused(t *testing.T) {
	many := func(n int, element string) string { return strings.TrimSuffix(strings.Repeat(element+",", n), ",") }
	var keys, members []string
	for i := range 31 {
		keys, members = append(keys, fmt.Sprintf("%q", fmt.Sprintf("k%d", i))), append(members, fmt.Sprintf(`"k%d":"v"`, i))
	}
	for _, tt := range []struct{ name, from, to string }{
		{"no timestamp", `"Timestamp":1574109732004,`, ``},
		{"a timestamp in words", `1574109732004`, `"2019-11-18"`},
		{"a timestamp with a fraction", `1574109732004`, `1574109732.5`},
		{"no metrics at all", `"CloudWatchMetrics":[{`, `"Other":[{`},
		{"another case", `"CloudWatchMetrics"`, `"cloudWatchMetrics"`},
		{"a member beside", `"Timestamp"`, `"Region":"us-east-1","Timestamp"`},
		{"a namespace of AWS", `lambda-function-metrics`, `AWS/Lambda`},
		{"no namespace", `"Namespace":"lambda-function-metrics",`, ``},
		{"a long namespace", `lambda-function-metrics`, strings.Repeat("n", 256)},
		{"no dimensions", `"Dimensions":[["functionVersion"]],`, ``},
		{"no set of dimensions", `[["functionVersion"]]`, `[]`},
		{"a flat set of dimensions", `[["functionVersion"]]`, `["functionVersion"]`},
		{"a dimension that is not there", `[["functionVersion"]]`, `[["version"]]`},
		{"a dimension twice", `[["functionVersion"]]`, `[["functionVersion","functionVersion"]]`},
		{"a dimension that is a number", `[["functionVersion"]]`, `[["time"]]`},
		{"an empty dimension", `"$LATEST"`, `""`},
		{"a blank dimension", `"$LATEST"`, `" "`},
		{"a dimension that is no ASCII", `"$LATEST"`, `"käse"`},
		{"a long dimension", `$LATEST`, strings.Repeat("v", 1025)},
		{"a dimension with a colon", `"functionVersion"`, `":functionVersion"`},
		{"31 dimensions", `[["functionVersion"]]}`, ``},
		{"no metrics", `"Metrics":[{"Name":"time","Unit":"Milliseconds","StorageResolution":60}]`, `"Metrics":null`},
		{"101 metrics", `{"Name":"time","Unit":"Milliseconds","StorageResolution":60}`, many(101, `{"Name":"time"}`)},
		{"a metric without a name", `"Name":"time",`, ``},
		{"a metric with a long name", `"time"`, `"` + strings.Repeat("m", 256) + `"`},
		{"a metric that is not there", `,"time":100`, ``},
		{"a metric that is a text", `"time":100`, `"time":"100"`},
		{"a metric that is null", `"time":100`, `"time":null`},
		{"a metric that is a list with null", `"time":100`, `"time":[1,null]`},
		{"a metric that is no list", `"time":100`, `"time":[]`},
		{"a metric of 101 values", `"time":100`, `"time":[` + many(101, `1`) + `]`},
		{"a nested metric", `"time":100`, `"more":{"time":100}`},
		{"no unit of CloudWatch's", `Milliseconds`, `Days`},
		{"no storage resolution of CloudWatch's", `:60`, `:30`},
		{"more than a line may have", `989ffbf8`, strings.Repeat("x", 256*1024)},
	} {
		text := strings.ReplaceAll(example, tt.from, tt.to)
		if tt.name == "31 dimensions" {
			text = strings.NewReplacer(`["functionVersion"]`, `[`+strings.Join(keys, ",")+`]`, `"time":100`, `"time":100,`+strings.Join(members, ",")).Replace(example)
		}
		if got, err := Metrics([]byte(text)); text == example || err == nil {
			t.Errorf("%s: read as %+v", tt.name, got)
		}
	}
}
