//go:build !race

package simulation

// stride is of how many exhaustive runs an ordinary test plays one; make exhaust plays all, which takes
// many hours.
const stride = 180
