package postgres

import (
	"errors"
	"net/netip"
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
	case eitherWay(&config.Config):
		return nil, ErrUnprotected
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = connectTimeout
	}
	config.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	config.DialFunc = dial
	return config, nil
}

// eitherWay says that a host which is not this machine is asked with TLS and without, as
// pgx does where sslmode is not said: whoever is on the way to it chooses.
func eitherWay(c *pgconn.Config) bool {
	sealed, open := map[string]bool{}, map[string]bool{}
	for _, f := range append([]*pgconn.FallbackConfig{{Host: c.Host, TLSConfig: c.TLSConfig}}, c.Fallbacks...) {
		addr, err := netip.ParseAddr(f.Host)
		here := strings.HasPrefix(f.Host, "/") || strings.HasPrefix(f.Host, "@") || f.Host == "localhost" || err == nil && addr.IsLoopback()
		sealed[f.Host] = sealed[f.Host] || f.TLSConfig != nil
		open[f.Host] = open[f.Host] || f.TLSConfig == nil
		if !here && sealed[f.Host] && open[f.Host] {
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
