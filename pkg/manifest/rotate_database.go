package manifest

import (
	"cmp"
	"slices"
)

// RotatePostgres gives the login of a PostgreSQL database to two users that take turns.
type RotatePostgres struct {
	Database `yaml:",inline"`
}

// RotateMySQL gives the login of a MySQL or MariaDB database to two users that take turns.
type RotateMySQL struct {
	Database `yaml:",inline"`
}

// Database describes a login of which two users take turns.
type Database struct {
	// The key, or keys, that hold the connection URL, in any dialect.
	// Example: `APP_DB__URL`, or `[APP_DB__URL, APP_DB__DIRECT_URL]`. Refuses: what is no key of the source,
	// `GH_TOKEN`.
	URL Names `yaml:"url,omitempty" json:"url,omitempty"`
	// URLs that the rotator cannot reach: they are rewritten, and not tried.
	// Example: `[APP_DB__DIRECT_URL]`. Refuses: what is not under url, `[GH_TOKEN]`, and all of them,
	// `[APP_DB__URL, APP_DB__DIRECT_URL]`.
	UntestedURLs []string `yaml:"untested_urls,omitempty" json:"untested_urls,omitempty"`
	// The keys that hold the login's parts. Default: for each the one that is stored as username, password, host, port
	// or dbname. Example: `{username: USERS_DB__USER, password: USERS_DB__PASSWORD, host: USERS_DB__HOST}`. Refuses:
	// `{username: USERS_DB__USER}`.
	Fields *Login `yaml:"fields,omitempty" json:"fields,omitempty"`
	// The source that holds an administrator's login.
	// Example: `app-db-admin`. Refuses: `nobody`, and a source of which it is not known where the login stands,
	// `storage`.
	Admin string `yaml:"admin,omitempty" json:"admin,omitempty"`
	// A retirement ends those sessions of the old login that a person has accepted (rotary accept --sessions). An
	// emergency's deadline ends all of them, without this too.
	// Example: `true`. Refuses: `"yes"`.
	EndSessions bool `yaml:"end_sessions,omitempty" json:"end_sessions,omitempty"`
}

// Login names the keys that hold the parts of a database login, in Secrets Manager's words for them
// (https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_secret_json_structure.html).
type Login struct {
	// The key that holds the user.
	// Example: `USERS_DB__USER`. Refuses: what is no key of the source, `GH_TOKEN`.
	Username string `yaml:"username,omitempty" json:"username,omitempty"`
	// The key that holds the password.
	// Example: `USERS_DB__PASSWORD`. Refuses: what is no key of the source, `GH_TOKEN`.
	Password string `yaml:"password,omitempty" json:"password,omitempty"`
	// The key that holds the host.
	// Example: `USERS_DB__HOST`. Refuses: what is no key of the source, `GH_TOKEN`.
	Host string `yaml:"host,omitempty" json:"host,omitempty"`
	// The key that holds the port. Default: the database's own port.
	// Example: `USERS_DB__PORT`. Refuses: the port itself, `"5432"`.
	Port string `yaml:"port,omitempty" json:"port,omitempty"`
	// The key that holds the name of the database.
	// Example: `USERS_DB__NAME`. Refuses: what is no key of the source, `GH_TOKEN`.
	DBName string `yaml:"dbname,omitempty" json:"dbname,omitempty"`
	// The mode itself: verify-full, verify-ca, require or disable. Default: verify-full.
	// Example: `verify-ca`. Refuses: `prefer`.
	SSLMode string `yaml:"sslmode,omitempty" json:"sslmode,omitempty"`
	// The file of the authority that signs the server's certificate, beside the Lambda's program. Default: those that
	// the system trusts.
	// Example: `rds.pem`. Refuses: `[rds.pem]`.
	SSLRootCert string `yaml:"sslrootcert,omitempty" json:"sslrootcert,omitempty"`
}

