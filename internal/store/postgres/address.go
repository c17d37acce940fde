package postgres

import (
	"errors"
	"net/netip"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// What is wrong with an address, besides what pgx finds.
var (
	ErrNoDatabase  = errors.New("the address names no database")
	ErrUnprotected = errors.New("the address does not say how the way to the server is protected: add sslmode=verify-full, and sslrootcert with the file of the authority's certificate; sslmode=disable only where nobody else is on that way")
)

// Check says what is wrong with an address, without a word of the password in it.
func Check(address string) error {
	_, err := parse(address)
	return err
}

// parse reads an address. Its errors hold nothing of it: where the password in it
// ends is what nobody can tell of one that is wrong. What it says of
// target_session_attrs does not count: a standby is behind, and what it tells of
// people who are suspended too.
func parse(address string) (*pgx.ConnConfig, error) {
	config, err := pgx.ParseConfig(address)
	if err != nil {
		return nil, unquoted(err)
	}
	switch {
	case config.Database == "":
		return nil, ErrNoDatabase
	case !saysProtection.MatchString(address) && leavesMachine(&config.Config):
		return nil, ErrUnprotected
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = connectTimeout
	}
	config.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	config.DialFunc = dial
	return config, nil
}

// saysProtection finds sslmode in an address of either form. Without it pgx goes on in
// clear where the server, or whoever answers for it, has no TLS.
var saysProtection = regexp.MustCompile(`\bssl(mode)?\s*=`)

// leavesMachine says that some host of the address is not this machine.
func leavesMachine(c *pgconn.Config) bool {
	hosts := []string{c.Host}
	for _, f := range c.Fallbacks {
		hosts = append(hosts, f.Host)
	}
	for _, h := range hosts {
		addr, err := netip.ParseAddr(h)
		here := strings.HasPrefix(h, "/") || strings.HasPrefix(h, "@") || h == "localhost" || err == nil && addr.IsLoopback()
		if !here {
			return true
		}
	}
	return false
}

// unquoted takes the address out of an error of pgx, which masks the passwords that
// it recognizes.
func unquoted(err error) error {
	var wrong *pgconn.ParseConfigError
	if !errors.As(err, &wrong) {
		return errors.New("the address cannot be read")
	}
	bare := *wrong
	bare.ConnString = ""
	return errors.New(strings.TrimPrefix(bare.Error(), "cannot parse ``: "))
}
