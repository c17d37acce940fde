package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"strings"
	"time"

	"schoolbridge/internal/eappeer"
	"schoolbridge/internal/nas"
	radiuswire "schoolbridge/radiussrv/wire"
)

// secretFiles reads what must not stand on a command line, where everybody on
// the machine sees it.
type secretFiles struct {
	in   io.Reader
	used string // the flag that took standard input
}

// maxSecretFile bounds such a file.
const maxSecretFile = 64 << 10

// open opens a file, or standard input for "-", which only one flag can have.
func (s *secretFiles) open(flagName, file string) (io.Reader, func(), error) {
	switch {
	case file == "":
		return nil, nil, usageError("нет %[1]s: назовите файл или - для стандартного ввода / %[1]s is missing: name a file, or - for standard input", flagName)
	case file == "-" && s.used != "":
		return nil, nil, usageError("%[1]s и %[2]s не могут вместе читать стандартный ввод / %[1]s and %[2]s cannot both read standard input", s.used, flagName)
	case file == "-":
		s.used = flagName
		return s.in, func() {}, nil
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, nil, unreadable(flagName, file, err)
	}
	return f, func() { _ = f.Close() }, nil // opened for reading: nothing is lost
}

// read gives a file's content without line breaks at its end.
func (s *secretFiles) read(flagName, file string) ([]byte, error) {
	r, done, err := s.open(flagName, file)
	if err != nil {
		return nil, err
	}
	defer done()
	b, err := io.ReadAll(io.LimitReader(r, maxSecretFile+1))
	if err != nil {
		return nil, &exitError{exitUsage, fmt.Errorf("%s: %w", flagName, err)}
	}
	b = bytes.TrimRight(b, "\r\n") // as the daemon reads its files
	if len(b) == 0 || len(b) > maxSecretFile {
		return nil, usageError("%[1]s: файл пуст или больше %[2]d байт / %[1]s: the file is empty or beyond %[2]d bytes", flagName, maxSecretFile)
	}
	return b, nil
}

// radiusFlags say which server is asked, and who asks.
type radiusFlags struct {
	server, secret                string
	radsec                        bool
	radsecCA, radsecName          string
	radsecCert, radsecKey         string
	identifier, address           string
	called, calling               string
	timeout                       time.Duration
	tries                         int
	allowUnsigned, withoutSigning bool
}

func (f *radiusFlags) register(fs *flag.FlagSet) {
	fs.StringVar(&f.server, "server", "", "сервер; порт 1812, для учёта 1813, для RadSec 2083 / the server, `HOST[:PORT]`; port 1812, for accounting 1813, for RadSec 2083")
	fs.StringVar(&f.secret, "secret-file", "", "файл с общим секретом; - стандартный ввод / `FILE` with the shared secret; - is standard input")
	fs.BoolVar(&f.radsec, "radsec", false, "RADIUS поверх TLS, а не UDP / RADIUS over TLS instead of UDP")
	fs.StringVar(&f.radsecCA, "radsec-ca", "", "RadSec: удостоверяющий центр сервера / RadSec: `FILE` with the authority of the server")
	fs.StringVar(&f.radsecName, "radsec-name", "", "RadSec: имя сервера в его сертификате; обычно то, что в --server / RadSec: the server's `NAME` in its certificate; usually that of --server")
	fs.StringVar(&f.radsecCert, "radsec-cert", "", "RadSec: наш сертификат / RadSec: `FILE` with our certificate")
	fs.StringVar(&f.radsecKey, "radsec-key", "", "RadSec: его ключ / RadSec: `FILE` with its key")
	fs.StringVar(&f.identifier, "nas-identifier", "schoolbridge-probe", "как называет себя точка доступа / what the access point calls itself")
	fs.StringVar(&f.address, "nas-address", "127.0.0.1", "адрес IPv4 точки доступа в запросе / the access point's IPv4 `ADDRESS` in the request")
	fs.StringVar(&f.called, "called-station", "", "Called-Station-Id: адрес точки доступа и через двоеточие SSID / the access point and, after a colon, the SSID")
	fs.StringVar(&f.calling, "calling-station", "02-00-00-00-00-01", "Calling-Station-Id: аппаратный адрес устройства (в load — свой у каждого) / the device's hardware address (load: each user has one)")
	fs.DurationVar(&f.timeout, "timeout", 2*time.Second, "сколько ждать ответа, прежде чем повторить запрос / how long to wait before a request is sent again")
	fs.IntVar(&f.tries, "tries", 3, "сколько раз отправить запрос / how often a request is sent at most")
	fs.BoolVar(&f.allowUnsigned, "allow-unsigned", false, "принимать ответы без Message-Authenticator, которые можно подделать / take answers without Message-Authenticator, which can be forged")
	fs.BoolVar(&f.withoutSigning, "send-unsigned", false, "не ставить Message-Authenticator в запросы без EAP, как старые устройства / leave Message-Authenticator out of requests without EAP, as old devices do")
}

