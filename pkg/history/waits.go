package history

import "time"

// LateWrite is how long what its client gave up can still land at its server, and a little more: the longer of
//
//	a call to AWS, GitHub or Vercel   4 tries of 10 s each and the waits between them (pkg/account), and the five
//	                                  minutes for which a signed request is taken
//	                                  (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html)
//	a statement at a database         the rotate function's two minutes, and what the server goes on for then
//
// A request that carries no time of its own (GitHub, Vercel) is taken to land within the same.
const LateWrite = 7 * time.Minute

// Deregistered is how long a task definition can still be started after it was deregistered, ten minutes, and a little
// more (https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeregisterTaskDefinition.html).
const Deregistered = 11 * time.Minute

// LookFresh is how old a look may be when something is retired because of it.
const LookFresh = time.Minute

// SessionsLinger is how long a session of an owed login vetoes its retirement where it began before every consumer was
// seen without the login: poolers and dead machines keep such sessions. Whoever still works with one is seen by then.
const SessionsLinger = 24 * time.Hour

// AcceptanceHolds is how long what a person has accepted (Sessions) covers what begins after it: a client that connects
// again and again would else never be accepted, and a pass comes well within.
const AcceptanceHolds = 15 * time.Minute
