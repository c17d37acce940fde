package duplicates

import (
	"cmp"
	"encoding/binary"
	"hash/fnv"
	"slices"
	"strings"

	"schoolbridge/internal/person"
)

// kind is what the accounts of a block share.
type kind uint8

const (
	byOwner      kind = iota
	byRecord          // claimed for one
	byHolder          // names, contacts: one person of the registries
	byEmployeeID      // employeeID
	byMail            //
	byPhone           //
	byUPN             // before the @
	byBase            // look-alike names
	byFIO             // as it sounds, alone
	byFIOBirth        // and birth date
	byFIOPlace        // and unit
	byFIOBase         // and look-alike names
	bySurname         // surname and first name, for those without a patronymic
	byGiven           // first name, patronymic and birth date: the surname may have changed
	kinds
)

// most is how many accounts a block may have before what they share says
// nothing: an identifier that more have is a school's telephone or a default,
// and a name that more have needs one thing more.
var most = [kinds]int{
	byOwner: 64, byRecord: 64, byHolder: 64, byEmployeeID: 8, byMail: 8, byPhone: 8, byUPN: 16, byBase: 32,
	byFIO: 16, byFIOBirth: 64, byFIOPlace: 64, byFIOBase: 64, bySurname: 12, byGiven: 32,
}

// shared are the kinds whose large blocks are worth telling of.
var shared = map[kind]string{byEmployeeID: "employeeID", byMail: "mail", byPhone: "phone"}

// key puts an account into a block. Two values may have one hash: what a block
// proposes is judged by the values.
type key struct {
	hash uint64
	row  uint32
}

// blocks are the keys of all accounts, by kind and hash.
type blocks [kinds][]key

func (b *blocks) add(k kind, row int, parts ...string) {
	b[k] = append(b[k], key{digest(parts...), uint32(row)})
}

func digest(parts ...string) uint64 {
	h := fnv.New64a()
	var size [4]byte
	for _, p := range parts {
		binary.BigEndian.PutUint32(size[:], uint32(len(p)))
		_, _ = h.Write(size[:]) // a hash takes everything
		_, _ = h.Write([]byte(p))
	}
	return h.Sum64()
}

func (b *blocks) sort() {
	for k := range b {
		slices.SortFunc(b[k], func(x, y key) int { return cmp.Or(cmp.Compare(x.hash, y.hash), cmp.Compare(x.row, y.row)) })
		b[k] = slices.Compact(b[k])
	}
}

// rows gives the accounts of one block, found without a walk through it.
func (b *blocks) rows(k kind, parts ...string) []key {
	hash := digest(parts...)
	list := b[k]
	from, ok := slices.BinarySearchFunc(list, hash, func(x key, h uint64) int { return cmp.Compare(x.hash, h) })
	if !ok {
		return nil
	}
	list = list[from:]
	to, _ := slices.BinarySearchFunc(list, hash, func(x key, h uint64) int {
		if x.hash <= h {
			return -1
		}
		return 1
	})
	return list[:to]
}

// few gives the accounts of a block that says something: of none that is too large.
func (b *blocks) few(k kind, parts ...string) []key {
	rows := b.rows(k, parts...)
	if len(rows) > most[k] {
		return nil
	}
	return rows
}

// each calls f for every block of a kind that has more than one account.
func (b *blocks) each(k kind, f func([]key)) {
	list := b[k]
	for from := 0; from < len(list); {
		to := from + 1
		for to < len(list) && list[to].hash == list[from].hash {
			to++
		}
		if to-from > 1 {
			f(list[from:to])
		}
		from = to
	}
}

// row is an account with what is compared of it.
type row struct {
	Account
	name    fio
	base    string // of Name
	upn     string // UPN before the @, folded
	holders []holder

	// What of Account's tells people apart: without what too many have.
	employee      string
	mails, phones []string
}

// holder is a person of the registries whom an account points to.
type holder struct {
	fact    *Fact
	contact bool // by a contact and the ФИО, not by the name
}

func newRow(a Account) row {
	r := row{Account: a, name: nameOf(&a), base: baseName(a.Name)}
	local, _, _ := strings.Cut(a.UPN, "@")
	r.upn = person.FoldName(local)
	if r.EmployeeID = number(r.EmployeeID); placeholder(r.EmployeeID) {
		r.EmployeeID = ""
	}
	r.Mails = normal(a.Mails, person.Emails)
	r.Phones = normal(a.Phones, person.Phones)
	return r
}

// number is an employeeID as it is compared: a СНИЛС in whatever spelling.
func number(id string) string {
	id = strings.TrimSpace(id)
	if s, ok := person.ParseSNILS(id); ok && len(id) >= len(s) {
		return string(s)
	}
	return strings.ToLower(id)
}

// placeholder says that an employeeID is what people write where there is none.
func placeholder(id string) bool {
	return strings.Trim(id, "0-–—._ ") == "" || person.JoinFIO("", "", id) == ""
}

// valuesMost bounds the contacts that are compared of one account.
const valuesMost = 16

func normal[T ~string](fields []string, read func(string) []T) []string {
	var list []string
	for _, f := range fields {
		for _, v := range read(f) {
			if !slices.Contains(list, string(v)) && len(list) < valuesMost {
				list = append(list, string(v))
			}
		}
	}
	return list
}

// first are the blocks that facts are held against.
func (b *blocks) first(i int, r *row) {
	if name := person.FoldName(r.Name); name != "" {
		b.add(byHolder, i, "login", name)
		if r.upn != "" && r.upn != name {
			b.add(byHolder, i, "login", r.upn)
		}
	}
	for _, v := range r.Mails {
		b.add(byMail, i, v)
	}
	for _, v := range r.Phones {
		b.add(byPhone, i, v)
	}
}

// second are the others, when the facts are known.
func (b *blocks) second(i int, r *row) {
	for _, id := range r.owners() {
		b.add(byOwner, i, string(id[:]))
	}
	for _, ref := range r.Records {
		b.add(byRecord, i, string(rune(ref.Kind)), string(ref.ID))
	}
	for _, h := range r.holders {
		b.add(byHolder, i, "person", h.fact.id())
	}
	if r.EmployeeID != "" {
		b.add(byEmployeeID, i, r.EmployeeID)
	}
	if len(r.upn) >= 3 {
		b.add(byUPN, i, r.upn)
	}
	if r.base != "" {
		b.add(byBase, i, r.base)
	}
	b.names(i, r)
}

func (b *blocks) names(i int, r *row) {
	n := r.name
	if !n.known() {
		return
	}
	whole := []string{n.last, n.first, n.middle}
	birth := r.birth()
	b.add(byFIO, i, whole...)
	b.add(bySurname, i, n.last, n.first[:1])
	b.add(byFIOPlace, i, append(whole, strings.ToLower(r.Place))...)
	if r.base != "" {
		b.add(byFIOBase, i, n.last, n.first[:1], r.base)
	}
	if !birth.IsZero() {
		b.add(byFIOBirth, i, n.last, n.first, birth.String())
		if n.full() {
			b.add(byGiven, i, n.first, n.middle, birth.String())
		}
	}
}