// accounting gives the server with the port of accounting, where none is written.
func (f *radiusFlags) accounting() string {
	if f.radsec {
		return withPort(f.server, "2083")
	}
	return withPort(f.server, "1813")
}

func withPort(server, port string) string {
	if _, _, err := net.SplitHostPort(server); err == nil {
		return server
	}
	return net.JoinHostPort(strings.Trim(server, "[]"), port)
}

// client gives the server with its port and how to ask it.
func (f *radiusFlags) client(files *secretFiles) (string, radiuswire.ClientOptions, error) {
	o := radiuswire.ClientOptions{Wait: f.timeout, Tries: f.tries, Unsigned: f.allowUnsigned}
	if f.server == "" {
		return "", o, usageError("нет --server / --server is missing")
	}
	if f.timeout <= 0 || f.timeout > time.Minute || f.tries < 1 || f.tries > 20 {
		return "", o, usageError("--timeout: до 1m, --tries: от 1 до 20 / --timeout is up to 1m, --tries from 1 to 20")
	}
	if !f.radsec {
		secret, err := files.read("--secret-file", f.secret)
		o.Secret = secret
		return withPort(f.server, "1812"), o, err
	}
	server := withPort(f.server, "2083")
	roots, err := readAuthority("--radsec-ca", f.radsecCA)
	if err != nil {
		return "", o, err
	}
	own, err := readPair("--radsec-cert", f.radsecCert, "--radsec-key", f.radsecKey)
	if err != nil {
		return "", o, err
	}
	o.TLS = &tls.Config{RootCAs: roots, ServerName: f.radsecName, Certificates: []tls.Certificate{*own}, MinVersion: tls.VersionTLS12}
	return server, o, nil
}

// point gives who asks.
func (f *radiusFlags) point() (nas.Point, error) {
	address, err := netip.ParseAddr(f.address)
	if err != nil || !address.Is4() {
		return nas.Point{}, usageError("--nas-address: %[1]q не адрес IPv4 / %[1]q is no IPv4 address", f.address)
	}
	for _, s := range []string{f.identifier, f.called, f.calling} {
		if len(s) > maxLogin {
			return nas.Point{}, usageError("атрибут RADIUS не длиннее 253 байт / a RADIUS attribute has at most 253 bytes")
		}
	}
	return nas.Point{Identifier: f.identifier, Address: address, Called: f.called, Calling: f.calling, Unsigned: f.withoutSigning}, nil
}

// deviceFlags describe a device that speaks EAP.
type deviceFlags struct {
	method, anonymous string
	ca, name          string
	cert, key         string
	tls               string
	fragment          int
}

