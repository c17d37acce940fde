package directory

import (
	"encoding/binary"
	"errors"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
)

// appendEntry writes an Entry as a snapshot holds it: numbers as varints, texts
// with their length before them, flags in one byte.
func appendEntry(b []byte, e *Entry) []byte {
	b = append(append(b, e.Person[:]...), e.UUID[:]...)
	for _, n := range [...]uint64{e.Epoch, e.Seq, uint64(e.UIDNumber), uint64(e.GIDNumber), uint64(e.Created), uint64(e.Modified), uint64(e.State)} {
		b = binary.AppendUvarint(b, n)
	}
	b = appendFlag(b, e.PasswordWanted)
	for _, text := range [...]string{string(e.Subject), string(e.Login), e.MosruLogin, e.Last, e.First, e.Middle, e.Mail} {
		b = appendText(b, text)
	}
	b = binary.AppendUvarint(b, uint64(len(e.Names)))
	for _, n := range e.Names {
		b = appendText(binary.AppendUvarint(b, uint64(n.Kind)), n.Text)
	}
	if b = appendFlag(b, e.AD != nil); e.AD != nil {
		b = appendText(append(b, e.AD.GUID[:]...), e.AD.SID)
	}
	b = binary.AppendUvarint(b, uint64(len(e.Affiliations)))
	for _, a := range e.Affiliations {
		b = binary.AppendUvarint(binary.AppendUvarint(b, uint64(a.Role)), uint64(a.Record.Kind))
		b = binary.AppendUvarint(binary.AppendUvarint(b, uint64(a.From.Number())), uint64(a.To.Number()))
		b = appendFlag(b, a.Closed)
		b = appendText(appendText(appendText(b, string(a.School)), a.Class), string(a.Record.ID))
	}
	return b
}

func appendText(b []byte, text string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}

func appendFlag(b []byte, flag bool) []byte {
	if flag {
		return append(b, 1)
	}
	return append(b, 0)
}

var errCodec = errors.New("what is in the snapshot is no directory")

// decoder reads what appendEntry wrote. Its first failure stays; after it
// everything is empty.
type decoder struct {
	left   []byte
	shared map[string]string // texts that many have
	err    error
}

func (d *decoder) entry() *Entry {
	e := &Entry{}
	d.bytes(e.Person[:])
	d.bytes(e.UUID[:])
	e.Epoch, e.Seq = d.number(), d.number()
	e.UIDNumber, e.GIDNumber = uint32(d.number()), uint32(d.number())
	e.Created, e.Modified = Moment(d.number()), Moment(d.number())
	e.State, e.PasswordWanted = State(d.number()), d.flag()
	e.Subject, e.Login = identity.Subject(d.text()), identity.Login(d.text())
	e.MosruLogin = d.name(e.Login)
	e.Last, e.First, e.Middle, e.Mail = d.common(), d.common(), d.common(), d.text()
	if n := d.count(); n > 0 {
		e.Names = make([]person.Name, n)
		for i := range e.Names {
			e.Names[i] = person.Name{Kind: person.NameKind(d.number()), Text: d.name(e.Login)}
		}
	}
	if d.flag() {
		e.AD = &Object{}
		d.bytes(e.AD.GUID[:])
		e.AD.SID = d.text()
	}
	if n := d.count(); n > 0 {
		e.Affiliations = make([]Affiliation, n)
		for i := range e.Affiliations {
			d.affiliation(&e.Affiliations[i])
		}
	}
	return e
}

func (d *decoder) affiliation(a *Affiliation) {
	a.Role, a.Record.Kind = person.Role(d.number()), person.RecordKind(d.number())
	a.From, a.To, a.Closed = d.date(), d.date(), d.flag()
	a.School, a.Class, a.Record.ID = person.SchoolID(d.common()), d.common(), person.RecordID(d.text())
}

func (d *decoder) fail() { d.left, d.err = nil, errCodec }

func (d *decoder) number() uint64 {
	n, size := binary.Uvarint(d.left)
	if size <= 0 {
		d.fail()
		return 0
	}
	d.left = d.left[size:]
	return n
}

// count is of what takes a byte at least.
func (d *decoder) count() int {
	n := d.number()
	if n > uint64(len(d.left)) {
		d.fail()
		return 0
	}
	return int(n)
}

func (d *decoder) flag() bool { return d.number() == 1 }

func (d *decoder) raw() []byte {
	n := d.count()
	raw := d.left[:n]
	d.left = d.left[n:]
	return raw
}

func (d *decoder) bytes(into []byte) {
	if len(d.left) < len(into) {
		d.fail()
		return
	}
	d.left = d.left[copy(into, d.left):]
}

func (d *decoder) text() string { return string(d.raw()) }

// name is a text that is mostly the login.
func (d *decoder) name(login identity.Login) string {
	if raw := d.raw(); string(raw) != string(login) {
		return string(raw)
	}
	return string(login)
}

// common is a text that many have: it is kept once.
func (d *decoder) common() string {
	raw := d.raw()
	text, known := d.shared[string(raw)]
	if !known {
		text = string(raw)
		d.shared[text] = text
	}
	return text
}

func (d *decoder) date() person.Date { return person.DateNumbered(uint32(d.number())) }
