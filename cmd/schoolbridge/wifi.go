package main

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"schoolbridge/config"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/onboard"
	"schoolbridge/internal/store"
)

const wifiUsage = "profile --config FILE [--for apple|windows|android|linux] [--lang ru|en] [--sign] [--out FILE | --dir DIR] LOGIN"

// wifiCall is what the command line of "wifi profile" asks for.
type wifiCall struct {
	file, platform, out, dir, login string
	lang                            onboard.Lang
	sign                            bool
}

func runWiFi(ctx context.Context, std streams, args []string) error {
	call, err := parseWiFi(std, args)
	if err != nil {
		return err
	}
	c, err := loadConfig(std, call.file, string(call.lang), "wifi")
	if err != nil {
		return err
	}
	if !c.WiFi.On() {
		return usageError("%s", call.say("в настройках нет раздела wifi: впишите ssids, server_names и ca_file (пример — schoolbridge config reference)",
			"the configuration has no section wifi: write ssids, server_names and ca_file (schoolbridge config reference shows an example)"))
	}
	network, err := wifiNetwork(c.WiFi)
	if err != nil {
		return err
	}
	sign, err := call.signer(c)
	if err != nil {
		return err
	}
	login, err := call.holder(ctx, c)
	if err != nil {
		return err
	}
	return call.deliver(std, network, login, sign)
}

func parseWiFi(std streams, args []string) (wifiCall, error) {
	var call wifiCall
	fs := flag.NewFlagSet("wifi", flag.ContinueOnError)
	fs.StringVar(&call.file, "config", "", "файл настроек / the configuration `FILE`")
	fs.StringVar(&call.platform, "for", "", "для чего: apple, windows, android или linux; без него — всё / for what `DEVICE`; all without it")
	fs.StringVar(&call.out, "out", "", "куда записать главный файл; без него — стандартный вывод / `FILE` for the main file; standard output without it")
	fs.StringVar(&call.dir, "dir", "", "папка для всех файлов / folder `DIR` for all files")
	fs.BoolVar(&call.sign, "sign", false, "подписать профиль Apple сертификатом сервера / sign the profile for Apple with the server's certificate")
	lang := langFlag(fs)
	words, err := parse(fs, std, args)
	if err != nil {
		return call, err
	}
	call.lang = onboard.Lang(*lang)
	if call.platform != "" && !slices.Contains(onboard.Platforms(), onboard.Platform(call.platform)) {
		return call, usageError("%s", call.say(fmt.Sprintf("--for: %q не бывает; есть apple (iPhone, iPad, Mac), windows, android и linux", call.platform),
			fmt.Sprintf("--for: there is no %q but apple (iPhone, iPad, Mac), windows, android and linux", call.platform)))
	}
	if len(words) != 2 || words[0] != "profile" ||
		call.out != "" && (call.platform == "" || call.dir != "") {
		return call, misused("wifi")
	}
	call.login = words[1]
	return call, nil
}

func (w wifiCall) say(ru, en string) string {
	if w.lang == onboard.English {
		return en
	}
	return ru
}

// wifiNetwork makes of the section wifi what devices are told.
func wifiNetwork(c config.WiFi) (onboard.Network, error) {
	authorities, err := config.ReadCertificates(c.CAFile)
	if err != nil {
		return onboard.Network{}, err
	}
	n := onboard.Network{SSIDs: c.SSIDs, Hidden: c.Hidden, Authorities: authorities, Outer: c.OuterIdentity,
		Method: onboard.Method(c.Method), Organization: c.Organization}
	for _, name := range c.ServerNames {
		n.ServerNames = append(n.ServerNames, string(name))
	}
	return n, nil
}

// signer signs profiles for Apple with the server's certificate, if that is
// asked for.
func (w wifiCall) signer(c *config.Config) (func(onboard.File) (onboard.File, error), error) {
	if !w.sign {
		return func(f onboard.File) (onboard.File, error) { return f, nil }, nil
	}
	if c.TLS.CertificateFile == "" {
		return nil, usageError("%s", w.say("подписать нечем: укажите tls.certificate_file и tls.key_file", "there is nothing to sign with: set tls.certificate_file and tls.key_file"))
	}
	pair, err := tls.LoadX509KeyPair(string(c.TLS.CertificateFile), string(c.TLS.KeyFile))
	if err != nil {
		return nil, err
	}
	return profileSigner(pair)
}

