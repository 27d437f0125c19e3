package main

// suggestBucket returns a question for the bucket whose name is nearest to one that is not there, or "" where none is
// near.
func suggestBucket(name string, known []string) string {
	nearest, least := "", max(2, len(name)/3)+1
	for _, other := range known {
		if d := countEdits(name, other); d < least {
			nearest, least = other, d
		}
	}
	if nearest == "" {
		return ""
	}
	return ": did you mean " + nearest + "?"
}

// countEdits returns how many bytes have to be added, left out or replaced to get b from a (Levenshtein's distance).
func countEdits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal, row[j+1] = row[j+1], min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