// Database returns what a rotator of databases is told; nothing where s has another one.
func (s Source) Database() Database {
	switch {
	case s.Rotate.Postgres != nil:
		return s.Rotate.Postgres.Database
	case s.Rotate.MySQL != nil:
		return s.Rotate.MySQL.Database
	}
	return Database{}
}

// lateWrite: the role's comment has the rotation's time.
func (p *RotatePostgres) lateWrite() LateWrite { return LateFenced }

// lateWrite: nothing at the server refuses what is late.
func (m *RotateMySQL) lateWrite() LateWrite { return LateConfirmed }

func (p *RotatePostgres) withDefaults(s Source) rotatorKind {
	return &RotatePostgres{p.Database.withLogin(s)}
}

func (m *RotateMySQL) withDefaults(s Source) rotatorKind {
	return &RotateMySQL{m.Database.withLogin(s)}
}

func (d *Database) isScheduled() bool { return true }
func (d *Database) isTested() bool    { return true }

// countDisplaced: there are two users, and every version that is not current may be the other one's.
func (d *Database) countDisplaced(others int) int { return others }

func (d *Database) describeStandIn() string {
	return "the database and the rotator's way to it are stood in for by two users that take turns; grants, TLS and " +
		"network are not rehearsed"
}

// withLogin fills in what Fields leaves out from the stored names of s. Without Fields, it does so where s stores a
// user and a password.
func (d Database) withLogin(s Source) Database {
	if d.Fields == nil && !s.HasLogin() {
		return d
	}
	var login Login
	if d.Fields != nil {
		login = *d.Fields
	}
	for name, key := range map[string]*string{
		"username": &login.Username, "password": &login.Password, "host": &login.Host, "port": &login.Port,
		"dbname": &login.DBName,
	} {
		*key = cmp.Or(*key, s.storedLike(name))
	}
	d.Fields = &login
	return d
}

// FindLogin returns the keys of s that hold the parts of a login: those that its rotator is told of, or that its secret
// stores as username, password, host, port and dbname. It reports whether there is a login.
func (s Source) FindLogin() (Login, bool) {
	f := s.Database().withLogin(s).Fields
	if f == nil {
		return Login{}, false
	}
	return *f, true
}

func (d *Database) listWrites(s Source) []string {
	keys := slices.Clone([]string(d.URL))
	if f := d.withLogin(s).Fields; f != nil {
		keys = append(keys, f.Username, f.Password)
	}
	return keys
}

func (d *Database) listConfig(s Source) []string {
	f := d.withLogin(s).Fields
	if f == nil {
		return nil
	}
	return slices.DeleteFunc([]string{f.Host, f.Port, f.DBName}, func(key string) bool { return key == "" })
}

func (d *Database) checkRotator(c checker, path, name string, source Source) {
	full := d.withLogin(source)
	if len(d.URL) == 0 && full.Fields == nil {
		c.add(path+".url", path+".url is missing",
			"name the key that holds the connection URL, or the keys of its parts with fields")
	}
	c.requireUnique(path+".url", d.URL)
	for i, key := range d.URL {
		if !source.Declares(key) {
			at := path + ".url"
			if len(d.URL) > 1 {
				at = indexPath(at, i)
			}
			c.add(at, at+" is not one of the source's keys", "name the key that holds the connection URL")
		}
	}
	c.requireUnique(path+".untested_urls", d.UntestedURLs)
	for i, key := range d.UntestedURLs {
		if !slices.Contains(d.URL, key) {
			at := indexPath(path+".untested_urls", i)
			c.add(at, at+" is not one of the keys under url", "correct it, or remove it")
		}
	}
	if len(d.UntestedURLs) > 0 && len(d.UntestedURLs) == len(d.URL) {
		c.add(path+".untested_urls", path+".untested_urls leaves no URL to try", "leave one of them out")
	}
	if full.Fields != nil {
		c.checkLogin(path+".fields", source, *full.Fields, d.URL)
	}
	if c.requireValue(path+".admin", d.Admin, "name the source that holds an administrator's login") {
		c.checkAdmin(path, name, source, d.Admin)
		c.checkAdminLogin(path, d.Admin)
	}
}

