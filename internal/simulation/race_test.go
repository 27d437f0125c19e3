//go:build race

package simulation

// stride thins the exhaustive runs out under the race detector, which takes ten times as long: the worlds are played
// by goroutines that share nothing but what they are made of, and that shows in a few of them.
const stride = 61
