package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"
)

// drill is a school that loses its machine: two people have accounts, one of them
// since the backup.
type drill struct {
	*faulty
	backup  func()
	restore func() // on a machine that has configuration, secrets and the keyset, and nothing else
}

// run takes the backup, loses everything but Active Directory and what is kept apart,
// and holds what comes back: people sign in, the trail verifies, and the worker does
// nothing again that it has done.
func (d *drill) run(t *testing.T) {
	d.start()
	d.active("orlovami", sitePassword)
	d.backup()
	d.active("belovas", hisPassword)
	before := d.accountsInAD()
	if len(before) != 2 {
		t.Fatalf("in Active Directory: %q", before)
	}
	d.stop()
	keys, err := os.ReadFile(d.path("state/keyset.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.RemoveAll(d.path("state")), os.Mkdir(d.path("state"), 0o700)); err != nil {
		t.Fatal(err)
	}
	d.write("state/keyset.json", string(keys))
	d.restore()
	d.begin()
	d.signsIn("orlovami", sitePassword, herPhone)
	if out, errs, code := d.command("provision", "apply", "--config", d.path("config.yaml"), "--lang", "en"); code > exitFindings {
		t.Errorf("apply: %d %s %s", code, out, errs)
	}
	if after := d.accountsInAD(); !slices.Equal(after, before) {
		t.Errorf("the worker wrote again:\n%q\n%q", before, after)
	}
	// His account is one that the store does not know of any more: the mark is evidence for
	// people and decides nothing, and nobody gets a second account.
	if problem := d.activates("belovas", hisPassword); problem != "AD_UNOWNED" {
		t.Errorf("who activated since the backup: %q", problem)
	}
	if after := d.accountsInAD(); !slices.Equal(after, before) {
		t.Errorf("other accounts than before:\n%q\n%q", before, after)
	}
	if out, errs, code := d.command("audit", "verify", "--config", d.path("config.yaml"), "--lang", "en"); code != exitDone {
		t.Errorf("audit verify: %d %s %s", code, out, errs)
	}
}

// accountsInAD gives every account of the managed unit with its object and its stamp,
// which each write changes.
func (f *faulty) accountsInAD() (all []string) {
	f.t.Helper()
	f.inAD(func(c *ldap.Conn) error {
		found, err := c.Search(ldap.NewSearchRequest(siteManaged, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 0, 0, false, "(objectClass=user)",
			[]string{"objectGUID", "adminDescription", "pwdLastSet"}, nil))
		if err != nil {
			return err
		}
		for _, e := range found.Entries {
			all = append(all, fmt.Sprintf("%x %s %s %s", e.GetRawAttributeValue("objectGUID"), e.DN, e.GetAttributeValue("adminDescription"), e.GetAttributeValue("pwdLastSet")))
		}
		slices.Sort(all)
		return nil
	})
	return all
}

// TestBackupDrillAD: a school with one file for a store.
func TestBackupDrillAD(t *testing.T) {
	f := newFaulty(t)
	command := func(args ...string) {
		t.Helper()
		if out, errs, code := f.command(args...); code != exitDone {
			t.Fatalf("%q: %d %s %s", args, code, out, errs)
		}
	}
	(&drill{f,
		func() { command("backup", "--config", f.path("config.yaml"), "--out", f.path("copy.db")) },
		func() { command("restore", "--config", f.path("config.yaml"), f.path("copy.db")) },
	}).run(t)
}

// documented gives the shell's lines of a page of docs that hold a text.
func documented(t *testing.T, file, holding string) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/" + file)
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		if strings.Contains(block[1], holding) {
			return block[1]
		}
	}
	t.Fatalf("%s tells of no %q", file, holding)
	return ""
}

// TestKeysetEscrow: the keyset is lost. Without it nothing opens, and no new one is
// made silently; what the documented procedure laid aside brings it back.
func TestKeysetEscrow(t *testing.T) {
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Fatal("the procedure needs openssl:", err)
	}
	for _, page := range []string{"administrator.ru.md", "administrator.en.md"} {
		t.Run(page, func(t *testing.T) {
			f := newFaulty(t)
			f.noAD = true
			f.start()
			f.active("orlovami", sitePassword)
			shell := func(holding string) (string, error) {
				script := strings.ReplaceAll(documented(t, page, holding), "/var/lib/schoolbridge/", f.path("state")+"/")
				script = strings.ReplaceAll(strings.ReplaceAll(script, "sudo ", ""), "-o schoolbridge -g schoolbridge ", "")
				c := exec.Command("sh", "-euc", script)
				c.Dir = f.path(".")
				out, err := c.CombinedOutput()
				return string(out), err
			}
			// The head and the operator have a sheet each.
			f.write("sheet-1", "horosho-pomnit-eto-9274\n")
			f.write("sheet-2", "a-eto-tolko-na-liste-5518\n")
			if out, err := shell("openssl enc -aes"); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			if sealed, err := os.ReadFile(f.path("keyset.enc")); err != nil || strings.Contains(string(sealed), "primaryKeyId") {
				t.Fatalf("the keyset is open, or is not there: %v", err)
			}
			if out, errs, code := f.command("backup", "--config", f.path("config.yaml"), "--out", f.path("copy.db")); code != exitDone {
				t.Fatalf("%d %s %s", code, out, errs)
			}
			f.stop()
			if err := os.Remove(f.path("state/keyset.json")); err != nil {
				t.Fatal(err)
			}
			for _, args := range [][]string{
				{"audit", "verify", "--config", f.path("config.yaml")}, {"backup", "verify", "--config", f.path("config.yaml"), f.path("copy.db")},
				{"restore", "--config", f.path("config.yaml"), f.path("copy.db")}, {"serve", "--config", f.path("config.yaml")},
			} {
				out, errs, code := f.command(append(args, "--lang", "en")...)
				if code == exitDone || !strings.Contains(out+errs, "keyset.json") {
					t.Errorf("%q without the keyset: %d %s %s", args, code, out, errs)
				}
			}
			if _, err := os.Stat(f.path("state/keyset.json")); err == nil {
				t.Fatal("somebody made another keyset")
			}
			// One sheet alone opens nothing.
			f.write("sheet-1", "horosho-pomnit-eto-9274\n")
			f.write("sheet-2", "\n")
			if out, err := shell("openssl enc -d"); err == nil {
				t.Errorf("one half of the password opens it: %s", out)
			}
			f.write("sheet-1", "horosho-pomnit-eto-9274\n")
			f.write("sheet-2", "a-eto-tolko-na-liste-5518\n")
			if out, err := shell("openssl enc -d"); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			if info, err := os.Stat(f.path("state/keyset.json")); err != nil || info.Mode().Perm() != 0o600 {
				t.Fatalf("%v %v", info, err)
			}
			if out, errs, code := f.command("backup", "verify", "--config", f.path("config.yaml"), f.path("copy.db")); code != exitDone {
				t.Errorf("%d %s %s", code, out, errs)
			}
			f.begin()
			f.signsIn("orlovami", sitePassword, herPhone)
		})
	}
}
