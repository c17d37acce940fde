package ldapsrv

import (
	"context"
	"math"
	"slices"
	"strings"
	"time"

	"schoolbridge/internal/directory"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/ldapsrv/filter"
	"schoolbridge/ldapsrv/wire"
)

// Content synchronization, refreshOnly (RFC 4533): a job that comes again learns
// what changed in what it asked for, and what is gone from it, for whatever
// reason: removed, suspended, of another school now, no longer matched by the
// filter, or over by the calendar. It is for accounts with a right of its own,
// because it takes as long as it takes: a board's password that got about must not
// let anybody read a city again and again. People may not: what they see changes
// with rules and with their own roles, of which no cookie knows.
//
//	no cookie             ─► everything, each entry "add"
//	cookie of a position  ─┬─ who changed since, and how they were before, is known ─► delete phase:
//	                       │      those who changed and are in the content: "add"; the others: their UUIDs, gone
//	                       ├─ it is not (a restart, a large import, another replica), or the base is one entry ─► present phase:
//	                       │      the content once: who changed and all groups "add", of others only the UUID
//	                       └─ no cookie of this request, these rules, this history ─► e-syncRefreshRequired, or everything (reloadHint)
//	cookie from ahead     ─► wait until the directory has come there; then as above, or busy
//
// OpenLDAP's consumer passes over entries that are new to it and whose entryCSN is
// not newer than its cookie, and keeps what is newer. Where its cookie does not
// count any more, because other rules or another history show it others, all
// entries come with the number of the new cookie.
//
// The position is taken before anything is read: what changes meanwhile comes once
// more next time. An entry that is gone is told of only to who could know of it:
// of an account for some schools, people who are or were there.

// Texts of answers.
const (
	textSync        = "Неверный запрос синхронизации / Malformed request of a synchronization"
	textSyncRight   = "Эта запись не синхронизирует; это разрешает sync: true у записи в ldap.services / This account may not synchronize; sync: true at the account in ldap.services lets it"
	textPersist     = "Постоянная синхронизация (refreshAndPersist) не поддерживается: опрашивайте (refreshOnly) / refreshAndPersist is not supported: poll with refreshOnly"
	textSyncPages   = "Синхронизация не делится на страницы / A synchronization does not come by pages"
	textSyncBase    = "Синхронизируется то, что ниже " // and a base
	textSyncRefresh = "Позиция не подходит к этому запросу, правилам или журналу: начните без cookie / The position is none of this request, these rules or this history: begin without a cookie"
	textSyncBehind  = "Эта копия ещё не дошла до этой позиции, повторите позже / This replica has not come to that position yet, try again later"
)

const (
	syncWait = 5 * time.Second // for a replica that is behind
	syncTime = time.Hour       // for one synchronization; a client that does not read is cut off long before
	syncSet  = 500             // UUIDs in one message
)

// syncing is the synchronization that a search is.
type syncing struct {
	on      bool
	resumed bool   // the client has the content as of since
	since   uint64 // change number
	deletes bool   // a delete phase: what is not told of is as it was
	cookie  string
	before  []directory.Version // of those who changed since
	classes map[string]bool     // in which those were; see wasClass
	uuids   []byte
	count   int
}

// response is the control of the result.
func (s *syncing) response(code wire.Code) []byte {
	if !s.on || code != wire.Success {
		return nil
	}
	return syncDone(s.cookie, s.deletes)
}

