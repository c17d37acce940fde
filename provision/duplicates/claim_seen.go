package duplicates

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"

	"schoolbridge/internal/person"
)

// What was refused stays refused for as long as what was compared is the same. So
// digests hold facts alone: what the account and the registries say, and whether a
// number that is in no digest of its own, the СНИЛС, is the account's. How sure a
// finding is and why follows from facts, and may be called otherwise tomorrow.

// AccountSeen is a digest of what is compared of an account.
func AccountSeen(a Account) string {
	r := newRow(a)
	return r.digest()
}

func (r *row) digest() string {
	h := sha256.Sum256(fmt.Appendf(nil, "%x %q %q %q %q %q %q %q %v %q %q", r.ID, r.Name, r.UPN, r.Display, r.Last, r.First, r.Middle, r.Mails, r.Birth, r.Phones, r.EmployeeID))
	return hex.EncodeToString(h[:12])
}

// digest is of what a registry says, but for the СНИЛС: it may be guessed.
func (f *Fact) digest() uint64 {
	h := sha256.Sum256(fmt.Appendf(nil, "%q %q %q %s %v %q %q %q %q", f.Last, f.First, f.Middle, recordSeen(f.Record), f.Birth, f.Mosru, f.EZHD, f.Mails, f.Phones))
	return binary.BigEndian.Uint64(h[:])
}

// seenKinds are registries as digests have them, whatever they are called elsewhere.
var seenKinds = map[person.RecordKind]string{person.RecordEmployment: "kadry", person.RecordEnrolment: "kontingent", person.RecordCard: "zapis", person.RecordSignIns: "ezhd_logins"}

func recordSeen(ref person.RecordRef) string {
	return "{" + cmp.Or(seenKinds[ref.Kind], "unknown") + " " + string(ref.ID) + "}"
}

func recordsSeen(refs []person.RecordRef) string {
	var b bytes.Buffer
	for i, ref := range refs {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(recordSeen(ref))
	}
	return "[" + b.String() + "]"
}

// seenClaim is the digest of an account and those who may be behind it, in whatever
// order they are proposed.
func seenClaim(r *row, guesses []guess) string {
	var who []string
	for _, g := range guesses {
		who = append(who, fmt.Sprintf(" %s %x %t", recordsSeen(g.records), g.seen, g.number))
	}
	slices.Sort(who)
	h := sha256.Sum256(fmt.Appendf(nil, "facts %s %q", r.digest(), who))
	return hex.EncodeToString(h[:12])
}

// levelsBefore are levels in the words of digests that held words.
var levelsBefore = map[Level]string{Different: "different", None: "none", Possible: "possible", Probable: "probable", Certain: "certain"}

// seenInWords is the digest that versions made whose refusals stand in stores: with
// level and reasons.
func seenInWords(r *row, guesses []guess) string {
	h := sha256.New()
	fmt.Fprint(h, r.digest())
	for _, g := range guesses {
		fmt.Fprintf(h, " %s %x %s %q", recordsSeen(g.records), g.seen, levelsBefore[g.level], g.reasons)
	}
	return hex.EncodeToString(h.Sum(nil)[:12])
}

// RefusedAmong says that somebody has refused the proposal, by the digests that
// Refused of the store gives.
func (p *Proposal) RefusedAmong(refused map[string]bool) bool {
	return refused[p.Seen] || p.SeenBefore != "" && refused[p.SeenBefore]
}
