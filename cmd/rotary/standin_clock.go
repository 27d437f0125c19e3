package main

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// clockVariable tells commands which time it is at the stand-in, and how fast that goes.
const clockVariable = "ROTARY_STANDIN_CLOCK"

// maxSpeed is the highest speed at which the Lambdas, which run in real time, keep up.
const maxSpeed = 3600

// worldClock is the stand-in's clock: it stood at there when it was here, and goes speed times as fast.
type worldClock struct {
	here, there time.Time
	speed       float64
}

// at returns the stand-in's time.
func (c worldClock) at(now time.Time) time.Time {
	return c.there.Add(time.Duration(float64(now.Sub(c.here)) * c.speed))
}

// String writes c as parseClock reads it.
func (c worldClock) String() string {
	return fmt.Sprintf("%s,%s,%s", c.here.UTC().Format(time.RFC3339Nano), c.there.UTC().Format(time.RFC3339Nano),
		strconv.FormatFloat(c.speed, 'g', -1, 64))
}

func parseClock(text string) (c worldClock, err error) {
	parts := strings.Split(text, ",")
	if len(parts) != 3 {
		return c, fmt.Errorf("%s is not what rotary standin writes", clockVariable)
	}
	here, err1 := time.Parse(time.RFC3339Nano, parts[0])
	there, err2 := time.Parse(time.RFC3339Nano, parts[1])
	speed, err3 := strconv.ParseFloat(parts[2], 64)
	if err1 != nil || err2 != nil || err3 != nil || speed <= 0 || speed > maxSpeed {
		return c, fmt.Errorf("%s is not what rotary standin writes", clockVariable)
	}
	return worldClock{here, there, speed}, nil
}

// leastWait is how long a command waits at least, in real time, where it would wait at all: the stand-in has other
// things to do than to be asked.
const leastWait = 500 * time.Millisecond

// followStandin makes a command's time that of the stand-in, where the shell has its variables and they lead to this
// machine: no wait for anything real becomes shorter.
func (o outside) followStandin(getenv func(string) string) outside {
	clock, err := parseClock(getenv(clockVariable))
	if err != nil || !isLoopback(getenv("AWS_ENDPOINT_URL")) {
		return o
	}
	now, wait := o.now, o.wait
	o.now = func() time.Time { return clock.at(now()) }
	o.wait = func(ctx context.Context, d time.Duration) error {
		return wait(ctx, max(time.Duration(float64(d)/clock.speed), min(d, leastWait)))
	}
	return o
}

// isLoopback reports whether an address leads to this machine.
func isLoopback(address string) bool {
	u, err := url.Parse(address)
	return err == nil && net.ParseIP(u.Hostname()).IsLoopback()
}
