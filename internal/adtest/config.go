package adtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"
)

func configFile(dir string) string { return filepath.Join(dir, "smb.conf") }

// config is smb.conf. Everything lies in dir, and only LDAP is served.
func config(dir, address, more string) string {
	return strings.NewReplacer("DIR", dir, "ADDRESS", address, "REALM", strings.ToUpper(Realm), "DOMAIN", Domain, "MORE", more).Replace(`[global]
	netbios name = DC1
	realm = REALM
	workgroup = DOMAIN
	server role = active directory domain controller
	server services = ldap
	interfaces = ADDRESS/8
	bind interfaces only = yes
	# A password that was replaced is wrong at once, as on Windows over LDAP.
	old password allowed period = 0
	tls enabled = yes
	tls keyfile = DIR/tls/key.pem
	tls certfile = DIR/tls/cert.pem
	tls cafile = DIR/tls/cert.pem
	private dir = DIR/private
	state directory = DIR/state
	cache directory = DIR/cache
	lock directory = DIR/lock
	pid directory = DIR/run
	ncalrpc dir = DIR/ncalrpc
	binddns dir = DIR/bind-dns
	winbindd socket directory = DIR/winbindd
	ntp signd socket directory = DIR/ntp
	log file = DIR/samba.log
	# Access lists in a database: not every file system has the attributes.
	xattr_tdb:file = DIR/state/xattr.tdb
	vfs objects = dfs_samba4 acl_xattr xattr_tdb
	posix:eadb = DIR/state/eadb.tdb
	load printers = no
	disable spoolss = yes
MORE
[sysvol]
	path = DIR/state/sysvol
	read only = no
[netlogon]
	path = DIR/state/sysvol/` + Realm + `/scripts
	read only = no
`)
}

func writeConfig(dir, address, more string) error {
	for _, name := range []string{"private", "state", "cache", "lock", "run", "ncalrpc", "bind-dns", "winbindd", "ntp", "tls"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o700); err != nil {
			return err
		}
	}
	return os.WriteFile(configFile(dir), []byte(config(dir, address, more)), 0o600)
}

// writeCertificate makes a certificate that is its own authority.
func writeCertificate(dir, name, address string) (*x509.CertPool, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: name},
		DNSNames: []string{name}, IPAddresses: []net.IP{net.ParseIP(address)},
		NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(1, 0, 0), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	for name, content := range map[string][]byte{"cert.pem": cert, "key.pem": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			return nil, err
		}
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(cert) {
		return nil, fmt.Errorf("the certificate just made is none")
	}
	return roots, nil
}