func (f *deviceFlags) register(fs *flag.FlagSet) {
	var names []string
	for _, m := range eappeer.Methods() {
		names = append(names, m.String())
	}
	fs.StringVar(&f.method, "method", eappeer.PEAPMSCHAPv2.String(), "метод EAP / the EAP method: "+strings.Join(names, ", "))
	fs.StringVar(&f.anonymous, "anonymous", "", "имя, которое идёт открыто вместо логина / the name that is sent in the open instead of the login")
	fs.StringVar(&f.ca, "ca", "", "центр, выдавший сертификат сервера; none — показать сертификат без проверки: пароль получит любой, кто ответит / `FILE` with the authority that signs the server's certificate; none: it is shown and not checked, and the password goes to whoever answers")
	fs.StringVar(&f.name, "name", "", "имя, которое должно быть в сертификате сервера / the `NAME` that the server's certificate must have")
	fs.StringVar(&f.cert, "cert", "", "tls: сертификат устройства / tls: `FILE` with the device's certificate")
	fs.StringVar(&f.key, "key", "", "tls: его ключ / tls: `FILE` with its key")
	fs.StringVar(&f.tls, "tls", "", "только эта версия TLS / only this version of TLS: 1.2 or 1.3")
	fs.IntVar(&f.fragment, "fragment", 1398, "наибольший отправляемый пакет EAP, байт / the longest EAP packet to send, in bytes, from 64 to 3000")
}

func (f *deviceFlags) needsPassword() bool { return f.method != eappeer.TLS.String() }

// options reads the files; login and password are the caller's.
func (f *deviceFlags) options() (eappeer.Options, error) {
	o := eappeer.Options{Anonymous: f.anonymous, ServerName: f.name, Fragment: f.fragment}
	var ok bool
	if o.Method, ok = eappeer.ParseMethod(f.method); !ok {
		return o, usageError("--method: метода EAP %[1]q нет, все перечисляет -h / there is no EAP method %[1]q; -h lists them", f.method)
	}
	if f.fragment < 64 || f.fragment > 3000 {
		return o, usageError("--fragment: от 64 до 3000 / from 64 to 3000")
	}
	var err error
	if f.ca != "none" {
		if o.Roots, err = readAuthority("--ca", f.ca); err != nil {
			return o, err
		}
	}
	if o.Method == eappeer.TLS {
		if o.Certificate, err = readPair("--cert", f.cert, "--key", f.key); err != nil {
			return o, err
		}
	}
	switch f.tls {
	case "":
	case "1.2":
		o.MinVersion, o.MaxVersion = tls.VersionTLS12, tls.VersionTLS12
	case "1.3":
		o.MinVersion, o.MaxVersion = tls.VersionTLS13, tls.VersionTLS13
	default:
		return o, usageError("--tls: 1.2 или 1.3 / 1.2 or 1.3")
	}
	return o, nil
}

// unreadable says which file that a flag names cannot be read, and why.
func unreadable(flagName, file string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return usageError("%[1]s: файла %[2]s нет / %[1]s: there is no file %[2]s", flagName, file)
	}
	return &exitError{exitUsage, fmt.Errorf("%s: %w", flagName, err)}
}

func readAuthority(flagName, file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, usageError("нет %[1]s, файла удостоверяющего центра / %[1]s is missing: the file of the certificate authority", flagName)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, unreadable(flagName, file, err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(b) {
		return nil, usageError("%[1]s: в %[2]s нет сертификата (PEM) / %[1]s: there is no certificate (PEM) in %[2]s", flagName, file)
	}
	return pool, nil
}

func readPair(certFlag, cert, keyFlag, key string) (*tls.Certificate, error) {
	if cert == "" || key == "" {
		return nil, usageError("нужны %[1]s и %[2]s, сертификат и его ключ / %[1]s and %[2]s are needed: the certificate and its key", certFlag, keyFlag)
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	var path *fs.PathError
	switch {
	case errors.As(err, &path):
		return nil, unreadable(certFlag+", "+keyFlag, path.Path, err)
	case err != nil:
		return nil, usageError("%[1]s, %[2]s: нужны сертификат и его ключ, оба PEM: %[3]w / %[1]s, %[2]s: a certificate and its key are wanted, both PEM: %[3]w", certFlag, keyFlag, err)
	}
	return &pair, nil
}
