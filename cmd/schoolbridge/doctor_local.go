package main

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"schoolbridge/config"
	"schoolbridge/internal/doctor"
	"schoolbridge/internal/explain"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/said"
	"schoolbridge/internal/store"
)

// certificates looks at those that devices, PCs and browsers see, and at the
// authorities that are trusted. That pair, name and chain fit is the
// configuration's check.
func (x *examination) certificates(context.Context) (list []doctor.Finding) {
	for _, pair := range shownPairs(x.config) {
		cert, err := tls.LoadX509KeyPair(pair[0], pair[1])
		if err != nil {
			list = append(list, finding(doctor.CheckCertificates, doctor.Bad, doctor.Code(explain.FaultUnreadable), pair[0], ""))
			continue
		}
		list = append(list, x.valid(pair[0], cert.Leaf.NotBefore, config.ChainEnd(cert)))
	}
	for _, file := range trustedFiles(x.config) {
		certs, err := config.ReadCertificates(file)
		if err != nil {
			list = append(list, finding(doctor.CheckCertificates, doctor.Bad, doctor.Code(explain.FaultUnreadable), string(file), ""))
			continue
		}
		list = append(list, x.valid(string(file), time.Time{}, config.AuthorityEnd(certs)))
	}
	return list
}

// valid judges the time of a certificate of ours.
func (x *examination) valid(file string, from, to time.Time) doctor.Finding {
	state, code := doctor.OK, doctor.CertificateFine
	switch {
	case x.now.Before(from):
		return finding(doctor.CheckCertificates, doctor.Bad, doctor.Code(explain.FaultCertificate), file, from.UTC().Format(time.DateOnly))
	case x.now.After(to):
		state, code = doctor.Bad, doctor.Code(explain.FaultCertificate)
	case to.Sub(x.now) < config.ExpirySoon:
		state, code = doctor.Warn, doctor.CertificateSoon
	}
	return finding(doctor.CheckCertificates, state, code, file, x.until(to))
}

// until says a day and how many are left.
func (x *examination) until(to time.Time) string {
	days := int(to.Sub(x.now) / (24 * time.Hour))
	if x.lang == explain.English {
		return fmt.Sprintf("until %s (days left: %d)", to.UTC().Format(time.DateOnly), days)
	}
	return fmt.Sprintf("до %s (осталось дней: %d)", to.UTC().Format(time.DateOnly), days)
}

// shownPairs are the files of all certificates that we show.
func shownPairs(c *config.Config) (list [][2]string) {
	list = certificatePairs(c)
	for _, l := range c.LDAP.Listeners {
		if l.CertificateFile != "" {
			list = append(list, [2]string{string(l.CertificateFile), string(l.KeyFile)})
		}
	}
	return list
}

// trustedFiles are the files of all authorities.
func trustedFiles(c *config.Config) (list []config.File) {
	list = []config.File{c.RADIUS.ClientCAFile, c.WiFi.CAFile, c.Mosru.CAFile, c.AD.CAFile}
	for _, all := range [][]config.Authority{c.RADIUS.EAP.Authorities, c.LDAP.Certificates.Authorities, upstreamAuthorities(c.Upstreams)} {
		for _, a := range all {
			list = append(list, a.CAFile)
		}
	}
	slices.Sort(list)
	return slices.DeleteFunc(slices.Compact(list), func(f config.File) bool { return f == "" })
}

// diskLow and diskFull are how much of the store's disk has to be free: to be
// quiet, and for the next hours at least.
const (
	diskLow  = 2 << 30
	diskFull = 200 << 20
)

// withStore looks at the store, and at what only it knows.
func (x *examination) withStore(ctx context.Context) []doctor.Finding {
	list := x.store(ctx)
	if x.db == nil {
		return list
	}
	defer func() { _ = x.db.Close() }() // read only: nothing is lost
	list = append(list, x.registries(ctx)...)
	list = append(list, x.backup(ctx))
	return append(list, x.unheard(ctx)...)
}

