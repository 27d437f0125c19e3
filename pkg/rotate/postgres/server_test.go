package postgres

import (
	"testing"

	"github.com/rotary-secrets/rotary/internal/postgrestest"
)

// TestOnAServer runs what needs a server, and none of its own: on the preferred PostgreSQL of this machine, and, where
// versions differ, on each.
func TestOnAServer(t *testing.T) {
	for n, bin := range postgrestest.Installed(t) {
		t.Run(postgrestest.Version(t, bin), func(t *testing.T) {
			w := start(t, postgrestest.Config{Bin: bin})
			for _, c := range []struct {
				name string
				each bool
				test func(*testing.T, *world)
			}{
				{"the clone does what its original does", true, alike},
				{"what changes in the original comes to the clone with its next turn", true, drifting},
				{"an original that becomes another role has a clone that does too", true, becoming},
				{"a user may have any name, and any password", false, anyName},
				{"Set touches only what whoever put the source may already do", false, confused},
				{"an administrator that lacks a privilege is told which deed fails", true, lackingPrivileges},
				{"a replica serves the users of the administrator's server", false, replicated},
				{"the shape that RDS makes rotates with a master user that has no host", false, rdsShaped},
				{"nobody connects to a host that the administrator's source does not list", false, foreignHost},
				{"several URLs move together", false, severalURLs},
				{"a newer rotation stands, whatever an older one sends late", true, racing},
				{"the marker stands beside a person's comment", true, commented},
				{"the administrator retires who may not connect to its database", true, retiredElsewhere},
				{"what an older rotation has overwritten is set again", false, mended},
				{"a server that was left behind has no fence", false, leftBehind},
				{"Set may run several times at once", false, setAtOnce},
				{"Set leaves a login alone that is accepted already", false, setAgain},
				{"no crash comes between the end of a password and the end of its sessions", false, endingSessions},
				{"sessions go on unless the manifest ends them", false, leavingSessions},
				{"a session of the owed user is a veto", true, openSession},
				{"rotary's own sessions are none", false, ownSessions},
				{"what nobody has accepted is not ended", true, acceptedSession},
				{"an administrator that may not see sessions counts them", true, countedSessions},
				{"no password reaches the server's log", true, logged},
				{"a user is looked for at the primary", false, atThePrimary},
				{"what the machine's environment says to PostgreSQL's own programs is for them", false, environment},
				{"the options of a URL reach the server", false, options},
				{"a verifier is known by its password", false, verifiers},
			} {
				if n > 0 && !c.each {
					continue
				}
				t.Run(c.name, func(t *testing.T) {
					w.t = t
					w.forget()
					c.test(t, w)
				})
			}
		})
	}
}
