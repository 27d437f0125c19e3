package manifest

import (
	"cmp"
	"slices"
	"strings"
)

// DescribeKnown returns how an error about an unknown name ends: "; it has A, B", with a question before where one of
// these is probably meant. It does not quote name.
func DescribeKnown(name string, known []string) string {
	has := "it has none"
	if len(known) > 0 {
		has = "it has " + strings.Join(known, ", ")
	}
	if meant := FindNearest(name, known); meant != "" {
		return "; did you mean " + meant + "? " + strings.ToUpper(has[:1]) + has[1:]
	}
	return "; " + has
}

// FindNearest returns the one of these names that somebody probably meant who wrote name: it begins like it, or differs
// in no more than two letters and in less than half of them. It returns "" where there is none. Upper and lower case are
// the same.
func FindNearest(name string, known []string) string {
	type candidate struct {
		name string
		away int
	}
	var near []candidate
	wrote := strings.ToLower(name)
	for _, k := range known {
		plain := strings.ToLower(strings.Trim(k, `"`))
		away := countEdits(wrote, plain)
		if len(wrote) >= 2 && strings.HasPrefix(plain, wrote) {
			away = min(away, 1)
		}
		if away <= 2 && away*2 < max(len(wrote), 2) {
			near = append(near, candidate{k, away})
		}
	}
	if len(near) == 0 {
		return ""
	}
	return slices.MinFunc(near, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.away, b.away), cmp.Compare(a.name, b.name))
	}).name
}

// countEdits returns how many letters have to be put in, taken out or changed to make b of a (Levenshtein's distance).
func countEdits(a, b string) int {
	from, to := []rune(a), []rune(b)
	row := make([]int, len(to)+1)
	for j := range row {
		row[j] = j
	}
	for i := range from {
		corner := row[0]
		row[0] = i + 1
		for j := range to {
			changed := corner
			if from[i] != to[j] {
				changed++
			}
			corner = row[j+1]
			row[j+1] = min(changed, row[j+1]+1, row[j]+1)
		}
	}
	return row[len(to)]
}