// store looks at the files first: opening a store that lacks something would say
// less.
func (x *examination) store(ctx context.Context) (list []doctor.Finding) {
	add := func(state doctor.State, code doctor.Code, where, more string) {
		list = append(list, finding(doctor.CheckStore, state, code, where, more))
	}
	if !x.storeFiles(add) {
		return list
	}
	keys := string(x.config.Store.KeysetFile)
	switch _, err := store.OpenKeyset(keys); {
	case errors.Is(err, store.ErrNoKeyset):
		add(doctor.Bad, doctor.KeysetMissing, keys, "")
		return list
	case errors.Is(err, store.ErrKeysetOpen):
		add(doctor.Bad, doctor.KeysetOpen, keys, "")
		return list
	case err != nil:
		add(doctor.Bad, doctor.KeysetDamaged, keys, "")
		return list
	}
	db, err := openMadeStore(ctx, x.config)
	switch where := x.config.Store.Where(); {
	case errors.Is(err, store.ErrWrongKeyset):
		add(doctor.Bad, doctor.KeysetForeign, keys, "")
	case errors.Is(err, store.ErrNewer):
		add(doctor.Bad, doctor.StoreNewer, where, "")
	case errors.Is(err, syscall.EROFS):
		add(doctor.Bad, doctor.StoreReadOnly, where, "")
	case errors.Is(err, errNoStore):
		add(doctor.Warn, doctor.DatabaseEmpty, where, "")
	case errors.Is(err, store.ErrMoving), errors.Is(err, store.ErrFilling):
		add(doctor.Bad, doctor.StoreMoving, where, "")
	case errors.Is(err, store.ErrMoved):
		add(doctor.Bad, doctor.StoreMoved, where, "")
	case err != nil && x.config.Store.URLFile != "":
		add(doctor.Bad, doctor.DatabaseClosed, where, reasonOf(err))
	case err != nil:
		add(doctor.Bad, doctor.StoreUnreadable, where, reasonOf(err))
	default:
		x.db = db
		if len(list) == 0 {
			add(doctor.OK, doctor.StoreFine, where, x.room())
		}
	}
	return list
}

// room says how much of the disk is free where the store is a file of this machine.
func (x *examination) room() string {
	free, err := diskFree(filepath.Dir(string(x.config.Store.Path)))
	switch {
	case x.config.Store.Path == "" || err != nil:
		return ""
	case x.lang == explain.English:
		return fmt.Sprintf("%d GiB of the disk are free", free>>30)
	}
	return fmt.Sprintf("на диске свободно %d ГиБ", free>>30)
}

// storeFiles looks at what the store has on this machine; there says that one can
// be opened.
func (x *examination) storeFiles(add func(state doctor.State, code doctor.Code, where, more string)) (there bool) {
	if folder, err := os.Stat(string(x.config.State)); err == nil && folder.Mode().Perm()&0o022 != 0 {
		add(doctor.Bad, doctor.StoreOpen, string(x.config.State), folder.Mode().Perm().String())
	}
	path := string(x.config.Store.Path)
	if path == "" { // in PostgreSQL
		return true
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		add(doctor.Warn, doctor.StoreMissing, path, "")
	case err != nil:
		add(doctor.Bad, doctor.StoreUnreadable, path, reasonOf(err))
	case info.Mode().Perm()&0o077 != 0:
		add(doctor.Bad, doctor.StoreOpen, path, info.Mode().Perm().String())
	}
	if free, err := diskFree(filepath.Dir(path)); err == nil && free < diskLow {
		state := doctor.Warn
		if free < diskFull {
			state = doctor.Bad
		}
		add(state, doctor.StoreSpace, filepath.Dir(path), fmt.Sprintf("%d MiB", free>>20))
	}
	return info != nil
}

// reasonOf is the last cause of an error, in short.
func reasonOf(err error) string {
	for {
		inner := errors.Unwrap(err)
		if both, ok := err.(*said.Error); ok && len(both.Unwrap()) == 1 {
			inner = both.Unwrap()[0]
		}
		if inner == nil {
			return err.Error()
		}
		err = inner
	}
}

func diskFree(dir string) (uint64, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, err
	}
	return s.Bavail * uint64(s.Bsize), nil
}

// registriesOld is when an import is missing that comes every week.
const registriesOld = 8 * 24 * time.Hour

// registries tells how old the last import is.
func (x *examination) registries(ctx context.Context) []doctor.Finding {
	last, err := x.db.Audit().Recent(ctx, identity.PersonID{}, 1, "import")
	switch {
	case err != nil:
		return []doctor.Finding{finding(doctor.CheckRegistries, doctor.Bad, doctor.StoreUnreadable, x.config.Store.Where(), reasonOf(err))}
	case len(last) == 0:
		return []doctor.Finding{finding(doctor.CheckRegistries, doctor.Warn, doctor.RegistriesMissing, "", "")}
	}
	state, code := doctor.OK, doctor.RegistriesFine
	if x.now.Sub(last[0].At).Abs() > registriesOld { // of a day to come: by a clock that was wrong, and nobody knows how old it is
		state, code = doctor.Warn, doctor.RegistriesOld
	}
	return []doctor.Finding{finding(doctor.CheckRegistries, state, code, "", last[0].At.In(x.config.Policy.TimeZone.Location()).Format("2006-01-02 15:04"))}
}