// beginSync finds out what the client has; false: there is an answer already.
func (r *run) beginSync(q *syncRequest) bool {
	refuse := func(code wire.Code, text string) bool {
		r.done = wire.Result{Code: code, Text: text}
		return false
	}
	at := r.s.resolveBase(r.q.base)
	switch {
	case r.nobody():
		return refuse(wire.InsufficientAccessRights, textSignIn)
	case r.service == nil || !r.service.sync:
		return refuse(wire.InsufficientAccessRights, textSyncRight)
	case q.persist:
		return refuse(wire.UnwillingToPerform, textPersist)
	case r.page.on:
		return refuse(wire.UnwillingToPerform, textSyncPages)
	case derefs(r.m.Body):
		return refuse(wire.ProtocolError, textSync)
	case at.kind == placeRoot || at.kind == placeSchema:
		return refuse(wire.UnwillingToPerform, textSyncBase+r.s.trees[0].name)
	}
	s, d, binding := &r.sync, r.s.opt.Directory, r.s.syncs.binding(r.service.rules[:], r.x.who(), r.m.Body)
	s.on = true
	if len(q.cookie) > 0 {
		switch busy := r.resume(q.cookie, binding); {
		case busy:
			return refuse(wire.Busy, textSyncBehind)
		case !s.resumed && !q.reload:
			return refuse(wire.SyncRefreshRequired, textSyncRefresh)
		}
	}
	if !r.await(d.Ahead()) {
		return refuse(wire.Busy, textSyncBehind)
	}
	now := d.Seq()
	mark, ok := d.Mark(now)
	if !ok { // the directory loads anew at this moment, or never did
		return refuse(wire.Busy, textSyncBehind)
	}
	tag := r.s.syncs.tag(now, mark, binding)
	s.cookie = syncCookie(now, tag)
	if len(q.cookie) > 0 && !s.resumed {
		r.newer.seq, r.newer.more = now, tag
	}
	if s.resumed && r.q.scope != scopeBase && at.kind >= placeBase && at.kind <= placeServices {
		s.before, s.deletes = d.Versions(s.since)
	}
	r.limit, r.walks = math.MaxInt, math.MaxInt // it is shown everything anyway, page by page
	if !r.hurry {
		r.deadline = time.Now().Add(syncTime)
	}
	return true
}

// resume finds the position of a cookie, and whether it counts; busy: this replica
// has not come there.
func (r *run) resume(cookie, binding []byte) (busy bool) {
	seq, tag, ok := parseSyncCookie(cookie)
	if !ok {
		return false
	}
	if !r.await(seq) {
		return true
	}
	mark, ok := r.s.opt.Directory.Mark(seq)
	r.sync.resumed, r.sync.since = ok && r.s.syncs.tag(seq, mark, binding) == tag, seq
	return false
}

// await waits for this replica to come to a position, for a while, and as long as
// the client waits and is who he was.
func (r *run) await(seq uint64) bool {
	if seq <= r.s.opt.Directory.Seq() {
		return true
	}
	r.c.Flush()
	wanted, done := r.c.Wait()
	defer done()
	wait, cancel := context.WithTimeout(wanted, r.s.syncWait)
	defer cancel()
	return r.s.opt.Directory.Await(wait, seq) == nil && r.x.stillIn(r.c) && r.x.service == r.service
}

// standing is an entry's UUID, and the number of its last change or more.
func (r *run) standing(o object) (uuid [16]byte, seq uint64) {
	switch o := o.(type) {
	case *personEntry:
		return o.e.UUID, o.e.Seq
	case *personalEntry:
		return personalUUID(o.e), o.e.Seq
	case *groupEntry:
		// Of members who came and went again between two reads of the feed its number
		// tells nothing, but another replica may have shown them.
		return o.v.tree.groupUUID(o.g.Name), math.MaxUint64
	case *unitEntry:
		return madeUUID(o.dn), 0
	case *fixedEntry:
		return madeUUID(o.dn), 0
	}
	panic("an entry of an unknown kind")
}

// tell adds an entry to those that are as they were or, in a delete phase, gone.
func (r *run) tell(uuid [16]byte) bool {
	s := &r.sync
	s.uuids = wire.AppendTLV(s.uuids, wire.TagOctets, uuid[:])
	if s.count++; s.count%syncSet == 0 {
		r.tellSet()
	}
	return !r.c.Abandoned()
}

// tellSet sends what tell gathered.
func (r *run) tellSet() {
	s := &r.sync
	if len(s.uuids) == 0 {
		return
	}
	_ = r.c.Wrote(appendSyncSet(r.c.Buffer(), r.m.ID, s.uuids, s.deletes)) // whoever is gone is noticed by the next to write
	s.uuids = s.uuids[:0]
}

