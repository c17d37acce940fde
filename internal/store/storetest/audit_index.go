package storetest

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/store"
)

// indexStep is how many blocks the suite's stores take into the index at once, as
// a row for each bucket.
const (
	indexStep    = 64
	indexBuckets = 256
)

// bucketOf is the bucket in which somebody is.
func bucketOf(n int) int { return int(somebody(n)[15]) }

// indexTest is a trail with an index.
type indexTest struct {
	*testing.T
	*suite
	people int
}

// more appends n people's sign-ins, 2n lines.
func (x *indexTest) more(n int) {
	x.Helper()
	check(x.T, x.db.Audit().Append(x.Context(), x.apart(x.people, n)))
	x.people += n
}

// find looks for people, each of whom has one sign-in.
func (x *indexTest) find(what string, first, upto, step int) {
	x.Helper()
	for n := first; n < upto; n += step {
		got, err := x.db.Audit().Recent(x.Context(), somebody(n), 3, "sign_in")
		if err != nil || len(got) != 1 || string(got[0].Payload) != fmt.Sprintf(`{"n":%d}`, n) {
			x.Fatalf("%s: of %d: %+v, %v", what, n, got, err)
		}
	}
}

func (x *indexTest) rows(want int) {
	x.Helper()
	if n, err := x.Count("SELECT count(*) FROM audit_index"); err != nil || n != want {
		x.Errorf("%d rows in the index, %v, want %d", n, err, want)
	}
}

// testAuditIndex: whatever became of the index, nobody is missed.
func testAuditIndex(t *testing.T, s *suite) {
	x := &indexTest{t, s, 1}
	x.more(indexStep)
	x.more(indexStep + 3)
	x.more(40)
	x.rows(2 * indexBuckets)
	x.find("all", 1, x.people, 7)
	damages := []string{
		"UPDATE audit_index SET sealed = 'forged' WHERE bucket / 32 = 0",
		"UPDATE audit_index SET sealed = (SELECT o.sealed FROM audit_index o WHERE o.bucket = 255 AND o.upto = audit_index.upto) WHERE bucket / 32 = 1",
		"UPDATE audit_index SET sealed = (SELECT o.sealed FROM audit_index o WHERE o.bucket = audit_index.bucket AND o.upto <> audit_index.upto) WHERE bucket / 32 = 2",
		"UPDATE audit_index SET first = 1 WHERE bucket / 32 = 3",
		"UPDATE audit_index SET upto = upto + 5 WHERE bucket / 32 = 4",
		"UPDATE audit_index SET chain = 'other' WHERE bucket / 32 = 5",
		"DELETE FROM audit_index WHERE bucket / 32 = 6",
		"DELETE FROM audit_index WHERE bucket / 32 = 7 AND upto < 200",
	}
	for _, damage := range damages {
		check(t, s.Exec(damage))
	}
	for i, damage := range damages {
		n := 1
		for bucketOf(n)/32 != i {
			n++
		}
		x.find(damage, n, n+1, 1)
	}
	// What is gone is made again, whatever says that the index is ahead of the chain.
	check(t, s.Exec("DELETE FROM audit_index WHERE bucket = 0 OR chain = 'other'"))
	check(t, s.Exec("INSERT INTO audit_index (chain, bucket, upto, first, sealed) VALUES ('main', 0, ?, 1, 'forged')", int64(1)<<40))
	for range 4 {
		x.more(indexStep)
	}
	if n, err := s.Count("SELECT count(*) FROM audit_index WHERE bucket = 0"); err != nil || n != 1+4 {
		t.Errorf("%d rows in the first bucket, %v", n, err)
	}
	x.find("made again", 1, x.people, 17)
	check(t, s.Exec("DELETE FROM audit_index"))
	check(t, s.Exec("INSERT INTO audit_index (chain, bucket, upto, first, sealed) VALUES ('main', 7, ?, 1, 'forged')", 2*indexStep)) // where the first will be
	for range 4 {
		x.more(indexStep)
	}
	x.rows(4 * indexBuckets)
	x.find("lost", 1, x.people, 29)
	s.broken(t, "all the same", false)
}

// testAuditIndexBytes: large blocks are indexed before there are many.
func testAuditIndexBytes(t *testing.T, s *suite) {
	db, err := s.Open(t.Context(), s.keys, store.Options{})
	check(t, err)
	defer func() { check(t, db.Close()) }()
	const people, lines = 70, 512
	random := rand.NewChaCha8([32]byte{})
	var all []identity.AuditEntry
	for n := range lines {
		e := identity.AuditEntry{At: s.now, Kind: "config"}
		if n < people {
			e.Kind, e.Person, e.Payload = "sign_in", somebody(n+1), make([]byte, 64<<10)
			_, _ = random.Read(e.Payload) // never fails
		}
		all = append(all, e)
	}
	check(t, db.Audit().Append(t.Context(), all))
	x := &indexTest{t, s, 0}
	x.rows(indexBuckets)
	for n, e := range all[:people] {
		if got, err := db.Audit().Recent(t.Context(), somebody(n+1), 2); err != nil || len(got) != 1 || !bytes.Equal(got[0].Payload, e.Payload) {
			t.Errorf("of %d: %d entries, %v", n, len(got), err)
		}
	}
}

