//go:build race

package simulation

// stride thins the exhaustive runs out further under the race detector, which takes ten times as long: worlds share
// nothing but what they are made of, and that shows in a few of them.
const stride = 2999