// backupOld is when the nightly copy failed twice, as for the alarm SchoolbridgeBackupOld.
const backupOld = 50 * time.Hour

// backup tells how old the last good copy of the store is.
func (x *examination) backup(ctx context.Context) doctor.Finding {
	last, err := x.db.LastBackup(ctx)
	switch {
	case err != nil:
		return finding(doctor.CheckBackup, doctor.Bad, doctor.StoreUnreadable, x.config.Store.Where(), reasonOf(err))
	case last.IsZero():
		return finding(doctor.CheckBackup, doctor.Warn, doctor.BackupMissing, "", "")
	}
	state, code := doctor.OK, doctor.BackupFine
	if x.now.Sub(last).Abs() > backupOld { // as an import
		state, code = doctor.Warn, doctor.BackupOld
	}
	return finding(doctor.CheckBackup, state, code, "", last.In(x.config.Policy.TimeZone.Location()).Format("2006-01-02 15:04"))
}

// unheardRead is how many of the last packets that were not listened to are read,
// and unheardAge how old they may be.
const (
	unheardRead = 500
	unheardAge  = 24 * time.Hour
)

// unheard names the access points that the daemon could not listen to within a day,
// with the last reason of each.
func (x *examination) unheard(ctx context.Context) (list []doctor.Finding) {
	lines, err := x.db.Audit().Recent(ctx, identity.PersonID{}, unheardRead, auditUnheard)
	if err != nil {
		return []doctor.Finding{finding(doctor.CheckNAS, doctor.Bad, doctor.StoreUnreadable, x.config.Store.Where(), reasonOf(err))}
	}
	seen := map[string]bool{}
	for _, line := range lines { // the newest first
		var s explain.SignIn
		err := json.Unmarshal(line.Payload, &s)
		where := strings.TrimSpace(s.NAS + " " + s.Addr)
		if err != nil || x.now.Sub(line.At) > unheardAge || seen[where] {
			continue
		}
		seen[where] = true
		list = append(list, finding(doctor.CheckNAS, doctor.Warn, doctor.Code(s.Reason), where, line.At.In(x.config.Policy.TimeZone.Location()).Format("2006-01-02 15:04")))
	}
	return list
}

// secrets looks at those of access points: whether different schools have the same
// one. That they can be read and are long enough is the configuration's check.
func (x *examination) secrets(context.Context) (list []doctor.Finding) {
	type owner struct{ name, school string }
	owners, n := map[[sha256.Size]byte][]owner{}, 0
	for _, client := range x.config.RADIUS.Clients {
		if client.SecretFile == "" || client.Range.IsValid() && client.Range.Addr().IsLoopback() {
			continue // loopback: a probe of this machine's, which has a school's
		}
		secret, err := config.ReadSecret(client.SecretFile)
		if err != nil {
			list = append(list, finding(doctor.CheckNAS, doctor.Bad, doctor.Code(explain.FaultUnreadable), string(client.SecretFile), ""))
			continue
		}
		n++
		digest := sha256.Sum256(secret)
		owners[digest] = append(owners[digest], owner{client.Name, client.School})
	}
	for _, all := range owners {
		names, alike := []string{}, true
		for _, o := range all {
			names, alike = append(names, o.name), alike && o.school == all[0].school
		}
		if !alike {
			list = append(list, finding(doctor.CheckNAS, doctor.Warn, doctor.SecretShared, strings.Join(names, ", "), ""))
		}
	}
	slices.SortFunc(list, func(a, b doctor.Finding) int { return strings.Compare(a.Where, b.Where) })
	if len(list) == 0 && n > 0 {
		list = append(list, finding(doctor.CheckNAS, doctor.OK, doctor.SecretsFine, "", fmt.Sprint(n)))
	}
	return list
}

// localClient gives the secret of the line of radius.clients that holds an address
// of this machine; nil: none does.
func localClient(c *config.Config, from netip.Addr) []byte {
	var best *config.Client
	for i, client := range c.RADIUS.Clients {
		if client.SecretFile != "" && client.Range.IsValid() && client.Range.Contains(from) && (best == nil || client.Range.Bits() > best.Range.Bits()) {
			best = &c.RADIUS.Clients[i]
		}
	}
	if best == nil {
		return nil
	}
	secret, err := config.ReadSecret(best.SecretFile)
	if err != nil {
		return nil
	}
	return secret
}
