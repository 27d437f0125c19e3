package bucket_test

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// sizes are numbers of keys: up to 50,000 in 1,000 sources, over 500 buckets.
var sizes = []int{1_000, 10_000, 50_000}

// large is an environment with sources of 50 keys each and a bucket for every two of them. Each source is in five
// buckets, in one of them under other names too. A bucket has a reader, and 550 names.
func large(keys int) (*manifest.Environment, map[string]bucket.Source) {
	env := &manifest.Environment{Name: "dev", Account: "111111111111", Region: "us-east-1"}
	sources := map[string]bucket.Source{}
	for i := range keys / 50 {
		source := manifest.Source{Name: fmt.Sprintf("s%04d", i)}
		sources[source.Name] = bucket.Source{}
		for j := range 50 {
			key := fmt.Sprintf("K_%d_%d", i, j)
			source.Keys.Names = append(source.Keys.Names, key)
			sources[source.Name][key] = secret.New("v")
		}
		env.Sources = append(env.Sources, source)
	}
	for i := range keys / 100 {
		renamed := manifest.Mapping{}
		b := manifest.Bucket{Name: fmt.Sprintf("b%04d", i), Mappings: []manifest.MappingLayer{{Own: renamed}}}
		for j := range 10 {
			source := env.Sources[(2*i+j)%len(env.Sources)]
			b.Originals.List = append(b.Originals.List, source.Name)
			for _, key := range source.Keys.Names {
				if j == 0 {
					renamed[key] = manifest.Names{"RENAMED_" + key}
				}
			}
		}
		env.Buckets = append(env.Buckets, b)
		env.Consumers = append(env.Consumers, manifest.Consumer{Name: "r" + b.Name, Bucket: b.Name, Reader: &manifest.Reader{}})
	}
	return env, sources
}

func BenchmarkCompute(b *testing.B) {
	for _, keys := range sizes {
		b.Run(fmt.Sprint(keys), func(b *testing.B) {
			env, sources := large(keys)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := bucket.Compute(env, sources); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*keys), "ns/key")
		})
	}
}

// TestComputeIsLinear holds what Compute allocates for each key of a large environment against what it allocates for each
// key of a small one. Time is not looked at: BenchmarkCompute shows it.
func TestComputeIsLinear(t *testing.T) {
	smallBytes, smallObjects := allocatedPerKey(t, sizes[0])
	for _, keys := range sizes[1:] {
		bytes, objects := allocatedPerKey(t, keys)
		if bytes > 1.2*smallBytes || objects > 1.1*smallObjects {
			t.Errorf("%d keys: %.0f bytes and %.1f objects for each; with %d keys %.0f and %.1f",
				keys, bytes, objects, sizes[0], smallBytes, smallObjects)
		}
	}
}

// allocatedPerKey returns what computing an environment allocates, divided by its number of keys.
func allocatedPerKey(t *testing.T, keys int) (bytes, objects float64) {
	t.Helper()
	env, sources := large(keys)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	buckets, err := bucket.Compute(env, sources)
	runtime.ReadMemStats(&after)
	if err != nil || len(buckets) != len(env.Buckets) || len(buckets[0].Values) != 550 {
		t.Fatalf("%d buckets, the first with %d values, %v", len(buckets), len(buckets[0].Values), err)
	}
	return float64(after.TotalAlloc-before.TotalAlloc) / float64(keys), float64(after.Mallocs-before.Mallocs) / float64(keys)
}
