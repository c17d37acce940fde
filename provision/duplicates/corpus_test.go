package duplicates_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/person"
	"schoolbridge/internal/sample"
	"schoolbridge/provision/duplicates"
)

var update = flag.Bool("update", false, "write testdata/corpus.csv anew")

// guid makes an objectGUID of an account's name, so that the order of GUIDs is
// not that of the corpus.
func guid(name string) duplicates.GUID {
	sum := sha256.Sum256([]byte(name))
	return duplicates.GUID(sum[:16])
}

func accountOf(a sample.ADAccount) duplicates.Account {
	return duplicates.Account{
		ID: guid(a.Name), Place: a.Place, Name: a.Name, UPN: a.UPN, Display: a.Display, EmployeeID: a.EmployeeID,
		Mails: []string{a.Mail}, Phones: []string{a.Phone}, Enabled: a.Enabled, SignedIn: a.SignedIn, Created: a.Created,
	}
}

func factOf(r sample.ADRecord) duplicates.Fact {
	kind := person.RecordEnrolment
	if r.SNILS != "" {
		kind = person.RecordEmployment
	}
	return duplicates.Fact{
		SNILS: person.SNILS(r.SNILS), Record: person.RecordRef{Kind: kind, ID: person.RecordID(fmt.Sprint(r.Person))}, Last: r.Last, First: r.First, Middle: r.Middle,
		Birth: r.Birth, School: person.SchoolID(r.School), Class: r.Class, EZHD: []string{r.EZHD}, Mosru: []string{r.Mosru}, Mails: []string{r.Mail}, Phones: []string{r.Phone},
	}
}

func find(accounts []sample.ADAccount, records []sample.ADRecord) duplicates.Findings {
	f := duplicates.NewFinder()
	for _, a := range accounts {
		f.Add(accountOf(a))
	}
	for _, r := range records {
		f.Know(factOf(r))
	}
	return f.Find()
}

// tally counts pairs of one level: of one person, and of two.
type tally struct{ right, wrong int }

// judge holds findings against the labels: the level of a pair is that of the
// weakest link on the strongest way between the two.
func judge(t *testing.T, accounts []sample.ADAccount, found duplicates.Findings) (by map[duplicates.Level]*tally, missed []string, all int) {
	t.Helper()
	label, traps := map[duplicates.GUID]int{}, map[duplicates.GUID]sample.ADAccount{}
	size := map[int]int{}
	for _, a := range accounts {
		label[guid(a.Name)], traps[guid(a.Name)] = a.Person, a
		size[a.Person]++
	}
	for _, n := range size {
		all += n * (n - 1) / 2
	}
	by = map[duplicates.Level]*tally{duplicates.Certain: {}, duplicates.Probable: {}, duplicates.Possible: {}}
	seen := map[[2]duplicates.GUID]bool{}
	for _, g := range found.Groups {
		for i, a := range g.Members {
			for _, b := range g.Members[i+1:] {
				level := g.Between(a.ID, b.ID)
				seen[[2]duplicates.GUID{a.ID, b.ID}], seen[[2]duplicates.GUID{b.ID, a.ID}] = true, true
				if label[a.ID] == label[b.ID] {
					by[level].right++
					continue
				}
				by[level].wrong++
				if level == duplicates.Certain {
					t.Errorf("certain and wrong: %+v\n%+v\nlinks %v", traps[a.ID], traps[b.ID], g.Links)
				}
			}
		}
	}
	for i, a := range accounts {
		for j := i + 1; j < len(accounts) && j < i+8; j++ {
			if b := accounts[j]; a.Person == b.Person && !seen[[2]duplicates.GUID{guid(a.Name), guid(b.Name)}] {
				missed = append(missed, fmt.Sprintf("%+v\n   %+v", a, b))
			}
		}
	}
	return by, missed, all
}

// TestCorpus: on invented directories full of namesakes nothing wrong is
// certain, and of the pairs of one person 95 % are found.
func TestCorpus(t *testing.T) {
	for seed := uint64(1); seed <= 4; seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			accounts, records := sample.MakeAD(seed, sample.ADOptions{People: 4000})
			found := find(accounts, records)
			by, missed, all := judge(t, accounts, found)
			right := 0
			for _, level := range []duplicates.Level{duplicates.Certain, duplicates.Probable, duplicates.Possible} {
				n := by[level]
				right += n.right
				t.Logf("%-8s pairs %5d, right %5d: precision %.3f, recall so far %.3f", level, n.right+n.wrong, n.right, float64(n.right)/float64(max(1, n.right+n.wrong)), float64(right)/float64(all))
			}
			if share := float64(right) / float64(all); share < 0.95 {
				t.Errorf("%d of %d pairs found: %.3f; missed:\n%s", right, all, share, strings.Join(missed[:min(len(missed), 12)], "\n"))
			}
			if by[duplicates.Certain].right*3 < all {
				t.Errorf("only %d of %d pairs are certain", by[duplicates.Certain].right, all)
			}
			t.Logf("accounts %d, groups %d, apart %d", found.Accounts, len(found.Groups), len(found.Apart)+found.More)
		})
	}
}

// TestOrder: the same rows in any order give the same findings.
func TestOrder(t *testing.T) {
	accounts, records := sample.MakeAD(7, sample.ADOptions{People: 1500})
	want := find(accounts, records)
	random := rand.New(rand.NewPCG(1, 2))
	for range 3 {
		random.Shuffle(len(accounts), func(i, j int) { accounts[i], accounts[j] = accounts[j], accounts[i] })
		accounts = append(accounts, accounts[0]) // told twice
		if got := find(accounts, records); !reflect.DeepEqual(got, want) {
			t.Fatal("another order gave other findings")
		}
		accounts = accounts[:len(accounts)-1]
	}
}

// TestCommittedCorpus: testdata/corpus.csv is what seed 1 gives, so that the
// generator stays what it was, and every trap is in it.
func TestCommittedCorpus(t *testing.T) {
	const file = "testdata/corpus.csv"
	accounts, records := sample.MakeAD(1, sample.ADOptions{People: 700})
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	row := func(fields ...string) {
		if err := w.Write(fields); err != nil {
			t.Fatal(err)
		}
	}
	row("person", "trap", "sam", "upn", "place", "display", "employee_id", "mail", "phone", "enabled", "signed_in", "created")
	traps := map[string]bool{}
	for _, a := range accounts {
		traps[a.Trap] = true
		at := func(t time.Time) string {
			if t.IsZero() {
				return ""
			}
			return t.Format(time.DateOnly)
		}
		row(fmt.Sprint(a.Person), a.Trap, a.Name, a.UPN, a.Place, a.Display, a.EmployeeID, a.Mail, a.Phone, fmt.Sprint(a.Enabled), at(a.SignedIn), at(a.Created))
	}
	row("person", "record", "last", "first", "middle", "birth", "snils", "school", "class", "mosru", "ezhd", "contacts")
	for _, r := range records {
		row(fmt.Sprint(r.Person), "", r.Last, r.First, r.Middle, r.Birth.String(), r.SNILS, r.School, r.Class, r.Mosru, r.EZHD, r.Phone+" "+r.Mail)
	}
	w.Flush()
	if *update {
		if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(want, b.Bytes()) {
		t.Error("the generator makes another corpus than the committed one")
	}
	for _, trap := range sample.Traps() {
		if !traps[trap] && trap != "school's telephone" {
			t.Errorf("no %q in the corpus", trap)
		}
	}
}