// profileSigner signs with a certificate.
func profileSigner(pair tls.Certificate) (func(onboard.File) (onboard.File, error), error) {
	var chain []*x509.Certificate
	for _, der := range pair.Certificate {
		link, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, err
		}
		chain = append(chain, link)
	}
	key, ok := pair.PrivateKey.(crypto.Signer)
	if !ok {
		return nil, errors.New("the server's key does not sign")
	}
	return func(f onboard.File) (onboard.File, error) { return onboard.Sign(f, chain, key, rand.Reader) }, nil
}

// holder gives the login of who has the name that was written, and leaves a
// line in the trail.
func (w wifiCall) holder(ctx context.Context, c *config.Config) (identity.Login, error) {
	db, err := openMadeStore(ctx, c)
	if err != nil {
		return "", err
	}
	defer func() { _ = db.Close() }() // the audit line is committed by then
	name := bareName(c, w.login)
	holder, err := holderOf(ctx, db, c, w.login)
	if err != nil && !errors.Is(err, identity.ErrNotFound) {
		return "", err
	}
	if err := auditProfile(ctx, db, holder.Person, name, w.platform); err != nil {
		return "", err
	}
	if holder.Login == "" {
		return "", &exitError{exitFindings, errors.New(w.say("учётной записи с таким логином нет; причину покажет schoolbridge explain", "nobody has an account of that login; schoolbridge explain tells why"))}
	}
	return holder.Login, nil
}

// auditProfile leaves a line in the trail: what is handed out names a person.
func auditProfile(ctx context.Context, db *store.DB, id identity.PersonID, asked, platform string) error {
	payload, err := json.Marshal(byCaller(map[string]any{"asked": asked, "for": platform}))
	if err != nil {
		return err
	}
	return db.Audit().Append(ctx, []identity.AuditEntry{{At: time.Now(), Kind: "wifi_profile", Person: id, Payload: payload}})
}

// deliver writes the files, or the main one, or tells which there are.
func (w wifiCall) deliver(std streams, n onboard.Network, login identity.Login, sign func(onboard.File) (onboard.File, error)) error {
	platforms := onboard.Platforms()
	if w.platform != "" {
		platforms = []onboard.Platform{onboard.Platform(w.platform)}
	}
	for _, p := range platforms {
		files, err := onboard.Files(n, login, p, w.lang)
		if err != nil {
			return err
		}
		if p == onboard.Apple {
			if files[0], err = sign(files[0]); err != nil {
				return err
			}
		}
		switch {
		case w.dir != "":
			err = w.keep(std, filepath.Join(w.dir, string(p)), files)
		case w.out != "":
			err = replace(w.out, files[0].Body)
		case w.platform != "":
			_, err = std.out.Write(files[0].Body)
		default:
			err = list(std, p, files)
		}
		if err != nil {
			return err
		}
	}
	if w.dir != "" || w.out != "" {
		fmt.Fprintln(std.err, w.say("Паролей в файлах нет: человек вводит пароль mos.ru на своём устройстве.", "There is no password in the files: people type that of mos.ru on their devices."))
	}
	return nil
}

// keep writes files into a folder. They name a person, so that others do not
// read them.
func (w wifiCall) keep(std streams, folder string, files []onboard.File) error {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	for _, f := range files {
		path := filepath.Join(folder, f.Name)
		if err := replace(path, f.Body); err != nil {
			return err
		}
		fmt.Fprintf(std.err, "%s: %s\n", path, f.About)
	}
	return nil
}

// replace puts a file in the place of another at once; its mode is 0600, whatever
// the other one's was. What is no regular file is written to, as is what a link
// leads to: /dev/stdout is a link, and must stay one.
func replace(path string, body []byte) error {
	if info, err := os.Lstat(path); err == nil && !info.Mode().IsRegular() {
		return os.WriteFile(path, body, 0o600)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".schoolbridge-*") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(body)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

func list(std streams, p onboard.Platform, files []onboard.File) error {
	for _, f := range files {
		if _, err := fmt.Fprintf(std.out, "%s\t%s\t%s\n", p, f.Name, f.About); err != nil {
			return err
		}
	}
	return nil
}
