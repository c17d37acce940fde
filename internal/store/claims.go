package store

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/provision"
	"schoolbridge/provision/match"
)

// Claims says for which registry records the accounts are that a target held
// before we came: evidence for adoption, which people have approved.
type Claims struct{ db *DB }

// Claims gives the claims.
func (db *DB) Claims() *Claims { return &Claims{db} }

// sealedObject is claims.sealed.
type sealedObject struct {
	Name    string
	UPN     string `json:",omitempty"`
	Display string `json:",omitempty"`
	Enabled bool   `json:",omitempty"`
}

// Put claims objects for records. Claiming again renews what is known of the
// object.
func (c *Claims) Put(ctx context.Context, claims []provision.Claim) error {
	err := c.db.write(ctx, func(t *tx) error { return t.putClaims(claims) })
	if err != nil {
		return fmt.Errorf("claim accounts: %w", err)
	}
	return nil
}

func (t *tx) putClaims(claims []provision.Claim) error {
	for _, claim := range claims {
		o := claim.Object
		sealed, err := t.db.keys.sealJSON("claims", claimKey(claim.Target, o.ID, claim.Record), "sealed",
			sealedObject{o.Name, o.UPN, o.Display, o.Enabled})
		if err != nil {
			return err
		}
		err = t.exec(`INSERT INTO claims (target, object, kind, key, created, sealed) VALUES (?, ?, ?, ?, ?, ?)
			ON CONFLICT (target, object, kind, key) DO UPDATE SET created = excluded.created, sealed = excluded.sealed`,
			claim.Target, o.ID[:], claim.Record.Kind, string(claim.Record.ID), micros(o.Created), sealed)
		if err != nil {
			return err
		}
		local, _, _ := strings.Cut(o.UPN, "@")
		for _, name := range []string{o.Name, local} {
			if err := t.recordName(claim.Target, provision.NameLive, name); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t *tx) dropClaims(claims []provision.Claim) error {
	for _, c := range claims {
		err := t.exec("DELETE FROM claims WHERE target = ? AND object = ? AND kind = ? AND key = ?", c.Target, c.Object.ID[:], c.Record.Kind, string(c.Record.ID))
		if err != nil {
			return err
		}
	}
	return nil
}

// claimsOn reads the claims on one object.
func (t *tx) claimsOn(target string, object [16]byte) ([]provision.Claim, error) {
	var list []provision.Claim
	err := t.each("SELECT kind, key, created, sealed FROM claims WHERE target = ? AND object = ? ORDER BY kind, key", []any{target, object[:]},
		func(scan func(...any) error) error {
			c := provision.Claim{Target: target, Object: provision.Object{ID: object}}
			var created int64
			var sealed []byte
			if err := scan(&c.Record.Kind, &c.Record.ID, &created, &sealed); err != nil {
				return err
			}
			var s sealedObject
			if err := t.db.keys.openJSON("claims", claimKey(target, object, c.Record), "sealed", sealed, &s); err != nil {
				return err
			}
			c.Object.Name, c.Object.UPN, c.Object.Display, c.Object.Enabled, c.Object.Created = s.Name, s.UPN, s.Display, s.Enabled, moment(created)
			list = append(list, c)
			return nil
		})
	return list, err
}

// Drop takes every claim on an object back.
func (c *Claims) Drop(ctx context.Context, target string, object [16]byte) error {
	err := c.db.write(ctx, func(t *tx) error {
		return t.exec("DELETE FROM claims WHERE target = ? AND object = ?", target, object[:])
	})
	if err != nil {
		return fmt.Errorf("drop claims: %w", err)
	}
	return nil
}

// Of gives the claims for any of the records, in all targets, the oldest
// object first.
func (c *Claims) Of(ctx context.Context, records []person.RecordRef) ([]provision.Claim, error) {
	var list []provision.Claim
	err := c.db.read(ctx, func(t *tx) (err error) {
		list, err = t.claimsOf(records)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read claims: %w", err)
	}
	return list, nil
}

// Duplicates gives of some people the accounts beside their own in a target that
// are claimed for their records and are nobody else's.
func (s *Targets) Duplicates(ctx context.Context, target string, ids []identity.PersonID) (map[identity.PersonID][]match.Problem, error) {
	found := map[identity.PersonID][]match.Problem{}
	err := s.db.read(ctx, func(t *tx) error {
		clear(found)
		return batches(ids, inList, func(ids []identity.PersonID) error { return t.duplicates(target, ids, found) })
	})
	if err != nil {
		return nil, fmt.Errorf("find further accounts: %w", err)
	}
	return found, nil
}

// duplicates adds them for people whose own account is known, which is no further
// one as it is theirs. "c.target || ”" is no index: by that one all claims would be
// read for a few people.
func (t *tx) duplicates(target string, ids []identity.PersonID, into map[identity.PersonID][]match.Problem) error {
	return t.each(`SELECT b.person, c.kind, c.key, c.object, c.sealed FROM bindings b JOIN claims c ON c.kind = b.kind AND c.key = b.key
		WHERE c.target || '' = ? AND b.person IN (`+marks(len(ids))+`)
		AND EXISTS (SELECT 1 FROM targets o WHERE o.person = b.person AND o.target || '' = c.target AND o.object IS NOT NULL)
		AND NOT EXISTS (SELECT 1 FROM targets t WHERE t.target = c.target AND t.object = c.object)
		ORDER BY b.person, c.created, c.object`, append([]any{target}, idArgs(ids)...), func(scan func(...any) error) error {
		var ref person.RecordRef
		var id, object, sealed []byte
		if err := scan(&id, &ref.Kind, &ref.ID, &object, &sealed); err != nil {
			return err
		}
		var other [16]byte
		copy(other[:], object)
		var s sealedObject
		if err := t.db.keys.openJSON("claims", claimKey(target, other, ref), "sealed", sealed, &s); err != nil {
			return err
		}
		problem, list := match.Problem{Code: match.ADDuplicate, Arg: s.Name}, into[personID(id)]
		if !slices.Contains(list, problem) { // one account may be claimed for several records
			into[personID(id)] = append(list, problem)
		}
		return nil
	})
}

func claimKey(target string, object [16]byte, record person.RecordRef) string {
	return target + "/" + hex.EncodeToString(object[:]) + "/" + strconv.Itoa(int(record.Kind)) + "/" + string(record.ID)
}

// claimsOf reads the claims for records: a few, those of one decision.
func (t *tx) claimsOf(records []person.RecordRef) ([]provision.Claim, error) {
	var list []provision.Claim
	for _, ref := range records {
		err := t.each("SELECT target, object, created, sealed FROM claims WHERE kind = ? AND key = ? ORDER BY created, object",
			[]any{ref.Kind, string(ref.ID)}, func(scan func(...any) error) error {
				claim := provision.Claim{Record: ref}
				var object, sealed []byte
				var created int64
				if err := scan(&claim.Target, &object, &created, &sealed); err != nil {
					return err
				}
				copy(claim.Object.ID[:], object)
				var s sealedObject
				if err := t.db.keys.openJSON("claims", claimKey(claim.Target, claim.Object.ID, ref), "sealed", sealed, &s); err != nil {
					return err
				}
				claim.Object.Name, claim.Object.UPN, claim.Object.Display, claim.Object.Enabled = s.Name, s.UPN, s.Display, s.Enabled
				claim.Object.Created = moment(created)
				list = append(list, claim)
				return nil
			})
		if err != nil {
			return nil, err
		}
	}
	return list, nil
}

// Owners implements provision.Store: whose these objects are, by the rows of
// accounts and by claims. Nobody's are not in the answer.
func (a *Accounts) Owners(ctx context.Context, target string, objects [][16]byte) (map[[16]byte]provision.Owner, error) {
	owners := map[[16]byte]provision.Owner{}
	err := a.db.read(ctx, func(t *tx) error {
		clear(owners)
		for _, id := range objects {
			o, err := t.ownerOf(target, id)
			if err != nil {
				return err
			}
			if o.Subject != "" || len(o.Records) > 0 {
				owners[id] = o
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("find the owners of accounts: %w", err)
	}
	return owners, nil
}

func (t *tx) ownerOf(target string, object [16]byte) (provision.Owner, error) {
	var o provision.Owner
	var holder []byte
	err := t.row("SELECT person FROM targets WHERE target = ? AND object = ?", target, object[:]).Scan(&holder)
	if err == nil {
		p, err := t.profileOf(personID(holder))
		if err != nil {
			return o, err
		}
		o.Subject = erasedSubject(p.Subject, personID(holder))
	} else if !isNoRows(err) {
		return o, err
	}
	return o, t.each("SELECT kind, key FROM claims WHERE target = ? AND object = ? ORDER BY kind, key", []any{target, object[:]},
		func(scan func(...any) error) error {
			var ref person.RecordRef
			err := scan(&ref.Kind, &ref.ID)
			o.Records = append(o.Records, ref)
			return err
		})
}

// accountsOf gives a person's accounts in targets.
func (t *tx) accountsOf(id identity.PersonID) ([]provision.Account, error) {
	rows, err := t.targetRows(id)
	var list []provision.Account
	for _, r := range rows {
		list = append(list, r.account())
	}
	return list, err
}
