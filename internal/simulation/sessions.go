package simulation

import (
	"maps"
	"slices"
	"time"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/rotate"
)

// openSession is somebody who is logged in at a database and runs on nothing that rotary knows: a job that was forgotten,
// a pool of a machine that nobody has declared.
type openSession struct {
	user, login string // login is the text of the database's key
	began       time.Time
}

// listSessions returns the actions about who is logged in at a database.
func listSessions() map[string]func(w *World, args []string) error {
	return map[string]func(w *World, args []string) error{
		"login": beginSession, "logout": endSessions, "allow": allowSessions,
	}
}

// beginSession logs somebody in with what a source holds now.
func beginSession(w *World, args []string) error {
	d, err := w.findDatabase(args)
	if err != nil {
		return err
	}
	v := w.readSource(d.source)
	if !d.acceptsLogin(v) {
		return errNotNow
	}
	user := d.userOf(v)
	d.sessions = append(d.sessions, openSession{user: user, login: d.textOf(user, d.passwords[user]), began: w.Clock.Now()})
	return nil
}

// endSessions logs everybody out.
func endSessions(w *World, args []string) error {
	d, err := w.findDatabase(args)
	if err == nil {
		d.sessions = nil
	}
	return err
}

// allowSessions takes a person's word that whoever uses what a source owes may be cut off.
func allowSessions(w *World, args []string) error {
	d, err := w.findDatabase(args)
	if err != nil {
		return err
	}
	defer w.openForOthers()()
	o := w.newOperator("person")
	found, err := o.FindUsed(w.ctx, d.source, "")
	if err != nil {
		return errNotNow
	}
	for _, v := range w.peekAt(d.source.Secret) {
		if v.ID == found.Version { // also where the answer is lost
			d.allowed[d.userOf(readContent(d.source, v.Value))] = w.Clock.Now().Add(history.AcceptanceHolds)
		}
	}
	return o.AcceptSessions(w.ctx, found)
}

func (w *World) findDatabase(args []string) (*database, error) {
	s, err := w.findSource(args)
	if err != nil || w.databases[s.Name] == nil {
		return nil, errNotNow
	}
	return w.databases[s.Name], nil
}

// logEverybodyOut ends all sessions, as time does at last.
func (w *World) logEverybodyOut() {
	for _, name := range slices.Sorted(maps.Keys(w.databases)) {
		w.databases[name].sessions = nil
	}
}

// judgeSessions returns what the witness says of a user's sessions.
func (d *database) judgeSessions(user string, witness rotate.Witness) error {
	var uses []rotate.Use
	for _, s := range d.sessions {
		if s.user == user {
			uses = append(uses, rotate.Use{Session: true, Ago: d.w.Clock.Now().Sub(s.began), Certain: true, Address: "10.0.4.17", By: "job"})
		}
	}
	return witness.Judge(uses)
}

// checkLoggedIn checks that nobody is logged in with a login that is about to die, unless an emergency has said so, a
// person has accepted it, or it has lingered. It knows nothing of proofs: what lingers is as old as that at least.
func (d *database) checkLoggedIn(user, login string) {
	for _, s := range d.sessions {
		young := d.w.Clock.Now().Sub(s.began) < history.SessionsLinger
		unasked := s.began.After(d.allowed[user])
		if s.user == user && s.login == login && young && unasked && !d.w.isDoomed(d.source, login) {
			d.w.noteViolation("S4 a login of %s is retired, and somebody has been logged in with it since %s",
				d.source.Name, s.began.Format(time.TimeOnly))
		}
	}
}
