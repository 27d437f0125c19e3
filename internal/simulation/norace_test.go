//go:build !race

package simulation

// stride is 1: everything is played.
const stride = 1
