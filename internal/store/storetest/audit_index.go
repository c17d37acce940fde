package storetest

import (
	"fmt"
	"testing"
	"time"

	"schoolbridge/internal/identity"
)

// indexStep is how many people, each in a block of his own (apart), are dealt into
// the index at once; a step is a row for each bucket.
const (
	indexStep    = 512
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
	x.more(indexStep + 30)
	x.more(40)
	x.rows(2 * indexBuckets)
	x.find("all", 1, x.people, 57)
	damages := []string{
		"UPDATE audit_index SET sealed = 'forged' WHERE bucket / 32 = 0",
		"UPDATE audit_index SET sealed = (SELECT o.sealed FROM audit_index o WHERE o.bucket = 255 AND o.upto = audit_index.upto) WHERE bucket / 32 = 1",
		"UPDATE audit_index SET sealed = (SELECT o.sealed FROM audit_index o WHERE o.bucket = audit_index.bucket AND o.upto <> audit_index.upto) WHERE bucket / 32 = 2",
		"UPDATE audit_index SET first = 1 WHERE bucket / 32 = 3",
		"UPDATE audit_index SET upto = upto + 50 WHERE bucket / 32 = 4",
		"UPDATE audit_index SET chain = 'other' WHERE bucket / 32 = 5",
		"DELETE FROM audit_index WHERE bucket / 32 = 6",
		"DELETE FROM audit_index WHERE bucket / 32 = 7 AND upto < 1500",
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
	// Rows that are ahead of the chain, one of them where the next will be.
	for _, upto := range []int{3 * 2 * indexStep, 1 << 40} {
		check(t, s.Exec("INSERT INTO audit_index (chain, bucket, upto, first, sealed) VALUES ('main', 0, ?, 1, 'forged')", upto))
	}
	check(t, s.Exec("DELETE FROM audit_index WHERE chain = 'other' OR bucket = 0 AND upto < 3000"))
	for range 4 { // what is gone is made again
		x.more(indexStep)
	}
	x.find("made again", 1, x.people, 999)
	check(t, s.Exec("DELETE FROM audit_index"))
	for range 4 {
		x.more(indexStep)
	}
	x.rows(4 * indexBuckets)
	x.find("lost", 1, x.people, 999)
	s.broken(t, "all the same", false)
}

// testAuditIndexMeanwhile: lines that were not right while they were indexed are
// found once they are.
func testAuditIndexMeanwhile(t *testing.T, s *suite) {
	x := &indexTest{t, s, 1}
	x.more(indexStep - 10)
	wrong := []string{"seq IN (1, 3)", "seq = 501", "seq = 701", "seq = 901"}
	check(t, s.Exec("CREATE TABLE kept AS SELECT * FROM audit WHERE "+wrong[0]+" OR "+wrong[1]+" OR "+wrong[2]+" OR "+wrong[3]))
	check(t, s.Exec("UPDATE audit SET sealed = 'forged' WHERE "+wrong[0]))
	check(t, s.Exec("DELETE FROM audit WHERE "+wrong[1]))
	check(t, s.Exec("UPDATE audit SET kind = 'config' WHERE "+wrong[2]))
	check(t, s.Exec("UPDATE audit SET sealed = ? WHERE "+wrong[3], []byte{}))
	for range 8 {
		x.more(indexStep / 2)
	}
	check(t, s.Exec("DELETE FROM audit WHERE "+wrong[0]+" OR "+wrong[2]+" OR "+wrong[3]))
	check(t, s.Exec("INSERT INTO audit SELECT * FROM kept"))
	s.broken(t, "put right", false)
	for _, n := range []int{1, 2, 3, 250, 251, 252, 350, 351, 352, 450, 451, 452} {
		x.find("put right", n, n+1, 1)
	}
	x.find("put right", 1, x.people, 97)
	if n, err := s.Count("SELECT count(*) FROM audit_index"); err != nil || n < 3*indexBuckets {
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
	x.find("the other future", first, x.people, 57)
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
	erase(1 + indexStep + 100)
	x.rows(2 * indexBuckets)
	x.find("left", 1+indexStep+100, x.people, 57)
	for _, n := range []int{1, indexStep, indexStep + 100} {
		if got, err := s.db.Audit().Recent(t.Context(), somebody(n), 9); err != nil || len(got) > 0 {
			t.Errorf("erased: %+v, %v", got, err)
		}
	}
	erase(x.people)
	x.rows(0)
	s.now = s.now.Add(time.Hour)
	first := x.people
	x.more(indexStep)
	x.more(100) // lines of erasures came between
	x.rows(indexBuckets)
	x.find("new", first, x.people, 57)
	check(t, s.db.Audit().Append(t.Context(), []identity.AuditEntry{{At: s.now, Kind: "config"}}))
	s.broken(t, "after erasures", false)
}