// update is the delete phase of a container.
func (r *run) update(at place) {
	kind := at.kind
	whole := r.q.scope == scopeSub && kind <= placeBase
	people, own := whole || kind == placePeople, r.tree.personal != "" && (whole || kind == placePersonal)
	if people || own {
		if !r.updatePeople(people, own) {
			return
		}
	}
	if whole || kind == placeGroups {
		r.updateGroups()
	}
}

// updatePeople tells of the people who changed, and of their own groups.
func (r *run) updatePeople(people, own bool) bool {
	d := r.s.opt.Directory
	was := map[identity.PersonID]bool{}
	for _, v := range r.sync.before {
		e := v.Entry
		if !r.couldKnow(e) {
			continue
		}
		was[e.Person] = true
		now, ok := d.Get(e.Person)
		// Who lost the account and got another one is another entry.
		if people && (!ok || now.UUID != e.UUID) && !r.tell(e.UUID) || own && !ok && !r.tell(personalUUID(e)) {
			return false
		}
	}
	list, _ := d.Changed(r.sync.since, math.MaxInt, r.x.people[:0])
	r.x.people = list
	for _, e := range list {
		if !r.look(1) {
			return false
		}
		known := was[e.Person] || r.couldKnow(e)
		seen := known && r.sees(e)
		if people {
			if r.person = (personEntry{&r.view, e}); !r.settle(&r.person, seen, known) {
				return false
			}
		}
		if own {
			if r.personal = (personalEntry{&r.view, e}); !r.settle(&r.personal, seen, known) {
				return false
			}
		}
	}
	return true
}

// couldKnow says whether the asker may have seen somebody as he is or was in a
// version, up to today: at another replica perhaps, whose day began before ours.
func (r *run) couldKnow(e *directory.Entry) bool {
	tomorrow := r.day.AddDays(1)
	return e.State == directory.StateActive && slices.ContainsFunc(e.Affiliations, func(a directory.Affiliation) bool {
		return r.service.covers(&a) && !a.Closed && !a.From.After(tomorrow)
	})
}

// settle sends what is in the content, and tells of what is not and could have
// been.
func (r *run) settle(o object, seen, known bool) bool {
	if seen && r.x.filter.Eval(o, &r.x.scratch) == filter.True {
		return r.send(o, position{})
	}
	if !known {
		return true
	}
	uuid, _ := r.standing(o)
	return r.tell(uuid)
}

// updateGroups tells of the groups that changed, came or went.
func (r *run) updateGroups() {
	d := r.s.opt.Directory
	names, ok := d.MovedGroups(r.sync.since)
	if !ok { // the directory was loaded anew since this began
		r.done = wire.Result{Code: wire.SyncRefreshRequired, Text: textSyncRefresh}
		return
	}
	for _, name := range names {
		if !r.look(groupCost) {
			return
		}
		g, ok := d.Group(name)
		switch {
		case ok:
			r.group = groupEntry{&r.view, g}
			ok = r.settle(&r.group, r.seesGroup(g), r.seesGroup(g))
		case r.couldKnowGroup(name):
			ok = r.tell(r.tree.groupUUID(name))
		default:
			ok = true
		}
		if !ok {
			return
		}
	}
}

// couldKnowGroup says whether a group that is gone was of a school that the asker
// sees, and no class where it sees no pupils.
func (r *run) couldKnowGroup(name string) bool {
	pupils := r.service.roles.has(person.RolePupil)
	if r.service.schools == nil {
		return pupils || !r.wasClass(name)
	}
	return slices.ContainsFunc(r.service.list, func(id person.SchoolID) bool {
		school := strings.ToLower(directory.SchoolGroup(id))
		return name == school || strings.HasPrefix(name, school+"-") && pupils
	})
}

// wasClass says whether a group that is gone was a class: whoever was in it last is
// among those who changed.
func (r *run) wasClass(name string) bool {
	if r.sync.classes == nil {
		r.sync.classes = map[string]bool{}
		for _, v := range r.sync.before {
			for _, a := range v.Entry.Affiliations {
				if a.Class != "" {
					r.sync.classes[strings.ToLower(directory.ClassGroup(a.School, a.Class))] = true
				}
			}
		}
	}
	return r.sync.classes[name]
}
