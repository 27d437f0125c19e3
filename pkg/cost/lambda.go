package cost

import "time"

// What Lambda charges for a second of a gigabyte on arm64, and the memory at which a function has one processor
// (https://aws.amazon.com/lambda/pricing/, https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html).
const (
	perGigabyteSecond = 0.0000133334
	memoryOfProcessor = 1769 // MB
)

// Pass is what a pass of propagate takes: how long it waits for answers, and the time of a whole processor that it needs.
type Pass struct{ Waiting, CPU time.Duration }

// Duration returns how long the pass takes with so much memory, in MB: of less than 1,769 it has a part of a processor.
func (p Pass) Duration(memory int) time.Duration {
	share := min(float64(memory)/memoryOfProcessor, 1)
	return p.Waiting + time.Duration(float64(p.CPU)/share)
}

// Dollars returns what Lambda charges a month where every sweep's pass is like this one.
func (p Pass) Dollars(memory int) float64 {
	return Month * p.Duration(memory).Seconds() * float64(memory) / 1024 * perGigabyteSecond
}
