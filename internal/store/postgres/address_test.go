package postgres

import (
	"errors"
	"strings"
	"testing"
)

// Whatever is wrong with an address, and wherever in it the password ends, what is said
// of it may be shown and logged.
func TestNoErrorHoldsThePassword(t *testing.T) {
	for _, address := range []string{
		"postgres://u:geheim@h/db?sslmode=falsch",
		"postgres://h/db?password=geheim&sslmode=falsch",
		"host=h password = 'geheim' sslmode=falsch dbname=d",
		`host=h password=\ geheim sslmode=falsch dbname=d`,
		"host=h sslpassword = geheim sslmode=falsch dbname=d",
		"postgres://u:a@geheim@h:x/db?sslmode=disable",
		"postgres:/u:a:geheim/@h/db",
		"geheim",
	} {
		if err := Check(address); err == nil || strings.Contains(err.Error(), "geheim") {
			t.Errorf("%s: %v", address, err)
		}
	}
}

// Who does not say that the way to the server needs no TLS has it, verified or not as
// the address says, and no stranger on the way talks it down.
func TestAWayInClearIsSaid(t *testing.T) {
	for address, want := range map[string]error{
		"postgres://u@db1.example/db":                                 ErrUnprotected,
		"postgres://u@127.0.0.1,db1.example/db":                       ErrUnprotected,
		"host=10.1.2.3 user=u dbname=db":                              ErrUnprotected,
		"postgres://u@db1.example,db2.example/db?sslmode=verify-full": nil,
		"host=10.1.2.3 user=u dbname=db sslmode = disable":            nil,
		"postgres://u@db1.example/db?sslmode=prefer":                  ErrUnprotected,
		"postgres://u:sslmode=x@db1.example/db":                       ErrUnprotected, // a password
		"host=db1.example user=u dbname=db ssl=true":                  ErrUnprotected, // no word of this form
		"postgres://u@db1.example/db?ssl=true":                        nil,
		"postgres://u@localhost/db":                                   nil,
		"postgres://u@[::1]/db":                                       nil,
		"host=/run/postgresql dbname=db":                              nil,
	} {
		if err := Check(address); errors.Is(err, ErrUnprotected) != (want != nil) {
			t.Errorf("%s: %v", address, err)
		}
	}
}