// checkLogin reports parts of a login that stand in no key of the source, and a mode that is none. A login that a URL
// has too needs no host.
func (c checker) checkLogin(path string, source Source, f Login, urls Names) {
	taken := map[string]string{}
	for _, key := range urls {
		taken[key] = "url"
	}
	for _, part := range []struct {
		name, key string
		optional  bool
	}{
		{"username", f.Username, false}, {"password", f.Password, false}, {"host", f.Host, len(urls) > 0},
		{"port", f.Port, true}, {"dbname", f.DBName, true},
	} {
		at := path + "." + part.name
		if part.optional && part.key == "" || !c.requireValue(at, part.key, "name the key that holds it") {
			continue
		}
		if !source.Declares(part.key) {
			c.add(at, at+" is not one of the source's keys", "list it under keys, or correct it")
		}
		if other, twice := taken[part.key]; twice {
			c.add(at, at+" is the same key as "+other, "each needs a key of its own")
		}
		taken[part.key] = part.name
	}
	if f.SSLRootCert != "" && f.SSLRootCert != "system" && !certificateFile.MatchString(f.SSLRootCert) {
		c.add(path+".sslrootcert", path+".sslrootcert is not a file beside the Lambda's program",
			"write a name without a folder that ends in .pem or .crt, like rds.pem")
	}
	if f.SSLMode != "" {
		c.requireOneOf(path+".sslmode", f.SSLMode, "verify-full", "verify-ca", "require", "disable")
	}
}

// checkAdmin reports an administrator's source that cannot serve.
func (c checker) checkAdmin(path, name string, source Source, admin string) {
	declared, ok := c.file.Sources[admin]
	switch {
	case !ok:
		c.add(path+".admin", "there is no source "+Quote(admin),
			"name the source that holds the administrator's credential")
	case admin == name:
		c.add(path+".admin", path+".admin is the source itself",
			"name another source, which holds the administrator's credential")
	case isIn(source.In, c.env.Name) && !isIn(declared.In, c.env.Name):
		c.add(path+".admin", "source "+Quote(admin)+" is not in environment "+Quote(c.env.Name),
			"declare it there too")
	}
}

// checkAdminLogin reports a source of which it is not known where the administrator's login stands: neither under one
// key, as a URL, nor under keys that are stored as username and password. It reports a login that is used at no host.
func (c checker) checkAdminLogin(path, admin string) {
	declared, ok := c.file.Sources[admin]
	login, found := declared.FindLogin()
	switch {
	case !ok:
	case found && login.Host == "" && len(declared.Hosts) == 0:
		c.add(path+".admin", "source "+Quote(admin)+" holds the administrator's login, and names no host for it",
			"list the database's host there: hosts: [db.example.com]")
	case !found && len(declared.KeyNames()) != 1:
		c.add(path+".admin", "source "+Quote(admin)+" does not say where the administrator's login stands",
			"keep its URL alone there, or give its keys as {USER: username, PASSWORD: password}")
	}
}

// HasLogin reports whether the secret of s stores a user and a password by these names.
func (s Source) HasLogin() bool {
	return s.storedLike("username") != "" && s.storedLike("password") != ""
}

// certificateFile matches what infra takes into a Lambda's folder beside its program.
var certificateFile = newShape(`^[A-Za-z0-9_-][A-Za-z0-9._-]{0,100}\.(pem|crt)$`)

// hostEntry matches a host and its port: a name, an address, or an address of IPv6 in brackets.
var hostEntry = newShape(`^([A-Za-z0-9_.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(:[1-9][0-9]{0,4})?$`)

// checkHosts reports entries that are no host.
func (c checker) checkHosts(path string, hosts []string) {
	c.requireUnique(path, hosts)
	for i, host := range hosts {
		if !hostEntry.MatchString(host) {
			c.add(indexPath(path, i), indexPath(path, i)+" is not a host", "write a host's name, with :port where it has one")
		}
	}
}
