//go:build linux

package wifi

import (
	"crypto/tls"
	"path/filepath"
	"testing"

	"schoolbridge/bench/stand"
	"schoolbridge/internal/radiustest"
)

// world is what all servers share: the people, and who vouches for servers.
type world struct {
	*stand.School
	authority *radiustest.Authority
}

func newWorld(t testing.TB, people int) *world {
	t.Helper()
	return &world{stand.NewSchool(t, people), radiustest.NewAuthority(t)}
}

// certificate writes a server's certificate and key into dir.
func (w *world) certificate(t testing.TB, dir string, rsa bool) {
	t.Helper()
	certificate, key := radiustest.PEM(t, w.issue(t, rsa))
	stand.Write(t, filepath.Join(dir, "cert.pem"), certificate)
	stand.Write(t, filepath.Join(dir, "key.pem"), key)
	stand.Write(t, filepath.Join(dir, "ca.pem"), w.authority.PEM())
}

func (w *world) issue(t testing.TB, rsa bool) tls.Certificate {
	return w.authority.Issue(t, radiustest.ServerName, rsa, nil)
}
