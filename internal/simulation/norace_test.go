//go:build !race

package simulation

// stride is how many of the exhaustive runs an ordinary test leaves out for each that it plays, and one: make exhaust
// plays all of them, which takes the better part of an hour.
const stride = 5
