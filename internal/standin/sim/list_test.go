package sim

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func ownText(text string) string { return text }

func numberTexts(n int) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprintf("item-%03d", i))
	}
	return all
}

// readAllPages reads a list to its end, and returns its pages.
func readAllPages(t *testing.T, l List[string]) (pages [][]string) {
	t.Helper()
	for token := ""; ; {
		items, next, err := l.Page(token)
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, items)
		if token = next; token == "" {
			return pages
		}
	}
}

func TestPagesBeginSmallAndNoneIsLargerThanAsked(t *testing.T) {
	for _, c := range []struct {
		items, most int
		whole       bool
		want        []int
	}{
		{0, 100, false, []int{0}},
		{1, 100, false, []int{1}},
		{2, 100, false, []int{1, 1}},
		{20, 100, false, []int{1, 2, 4, 8, 5}},
		{12, 4, false, []int{1, 2, 4, 4, 1}},
		{250, 100, true, []int{100, 100, 50}},
		{100, 100, true, []int{100}},
	} {
		l := List[string]{Lists: Lists{Whole: c.whole}, Now: start, Items: numberTexts(c.items), Key: ownText, Most: c.most}
		var sizes []int
		pages := readAllPages(t, l)
		for _, p := range pages {
			sizes = append(sizes, len(p))
		}
		if !slices.Equal(sizes, c.want) {
			t.Errorf("%d items, %d to a page at most: pages of %v, not %v", c.items, c.most, sizes, c.want)
		}
		if got := slices.Sorted(slices.Values(slices.Concat(pages...))); !slices.Equal(got, l.Items) {
			t.Errorf("%d items are listed as %v", c.items, got)
		}
	}
}

func TestWhatHasNoOrderIsShuffledByTheSeedAndTheMoment(t *testing.T) {
	listed := func(seed uint64, now time.Time) string {
		return strings.Join(slices.Concat(readAllPages(t, List[string]{Lists: Lists{Seed: seed}, Now: now, Items: numberTexts(10), Key: ownText, Most: 100})...), " ")
	}
	if first, again := listed(1, start), listed(1, start); first != again {
		t.Error("the same seed and moment give two orders")
	}
	orders := map[string]bool{strings.Join(numberTexts(10), " "): true}
	for i := range 20 {
		orders[listed(uint64(i), start)] = true
		orders[listed(0, start.Add(time.Duration(i+1)*time.Millisecond))] = true
	}
	if len(orders) != 41 {
		t.Errorf("%d orders out of 41", len(orders))
	}
	firsts := map[string]int{}
	for i := range 1000 {
		pair := []string{"PRIMARY", "ACTIVE"}
		Shuffle(Lists{Seed: uint64(i)}, start, pair, ownText)
		firsts[pair[0]]++
	}
	if firsts["PRIMARY"] < 450 || firsts["PRIMARY"] > 550 {
		t.Errorf("of 1000 pairs %d begin with the one", firsts["PRIMARY"])
	}
}

func TestADocumentedOrderIsKept(t *testing.T) {
	for _, down := range []bool{false, true} {
		want := numberTexts(20)
		if down {
			slices.Reverse(want)
		}
		items := numberTexts(20)
		Shuffle(Lists{}, start, items, ownText)
		got := slices.Concat(readAllPages(t, List[string]{Now: start, Items: items, Key: ownText, Sort: ownText, Descending: down, Most: 5})...)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("descending %v (-want +got):\n%s", down, diff)
		}
	}
}

// What stays is listed once while others come and go, and the clock moves on.
func TestNothingIsMissedWhileTheListChanges(t *testing.T) {
	for _, sort := range []func(string) string{nil, ownText} {
		l := List[string]{Now: start, Items: numberTexts(40), Key: ownText, Sort: sort, Most: 100}
		seen := map[string]int{}
		for token, round := "", 0; ; round++ {
			items, next, err := l.Page(token)
			if err != nil {
				t.Fatal(err)
			}
			for _, item := range items {
				seen[item]++
			}
			if token = next; token == "" {
				break
			}
			gone := items[len(items)-1]
			l.Items = append(slices.DeleteFunc(l.Items, func(s string) bool { return s == gone }), fmt.Sprintf("new-%d", round))
			l.Now = l.Now.Add(time.Second)
		}
		for _, item := range numberTexts(40) {
			if seen[item] != 1 {
				t.Errorf("%s is listed %d times", item, seen[item])
			}
		}
	}
}

func TestATokenThatNobodyGaveOutIsRefused(t *testing.T) {
	for _, token := range []string{"page-0-1-00", "page-1", "page-1-1-zz", "next", "page-x-1-00"} {
		if _, _, err := (List[string]{Items: numberTexts(3), Key: ownText, Most: 100}).Page(token); !errors.Is(err, ErrToken) {
			t.Errorf("%s: %v", token, err)
		}
	}
}
