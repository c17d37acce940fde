package store

import (
	"context"
	"fmt"
	"maps"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/internal/rights"
)

// Rights keeps who administers what. A row is sealed with its person and role, so
// that whoever can write to the database makes nobody an administrator.
type Rights struct{ db *DB }

// Rights gives the grants of administrators.
func (db *DB) Rights() *Rights { return &Rights{db} }

// sealedGrant is rights.sealed.
type sealedGrant struct {
	Schools []person.SchoolID
	By      string
}

func grantKey(id identity.PersonID, role rights.Role) string { return id.String() + "/" + string(role) }

// Kinds of lines in the audit trail.
const (
	AuditGranted = "rights_granted"
	AuditRevoked = "rights_revoked"
)

// Grant gives a person a role, at these schools in place of others that the role
// was granted at. line is added to what the audit trail says.
// identity.ErrNotFound where there is nobody like that.
func (r *Rights) Grant(ctx context.Context, g rights.Granted, line map[string]any) error {
	if err := g.Check(); err != nil {
		return fmt.Errorf("grant rights: %w", err)
	}
	sealed, err := r.db.keys.sealJSON("rights", grantKey(g.Person, g.Role), "sealed", sealedGrant{g.Schools, g.By})
	if err != nil {
		return err
	}
	err = r.db.write(ctx, func(t *tx) error {
		if err := t.present(g.Person); err != nil {
			return err
		}
		err := t.exec("INSERT INTO rights (person, role, at, sealed) VALUES (?, ?, ?, ?) ON CONFLICT (person, role) DO UPDATE SET at = excluded.at, sealed = excluded.sealed",
			g.Person[:], string(g.Role), micros(g.At), sealed)
		if err != nil {
			return err
		}
		return t.auditJSON(g.At, AuditGranted, g.Person, with(line, map[string]any{"role": g.Role, "schools": g.Schools}))
	})
	if err != nil {
		return fmt.Errorf("grant rights: %w", err)
	}
	return nil
}

// present says identity.ErrNotFound of somebody who is not there, or was erased.
func (t *tx) present(id identity.PersonID) error {
	var erased int64
	err := notFound(t.row("SELECT erased FROM people WHERE id = ?", id[:]).Scan(&erased))
	if err == nil && erased > 0 {
		err = identity.ErrNotFound
	}
	return err
}

// with is a line of the trail with more in it.
func with(line, more map[string]any) map[string]any {
	all := maps.Clone(line)
	if all == nil {
		all = map[string]any{}
	}
	maps.Copy(all, more)
	return all
}

// Revoke takes a role from a person, or with "" all of them; it says how many
// there were. The second factor stays: it opens nothing by itself.
func (r *Rights) Revoke(ctx context.Context, id identity.PersonID, role rights.Role, now time.Time, line map[string]any) (n int, err error) {
	err = r.db.write(ctx, func(t *tx) error {
		var had []string
		err := t.each("SELECT role FROM rights WHERE person = ? AND (role = ? OR ? = '') ORDER BY role", []any{id[:], string(role), string(role)},
			func(scan func(...any) error) error {
				var held string
				err := scan(&held)
				had = append(had, held)
				return err
			})
		if n = len(had); err != nil || n == 0 {
			return err
		}
		if err := t.exec("DELETE FROM rights WHERE person = ? AND (role = ? OR ? = '')", id[:], string(role), string(role)); err != nil {
			return err
		}
		return t.auditJSON(now, AuditRevoked, id, with(line, map[string]any{"roles": had}))
	})
	if err != nil {
		return 0, fmt.Errorf("revoke rights: %w", err)
	}
	return n, nil
}

// Of gives the grants of a person, in the order of the roles' names.
func (r *Rights) Of(ctx context.Context, id identity.PersonID) ([]rights.Granted, error) {
	return r.list(ctx, "WHERE person = ? ORDER BY role", id[:])
}

// All gives the grants of the people after one, in the order of their ids, until
// those of at least so many grants are told.
func (r *Rights) All(ctx context.Context, after identity.PersonID, limit int) ([]rights.Granted, error) {
	return r.list(ctx, `WHERE person > ? AND person <= COALESCE((SELECT person FROM (SELECT person FROM rights WHERE person > ? ORDER BY person LIMIT ?) few ORDER BY person DESC LIMIT 1), ?)
		ORDER BY person, role`, after[:], after[:], limit, after[:])
}

func (r *Rights) list(ctx context.Context, condition string, args ...any) (all []rights.Granted, err error) {
	err = r.db.read(ctx, func(t *tx) error {
		all = nil
		return t.each("SELECT person, role, at, sealed FROM rights "+condition, args, func(scan func(...any) error) error {
			var id, sealed []byte
			var g rights.Granted
			var inside sealedGrant
			var at int64
			if err := scan(&id, (*string)(&g.Role), &at, &sealed); err != nil {
				return err
			}
			g.Person, g.At = personID(id), moment(at)
			if err := t.db.keys.openJSON("rights", grantKey(g.Person, g.Role), "sealed", sealed, &inside); err != nil {
				return err
			}
			g.Schools, g.By = inside.Schools, inside.By
			all = append(all, g)
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("read rights: %w", err)
	}
	return all, nil
}
