package store

import (
	"encoding/json"
	"errors"
	"fmt"
)

// ErrSealed says that a sealed column does not open: it was changed, moved
// from another row or column, or its key is gone.
var ErrSealed = errors.New("a sealed column does not open: the row was tampered with or its key is missing from the keyset")

// domain keeps the digests of different meanings apart: a phone's digest never
// equals that of a СНИЛС with the same digits.
type domain uint8

// Domains of digests. They are stored; never renumber them.
const (
	domainFIO domain = iota + 1
	domainSNILS
	domainPhone
	domainEmail
	domainLogin // ЭЖД logins in records
	domainName  // names of people
	domainSubject
	domainParent // the parent's ФИО in a card's binding
	domainDaily
	domainAudit
	domainCard // the parent's part of a card's key
	domainAuditHead
	domainPassword // recognises a delivered or waiting password
	domainShared   // keys of other rooms that all replicas share
	domainSession  // a NAS and its session's id
	domainDevice   // hardware addresses
	domainAddress  // addresses of devices
	domainSignIns  // the login's part of a row of ЭЖД sign-ins
	domainLook     // what names look like
	domainBrowser  // whose a browser's session is
	domainFactor   // codes of administrators
	domainStem     // how surnames begin
	domainSupport  // from where somebody wrote to support
	domainTally    // logins of which something was refused
)

// keyed is a digest with the version of the key that made it.
type keyed struct {
	version uint32
	digest  []byte // 32 bytes
}

// seal encrypts a column; the result opens only in the same table, row and
// column.
func (k *Keyset) seal(table, row, column string, plain []byte) ([]byte, error) {
	return k.aead.Encrypt(plain, place(table, row, column))
}

// open undoes seal.
func (k *Keyset) open(table, row, column string, sealed []byte) ([]byte, error) {
	plain, err := k.aead.Decrypt(sealed, place(table, row, column))
	if err != nil {
		// Which row stays out of the message: a row's key can name somebody.
		return nil, fmt.Errorf("%s.%s: %w", table, column, ErrSealed)
	}
	return plain, nil
}

func place(table, row, column string) []byte {
	b := make([]byte, 0, len(table)+len(row)+len(column)+2)
	b = append(b, table...)
	b = append(b, 0)
	b = append(b, row...)
	b = append(b, 0)
	return append(b, column...)
}

// sealJSON and openJSON do the same with a value.
func (k *Keyset) sealJSON(table, row, column string, value any) ([]byte, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	return k.seal(table, row, column, text)
}

func (k *Keyset) openJSON(table, row, column string, sealed []byte, value any) error {
	text, err := k.open(table, row, column, sealed)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, value)
}

func (k *Keyset) digest(version uint32, d domain, text string) ([]byte, error) {
	input := make([]byte, 0, 1+len(text))
	input = append(append(input, byte(d)), text...)
	return k.lookup.PRFs[version].ComputePRF(input, 32)
}

// current is the digest to store.
func (k *Keyset) current(d domain, text string) (keyed, error) {
	digest, err := k.digest(k.lookup.PrimaryID, d, text)
	return keyed{k.lookup.PrimaryID, digest}, err
}

// every gives the digests under which a value may have been stored, the
// current one first.
func (k *Keyset) every(d domain, text string) ([]keyed, error) {
	all := make([]keyed, 0, len(k.versions))
	for _, version := range k.versions {
		digest, err := k.digest(version, d, text)
		if err != nil {
			return nil, err
		}
		all = append(all, keyed{version, digest})
	}
	return all, nil
}
