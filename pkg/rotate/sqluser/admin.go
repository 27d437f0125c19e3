package sqluser

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/rotate"
)

// Admin is the source of an administrator's login: a connection string, or a user and a password with or without a
// host.
//
// Its password goes to no host but those that its login names and those that the manifest lists at it under hosts,
// whatever stands in the source that is rotated:
//
//	the login names | the administrator logs in at                       | a source may be at
//	a host          | that host                                          | that host, and what hosts lists
//	no host         | the source's host that stands first under hosts    | what hosts lists
//	no host         | nowhere, where none of the source's stands there   | nothing: it is refused
type Admin struct {
	Source manifest.Source
	Read   func(context.Context) (rotate.Values, error) // returns its current values, at each use
}

// administrator is an administrator's login. Without Hosts, and without a Mode of Encryption, its place has yet to be
// found.
type administrator struct {
	Login
	port string // of entries under hosts that have none; "": whichever the source says
}

// readAdministrator reads the administrator's login.
func (r *Rotator[S]) readAdministrator(ctx context.Context) (administrator, error) {
	name := r.admin.Source.Name
	v, err := r.admin.Read(ctx)
	if err != nil {
		return administrator{}, fmt.Errorf("read the administrator's source %s: %w", name, err)
	}
	a, err := r.syntax.readAdministrator(r.admin.Source, v)
	if err != nil {
		return administrator{}, fmt.Errorf("the administrator's source %s: %w", name, err)
	}
	return a, nil
}

func (s Syntax) readAdministrator(source manifest.Source, v rotate.Values) (administrator, error) {
	if f, has := source.FindLogin(); has {
		return s.readPartsOfAdministrator(f, v)
	}
	keys := source.KeyNames()
	if len(keys) != 1 {
		return administrator{}, errors.New("it does not show where the login stands: " +
			"keep its URL alone there, or give its keys as {USER: username, PASSWORD: password}")
	}
	l, err := s.readURL(keys[0], v, nil)
	if err != nil {
		return administrator{}, err
	}
	return administrator{l, l.Hosts[0].Port}, nil
}

// readPartsOfAdministrator reads a login from keys of its own. Its encryption is open where the manifest names none.
func (s Syntax) readPartsOfAdministrator(f manifest.Login, v rotate.Values) (administrator, error) {
	l, err := s.readFields(f, v)
	if err != nil {
		return administrator{}, err
	}
	if f.SSLMode == "" && f.SSLRootCert == "" {
		l.Encryption = Encryption{}
	}
	port := readPart(f.Port, v)
	if len(l.Hosts) > 0 {
		port = l.Hosts[0].Port
	}
	return administrator{l, port}, nil
}

// locateAdministrator returns the administrator's login with its hosts and its encryption, for a source that is at
// these places. Of its own encryption the source gives no more than the authority, so that it weakens nothing. Where
// the administrator's login names no host, and none of the source's stands under hosts, it fails.
func (r *Rotator[S]) locateAdministrator(a administrator, places []place) (administrator, error) {
	near := places[0]
	if len(a.Hosts) > 0 {
		near = chooseNear(a.Login, places)
	} else {
		listed := r.findListed(a, places)
		if listed == nil {
			return a, Refusal(fmt.Sprintf("the login in source %s names no host, and the host of %s is not under its "+
				"hosts: write it there if that is the administrator's database", r.admin.Source.Name, near.key))
		}
		near = *listed
		for _, h := range near.Hosts {
			if r.isListed(a, h) {
				a.Hosts = append(a.Hosts, h)
			}
		}
	}
	if a.Encryption.Mode == "" {
		a.Encryption = Encryption{Mode: VerifyFull, Authority: near.Encryption.Authority}
	}
	return a, nil
}

// findListed returns the place with the host that stands first under hosts, or nil.
func (r *Rotator[S]) findListed(a administrator, places []place) *place {
	for _, entry := range r.admin.Source.Hosts {
		for i, p := range places {
			if slices.ContainsFunc(p.Hosts, func(h Host) bool { return r.syntax.isHost(entry, a, h) }) {
				return &places[i]
			}
		}
	}
	return nil
}

// isListed reports whether a host stands under hosts at the administrator's source.
func (r *Rotator[S]) isListed(a administrator, h Host) bool {
	return slices.ContainsFunc(r.admin.Source.Hosts, func(entry string) bool { return r.syntax.isHost(entry, a, h) })
}

// servesHosts reports whether all of these hosts are the administrator's, or listed as serving the same users.
func (r *Rotator[S]) servesHosts(a administrator, hosts []Host) bool {
	return !slices.ContainsFunc(hosts, func(h Host) bool { return !slices.Contains(a.Hosts, h) && !r.isListed(a, h) })
}

// checkServed refuses places at hosts that are neither the administrator's nor listed.
func (r *Rotator[S]) checkServed(a administrator, places []place) error {
	for _, p := range places {
		if !r.servesHosts(a, p.Hosts) {
			return Refusal(fmt.Sprintf("the host of %s is neither the administrator's nor under hosts of source %s: "+
				"write it there if it serves the same users", p.key, r.admin.Source.Name))
		}
	}
	return nil
}

// isHost reports whether an entry under hosts is this host. Without a port it is at the administrator's, or, where that
// names none, at any.
func (s Syntax) isHost(entry string, a administrator, h Host) bool {
	name, own, err := net.SplitHostPort(entry)
	if err != nil {
		name, own = strings.Trim(entry, "[]"), cmp.Or(a.port, h.Port)
	}
	declared, err := s.NewHost(name, own)
	return err == nil && declared == h
}

// chooseNear returns the first place that has a host of the administrator's, or else the first.
func chooseNear(admin Login, places []place) place {
	for _, p := range places {
		if slices.ContainsFunc(p.Hosts, func(h Host) bool { return slices.Contains(admin.Hosts, h) }) {
			return p
		}
	}
	return places[0]
}

// moveTo returns a version's login where the administrator sees its user: at the hosts that both name, as that place
// has it, or else at the administrator's, as the administrator's login has it.
func (r *Rotator[S]) moveTo(admin Login, places []place) Login {
	l := chooseNear(admin, places).Login
	if r.syntax.OptionalDatabase {
		l.Database = ""
	}
	var both []Host
	for _, h := range l.Hosts {
		if slices.Contains(admin.Hosts, h) {
			both = append(both, h)
		}
	}
	if len(both) > 0 {
		l.Hosts = both
		return l
	}
	l.Hosts, l.Encryption, l.Options = admin.Hosts, admin.Encryption, admin.Options
	return l
}