// testAuditIndexMeanwhile: lines that were not right while they were indexed are
// found once they are.
func testAuditIndexMeanwhile(t *testing.T, s *suite) {
	x := &indexTest{t, s, 1}
	x.more(indexStep - 10)
	wrong := []string{"seq IN (1, 3)", "seq = 51", "seq = 71", "seq = 91"}
	check(t, s.Exec("CREATE TABLE kept AS SELECT * FROM audit WHERE "+strings.Join(wrong, " OR ")))
	check(t, s.Exec("UPDATE audit SET sealed = 'forged' WHERE "+wrong[0]))
	check(t, s.Exec("DELETE FROM audit WHERE "+wrong[1]))
	check(t, s.Exec("UPDATE audit SET kind = 'config' WHERE "+wrong[2]))
	check(t, s.Exec("UPDATE audit SET sealed = ? WHERE "+wrong[3], []byte{}))
	for range 12 {
		x.more(indexStep / 2)
	}
	check(t, s.Exec("DELETE FROM audit WHERE "+strings.Join(wrong, " OR ")))
	check(t, s.Exec("INSERT INTO audit SELECT * FROM kept"))
	s.broken(t, "put right", false)
	x.find("put right", 1, 60, 1)
	x.find("put right", 60, x.people, 29)
	if n, err := s.Count("SELECT count(*) FROM audit_index"); err != nil || n < 6*indexBuckets {
		t.Errorf("%d rows in the index, %v", n, err)
	}
}

// testAuditIndexOfAnotherPast: the database was put back and went on otherwise;
// what the index said before says nothing about these lines.
func testAuditIndexOfAnotherPast(t *testing.T, s *suite) {
	x := &indexTest{t, s, 1}
	x.more(10)
	check(t, s.Exec("CREATE TABLE kept_heads AS SELECT * FROM audit_heads"))
	x.more(indexStep)
	check(t, s.Exec("CREATE TABLE kept_index AS SELECT * FROM audit_index"))
	x.rows(indexBuckets)
	for _, query := range []string{
		"DELETE FROM audit WHERE seq > 20", "DELETE FROM audit_heads", "INSERT INTO audit_heads SELECT * FROM kept_heads", "DELETE FROM audit_index",
	} {
		check(t, s.Exec(query))
	}
	first := x.people
	x.more(indexStep)
	x.rows(indexBuckets)
	check(t, s.Exec("DELETE FROM audit_index"))
	check(t, s.Exec("INSERT INTO audit_index SELECT * FROM kept_index"))
	s.broken(t, "the chain", false)
	x.find("the other future", first, x.people, 7)
}

// testAuditIndexSealed: neither blocks nor index show in clear who signed in.
func testAuditIndexSealed(t *testing.T, s *suite) {
	x := &indexTest{t, s, 1}
	x.more(indexStep + 10)
	x.rows(indexBuckets)
	disk, err := s.Bytes()
	check(t, err)
	for n := 1; n < x.people; n++ {
		id := somebody(n) // its tag is its second half
		if bytes.Contains(disk, id[8:]) {
			t.Fatalf("person %d is in the files", n)
		}
	}
}

// testAuditIndexErasure: what is erased goes from the index too, and the index
// goes on behind it.
func testAuditIndexErasure(t *testing.T, s *suite) {
	x := &indexTest{t, s, 1}
	for range 3 {
		x.more(indexStep)
	}
	x.rows(3 * indexBuckets)
	erase := func(people int) {
		t.Helper()
		n, err := s.db.Audit().EraseSignIns(t.Context(), s.entries(people, 1)[0].At)
		if err != nil || n == 0 {
			t.Errorf("%d lines erased, %v", n, err)
		}
	}
	erase(1 + indexStep + 10)
	x.rows(indexBuckets) // the second step too is about somebody who is forgotten
	x.find("left", 1+indexStep+10, x.people, 7)
	for _, n := range []int{1, indexStep, indexStep + 10} {
		if got, err := s.db.Audit().Recent(t.Context(), somebody(n), 9); err != nil || len(got) > 0 {
			t.Errorf("erased: %+v, %v", got, err)
		}
	}
	erase(x.people)
	x.rows(0)
	s.now = s.now.Add(time.Hour)
	first := x.people
	x.more(indexStep)
	x.more(30) // lines of erasures came between
	x.rows(indexBuckets)
	x.find("new", first, x.people, 7)
	check(t, s.db.Audit().Append(t.Context(), []identity.AuditEntry{{At: s.now, Kind: "config"}}))
	s.broken(t, "after erasures", false)
}

// testAuditIndexFresh: blocks of which the index does not tell yet are found by whoever
// looked before they were written, before and after the index reaches them, and where
// the chain had another future then.
func testAuditIndexFresh(t *testing.T, s *suite) {
	x := &indexTest{t, s, 1}
	for _, n := range []int{5, 1, indexStep / 2, indexStep, 3, 2 * indexStep} {
		first := x.people
		x.more(n)
		x.find("new", first, x.people, 1)
		x.find("all", 1, x.people, 3)
	}
	check(t, s.Exec("CREATE TABLE kept_heads AS SELECT * FROM audit_heads"))
	upto, err := s.Count("SELECT max(seq) FROM audit")
	check(t, err)
	x.more(indexStep / 2)
	x.find("before it was put back", 1, x.people, 7)
	for _, query := range []string{fmt.Sprint("DELETE FROM audit WHERE seq > ", upto), "DELETE FROM audit_heads", "INSERT INTO audit_heads SELECT * FROM kept_heads"} {
		check(t, s.Exec(query))
	}
	first := x.people
	x.more(3)
	x.find("shorter than before", first, x.people, 1)
	x.more(indexStep - 4)
	x.find("the other future", first, x.people, 1)
}
