package postgres

import (
	"errors"
	"strings"

	"github.com/rotary-secrets/rotary/pkg/dsn"
)

// translateOption returns the name that libpq has for a parameter, and its value in libpq's words. JDBC and ADO.NET
// have names of their own (https://jdbc.postgresql.org/documentation/use/#connection-parameters,
// https://www.npgsql.org/doc/security.html).
func translateOption(d dsn.Dialect, o dsn.Option) (name, value string, err error) {
	name, value = o.Name, o.Value
	if d == dsn.JDBC {
		if own := namesOfJDBC[name]; own != "" {
			name = own
		}
		return name, value, checkFactory(name, value)
	}
	if d == dsn.ADONET {
		name = strings.ToLower(strings.ReplaceAll(name, " ", ""))
		if own := namesOfADONET[name]; own != "" {
			name = own
		}
		if known[name] == understood && name != rootCert && name != "options" {
			value = strings.ToLower(value)
		}
		if word := wordsOfADONET[value]; name == "sslmode" && word != "" {
			value = word
		}
	}
	return name, value, nil
}

// namesOfJDBC are the names that pgjdbc has for libpq's.
var namesOfJDBC = map[string]string{
	"sslNegotiation": negotiation, "channelBinding": "channel_binding",
	"PGHOST": "pghost", "PGPORT": "pgport", "PGDBNAME": "pgdbname",
}

// namesOfADONET are the names that Npgsql has for libpq's, without their blanks and in small letters.
var namesOfADONET = map[string]string{
	"rootcertificate": rootCert, "channelbinding": "channel_binding",
	"sslcertificate": "sslcert", "clientcertificate": "sslcert", "clientcertificatekey": "sslkey",
}

// wordsOfADONET are the words of Npgsql's SslMode that are not libpq's.
var wordsOfADONET = map[string]string{"verifyca": "verify-ca", "verifyfull": "verify-full"}

// The values of sslfactory that rotary knows.
const (
	anybody    = "org.postgresql.ssl.NonValidatingFactory"
	fromFile   = "org.postgresql.ssl.LibPQFactory"
	fromSystem = "org.postgresql.ssl.DefaultJavaSSLFactory"
)

// checkFactory refuses a class that would check certificates in its own way.
func checkFactory(name, value string) error {
	if name != "sslfactory" || value == "" || value == anybody || value == fromFile || value == fromSystem {
		return nil
	}
	return errors.New("its sslfactory is a class that rotary does not know: write sslmode and sslrootcert")
}

// chooseMode returns what pgjdbc does where there is no sslmode: ssl=true, and ssl alone, are verify-full, unless the
// factory checks nothing (https://jdbc.postgresql.org/documentation/ssl/).
func chooseMode(options map[string]string) string {
	value, is := options["ssl"]
	if !is || value != "" && !strings.EqualFold(value, "true") {
		return ""
	}
	if options["sslfactory"] == anybody {
		return "require"
	}
	return "verify-full"
}
