package sim

import (
	"cmp"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"time"
)

// Lists configures the pages and the order of lists. The zero value is as hard on clients as a vendor may be: the
// first page of a list has one item, each further page twice as many as the one before, and what the vendor documents
// no order of comes in another order at every moment. Everything follows from the seed and the clock.
type Lists struct {
	Seed  uint64
	Whole bool // a page has as many items as the vendor's own: for tests that count calls
}

// ErrToken is returned for the token of a page that no list gave out.
var ErrToken = errors.New("no page has this token")

// List holds all items that a list operation can return.
type List[T any] struct {
	Lists
	Now   time.Time
	Items []T
	Key   func(T) string // different for every item
	Most  int            // the vendor's greatest page size

	// Sort returns the key by which the vendor documents the list to be sorted; nil where it documents no order.
	Sort       func(T) string
	Descending bool
}

// Page returns the page that a token names, the first for "", and the token of the next page; "" for the last page. An
// item that exists from the first page to the last is on exactly one page, whatever comes and goes meanwhile.
func (l List[T]) Page(token string) (items []T, next string, err error) {
	at, err := l.parseToken(token)
	if err != nil {
		return nil, "", err
	}
	all := l.sortedFrom(at)
	size := l.Most
	if !l.Whole && at.page < 16 {
		size = min(size, 1<<at.page)
	}
	if len(all) <= size {
		return itemValues(all), "", nil
	}
	return itemValues(all[:size]), place{at.page + 1, at.salt, all[size-1].rank}.formatToken(), nil
}

// place is the beginning of a page: after a rank, in the order that a salt makes.
type place struct {
	page int
	salt uint64
	rank string
}

func (p place) formatToken() string { return fmt.Sprintf("page-%d-%x-%x", p.page, p.salt, p.rank) }

func (l List[T]) parseToken(token string) (place, error) {
	if token == "" {
		return place{salt: momentSalt(l.Lists, l.Now)}, nil
	}
	var p place
	var rank string
	if _, err := fmt.Sscanf(token, "page-%d-%x-%s", &p.page, &p.salt, &rank); err != nil || p.page < 1 {
		return p, ErrToken
	}
	text, err := hex.DecodeString(rank)
	if err != nil {
		return p, ErrToken
	}
	p.rank = string(text)
	return p, nil
}

// rankedItem is an item and the text that it is sorted by.
type rankedItem[T any] struct {
	rank string
	item T
}

// sortedFrom returns the items from a place on, in the list's order.
func (l List[T]) sortedFrom(from place) []rankedItem[T] {
	var all []rankedItem[T]
	for _, item := range l.Items {
		r := rankedItem[T]{item: item}
		if l.Sort != nil {
			r.rank = l.Sort(item)
		} else {
			r.rank = fmt.Sprintf("%016x", mixHash(from.salt, l.Key(item)))
		}
		if from.page == 0 || l.compareKeys(r.rank, from.rank) > 0 {
			all = append(all, r)
		}
	}
	slices.SortStableFunc(all, func(a, b rankedItem[T]) int { return l.compareKeys(a.rank, b.rank) })
	return all
}

func (l List[T]) compareKeys(a, b string) int {
	if l.Descending {
		a, b = b, a
	}
	return strings.Compare(a, b)
}

func itemValues[T any](all []rankedItem[T]) []T {
	items := make([]T, len(all))
	for i, r := range all {
		items[i] = r.item
	}
	return items
}

// Shuffle puts what a vendor documents no order of into an order that follows from the seed, the moment and the keys.
func Shuffle[T any](l Lists, now time.Time, items []T, key func(T) string) {
	if len(items) < 2 {
		return
	}
	s := momentSalt(l, now)
	slices.SortStableFunc(items, func(a, b T) int { return cmp.Compare(mixHash(s, key(a)), mixHash(s, key(b))) })
}

func momentSalt(l Lists, now time.Time) uint64 {
	return splitMix64(l.Seed ^ splitMix64(uint64(now.UnixNano())))
}

// mixHash returns a pseudo-random number that follows from a salt and a text.
func mixHash(salt uint64, text string) uint64 {
	sum := fnv.New64a()
	_, _ = sum.Write([]byte(text))
	return splitMix64(salt ^ sum.Sum64())
}

// splitMix64 is the finalizer of SplitMix64: numbers that differ in one bit differ in half of them afterwards.
func splitMix64(n uint64) uint64 {
	n += 0x9e3779b97f4a7c15
	n = (n ^ n>>30) * 0xbf58476d1ce4e5b9
	n = (n ^ n>>27) * 0x94d049bb133111eb
	return n ^ n>>31
}
