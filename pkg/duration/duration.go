// Package duration reads and writes time spans as people write them in files: 90s, 30m, 24h, 7d or 2w.
package duration

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"
)

// Duration is a time span.
type Duration time.Duration

// ErrSyntax is returned for a text that is no duration, with how one is written. It does not quote the text.
var ErrSyntax = errors.New("not a duration: write a whole number and one unit, like 90s, 30m, 24h, 7d or 2w")

type unit struct {
	letter byte
	length time.Duration
}

// durationUnits returns the units from the largest to the smallest. A day has 24 hours.
func durationUnits() []unit {
	return []unit{{'w', 7 * 24 * time.Hour}, {'d', 24 * time.Hour}, {'h', time.Hour}, {'m', time.Minute},
		{'s', time.Second}}
}

// Parse reads 90s, 30m, 24h, 7d or 2w. The number is positive. The error is ErrSyntax.
func Parse(text string) (Duration, error) {
	if len(text) < 2 || text[0] < '1' || text[0] > '9' {
		return 0, ErrSyntax
	}
	number, err := strconv.ParseInt(text[:len(text)-1], 10, 64)
	if err != nil {
		return 0, ErrSyntax
	}
	for _, u := range durationUnits() {
		if u.letter == text[len(text)-1] && number <= math.MaxInt64/int64(u.length) {
			return Duration(number) * Duration(u.length), nil
		}
	}
	return 0, ErrSyntax
}

// String writes d in the largest unit that divides it: 24h is 1d.
func (d Duration) String() string {
	for _, u := range durationUnits() {
		if d != 0 && time.Duration(d)%u.length == 0 {
			return fmt.Sprintf("%d%c", time.Duration(d)/u.length, u.letter)
		}
	}
	return time.Duration(d).String()
}

// Std returns d as the standard library's type.
func (d Duration) Std() time.Duration { return time.Duration(d) }

// MarshalText writes what String returns.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what Parse reads.
func (d *Duration) UnmarshalText(text []byte) (err error) {
	*d, err = Parse(string(text))
	return err
}
