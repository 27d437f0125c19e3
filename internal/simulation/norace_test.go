//go:build !race

package simulation

// stride is of how many exhaustive runs an ordinary test plays one; make exhaust plays all, which takes
// many hours. It is a prime, so that it does not fall into step with the number of outcomes of a call.
const stride = 61
