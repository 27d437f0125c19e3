package github

import (
	"fmt"
	"iter"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
)

// answerPage answers with one page of names and a Link header. Source of the form:
// https://docs.github.com/en/rest/using-the-rest-api/using-pagination-in-the-rest-api
func (q *request) answerPage(member string, names []string, usual, most int, describe func(string) any) answer {
	size, number := q.pageParameter("per_page", usual, most), q.pageParameter("page", 1, 1<<30)
	last := max(1, (len(names)+size-1)/size)
	items := []any{}
	for _, name := range names[min(len(names), (min(number, last+1)-1)*size):min(len(names), min(number, last+1)*size)] {
		items = append(items, describe(name))
	}
	a := okAnswer(map[string]any{"total_count": len(names), member: items})
	if links := q.pageLinks(number, last); links != "" {
		a.header = http.Header{"Link": {links}}
	}
	return a
}

// shuffleNames returns names in an order that follows from the seed alone: GitHub documents none, and a page's number
// has to mean the same page in two calls.
func (q *request) shuffleNames(names iter.Seq[string]) []string {
	all := slices.Collect(names)
	sim.Shuffle(q.lists, time.Time{}, all, func(name string) string { return name })
	return all
}

// pageParameter reads a query parameter between 1 and most.
func (q *request) pageParameter(name string, usual, most int) int {
	n, err := strconv.Atoi(q.URL.Query().Get(name))
	if err != nil || n < 1 {
		return usual
	}
	return min(n, most)
}

func (q *request) pageLinks(number, last int) string {
	var links []string
	add := func(rel string, page int) {
		query := q.URL.Query()
		query.Set("page", strconv.Itoa(page))
		links = append(links, fmt.Sprintf(`<https://%s%s?%s>; rel=%q`, q.Host, q.URL.EscapedPath(), query.Encode(), rel))
	}
	if number > 1 {
		add("prev", number-1)
		add("first", 1)
	}
	if number < last {
		add("next", number+1)
		add("last", last)
	}
	return strings.Join(links, ", ")
}
