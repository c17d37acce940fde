package postgres

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// addresses are in every form that pgx takes.
var addresses = []string{
	"postgres://u:p%40%3A%25+@h1:5432,h2:5433/db?sslmode=verify-full&sslrootcert=/etc/ssl/certs/ca-certificates.crt",
	"postgresql://u:geheim@[::1]:5432,10.0.0.2:5433/db?sslmode=disable&application_name=a%20b+c",
	"postgres://u@h/db?sslmode=disable&password=ge+heim",
	"postgres://u@h/db?p%61ssword=geheim&sslmode=disable",
	"postgres://u: geheim @h/db?sslmode=disable",
	"postgres:///db?host=/run/postgresql&user=u",
	"postgres://u:a?b@h/db?sslmode=disable",
	"host=a,b port=1,2 user=u dbname=d password='a b\\'c' sslmode=disable",
	`host=h user = u dbname=d password=\ ge\\heim sslmode=disable`,
	`host='/run/post gres' dbname=d application_name='it\'s \\ one'`,
}

// Who is asked and where is as it was, and the password stands apart from it.
func TestApartIsTheSameAddress(t *testing.T) {
	for _, address := range addresses {
		same(t, address)
	}
	for _, address := range []string{"postgres://u@h/db?sslpassword=geheim", "host=h sslpassword = geheim dbname=d"} {
		if _, _, err := Apart(address); !errors.Is(err, ErrKeyPassword) {
			t.Errorf("%s: %v", address, err)
		}
	}
}

// FuzzApart: no address that pgx reads another way gives its password away.
func FuzzApart(f *testing.F) {
	for _, address := range addresses {
		f.Add(address)
	}
	f.Fuzz(func(t *testing.T, address string) { same(t, address) })
}

func same(t *testing.T, address string) {
	place, password, err := Apart(address)
	want, unread := pgx.ParseConfig(address)
	if err != nil || unread != nil {
		if (err == nil) != (unread == nil) && !errors.Is(err, ErrKeyPassword) && unread == nil {
			t.Errorf("%q: pgx reads it, %v", address, err)
		}
		return
	}
	have, err := pgx.ParseConfig(place)
	if err != nil {
		t.Errorf("%q became %q: %v", address, place, err)
		return
	}
	if password != want.Password || have.Password != "" {
		t.Errorf("%q: password %q, and %q in %q", address, password, have.Password, place)
	}
	if have.User != want.User || have.Database != want.Database || !slices.Equal(hosts(have), hosts(want)) || (have.TLSConfig == nil) != (want.TLSConfig == nil) ||
		have.RuntimeParams["application_name"] != want.RuntimeParams["application_name"] {
		t.Errorf("%q is not %q", place, address)
	}
}

func hosts(c *pgx.ConnConfig) (list []string) {
	list = append(list, c.Host+" "+string(rune(c.Port)))
	for _, f := range c.Fallbacks {
		list = append(list, f.Host+" "+string(rune(f.Port)))
	}
	return list
}

// A password that is there in the end is in none of the arguments.
func TestApartHidesThePassword(t *testing.T) {
	for _, address := range addresses {
		if place, password, err := Apart(address); err != nil || password != "" && strings.Contains(place, password) {
			t.Errorf("%s: %s, %v", address, place, err)
		}
	}
}
