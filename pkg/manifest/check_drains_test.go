package manifest_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// drained is a manifest of which every, the second key and the consumers are missing.
const drained = `
environments: {dev: {account: "111111111111", region: us-east-1}}
sources:
  key: {keys: [KEY, KEY_ALSO], rotate: {random: {key: KEY%s}, every: %s}}
  tokens: {keys: [GH_TOKEN]}
sign_in: {github: {token: GH_TOKEN}}
buckets:
  api: {originals: [key]}
  other: {originals: [tokens]}
consumers:
  web: {bucket: api, ecs: {cluster: main, service: web}}
  far: {bucket: other, reader: {drain: 9d}}
  %s
`

func TestRotationsThatTakeLongAreToldOf(t *testing.T) {
	const also = ", also: KEY_ALSO"
	longer := "; shorten the drain, or rotate less often: a rotation is refused while the one before goes on"
	third := "; shorten the drain, or rotate less often"
	for _, tt := range []struct{ name, also, every, consumer, err, note string }{
		{"who drains reads something else", "", "4h", "", "", ""},
		{"a reader of a bucket, within a third", "", "24h", "laptops: {bucket: api, reader: {drain: 7h}}", "", ""},
		{"a reader of a bucket, above a third", "", "24h", "laptops: {bucket: api, reader: {drain: 8h}}", "",
			`a rotation of "key" takes about 8h (1 step of 8h, for consumer "laptops"), more than a third of every 1d` + third},
		{"with steps", also, "24h", "laptops: {bucket: api, reader: {drain: 3h}}", "",
			`a rotation of "key" takes about 10h (3 steps of 3h, for consumer "laptops"), more than a third of every 1d` + third},
		{"a reader of the source, as long as there is time", "", "24h", "nightly: {source: key, reader: {drain: 1428m}}", "",
			`a rotation of "key" takes about 24h (1 step of 24h, for consumer "nightly"), more than a third of every 1d` + third},
		{"a reader of the source, longer than there is time", "", "24h", "nightly: {source: key, reader: {drain: 26h}}",
			`a rotation of "key" takes about 26h (1 step of 26h, for consumer "nightly"), longer than every 1d` + longer, ""},
		{"steps that are longer than there is time", also, "7d", "nightly: {source: key, reader: {drain: 3d}}",
			`a rotation of "key" takes about 9d (3 steps of 3d, for consumer "nightly"), longer than every 1w` + longer, ""},
		{"workflow runs, which end earlier as a rule", also, "12h", "ci: {bucket: api, github: {repository: example/app}}", "",
			`a rotation of "key" may take 19h (3 steps of 6h, for consumer "ci"), more than a third of every 12h` + third},
	} {
		t.Run(tt.name, func(t *testing.T) {
			file, err := manifest.Parse("rotary.yaml", fmt.Appendf(nil, drained, tt.also, tt.every, tt.consumer))
			got, notes := "", ""
			if err != nil {
				_, got, _ = strings.Cut(err.Error(), ": ")
			} else {
				for _, note := range file.Notes() {
					notes += note.What + "; " + note.Do
				}
			}
			if diff := cmp.Diff([]string{tt.err, tt.note}, []string{got, notes}); diff != "" {
				t.Errorf("error and note (-want +got):\n%s", diff)
			}
		})
	}
}
