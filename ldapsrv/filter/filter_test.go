package filter

import (
	"bytes"
	"errors"
	"iter"
	"strings"
	"testing"

	"schoolbridge/ldapsrv/wire"
)

// The test's attributes, by name.
const (
	idUID = iota
	idN
	idTime
	idExact
	idName
	idMember
	idPerson
)

type schema struct{}

func (schema) Attribute(d []byte) (Attribute, bool) {
	switch strings.ToLower(string(d)) {
	case "uid":
		return Attribute{ID: idUID, Rule: CaseIgnore}, true
	case "n":
		return Attribute{ID: idN, Rule: Integer, Ordered: true}, true
	case "person":
		return Attribute{ID: idPerson, Rule: Name}, true
	case "time":
		return Attribute{ID: idTime, Rule: Time, Ordered: true}, true
	case "exact":
		return Attribute{ID: idExact, Rule: CaseExact}, true
	case "name":
		return Attribute{ID: idName, Rule: CaseIgnore, Prepare: func(v string) (string, bool) { return strings.TrimPrefix(v, "x-"), v != "bad" }}, true
	case "member":
		return Attribute{ID: idMember, Rule: DN}, true
	case "empty":
		return Attribute{ID: 98, Rule: CaseIgnore}, true
	case "hidden":
		return Attribute{ID: 99, Rule: CaseIgnore}, true
	}
	return Attribute{}, false
}

// Attributes implements Schema.
func (s schema) Attributes() iter.Seq[Attribute] {
	return func(yield func(Attribute) bool) {
		for _, name := range []string{"uid", "n", "time", "exact", "name", "member", "empty", "person"} {
			if a, _ := s.Attribute([]byte(name)); !yield(a) {
				return
			}
		}
	}
}

type subject struct{}

func (subject) Values(id int, into *Values) bool {
	switch id {
	case idUID:
		into.Text("Anna")
		into.Text("Анна  Ёлкина")
	case idN:
		into.Number(7)
	case idTime:
		into.Number(1_000_000_000) // 2001-09-09 01:46:40 UTC
	case idExact:
		into.Text("/home/Anna")
	case idName:
		into.Text("Name")
	case idPerson:
		into.Text("Ёлкина  Пётр")
	case idMember:
		if into.Texts() == 0 {
			return false // too many to be listed
		}
	case 99:
		return false
	}
	return true
}

func (subject) Test(q Assertion) (Truth, bool) {
	return truth(q.Present || q.Value == "boris" || q.Chain && q.Value == "anna"), q.Attribute == idMember
}

func (subject) NameValues(id int, into *Values) {
	if id == idUID {
		into.Text("rdn")
	}
}

// lenient gives the members too: a foreign filter may ask for them.
type lenient struct{ subject }

func (l lenient) Values(id int, into *Values) bool {
	if id == idMember {
		into.Text("boris")
		return true
	}
	return l.subject.Values(id, into)
}

var evaluations = map[string]Truth{
	"(uid=ANNA)": True, "(uid=boris)": False, "(uid=aNNa )": True, "(uid=анна ёлкина)": True, "(uid=АННА   ЁЛКИНА)": True, "(uid=*)": True, "(uid~=anna)": True,
	"(uid=an*)": True, "(uid=*NA)": True, "(uid=*nn*)": True, "(uid=a*n*a)": True, "(uid=*x)": False, "(uid=x*)": False, "(uid=anna*anna)": False,
	"(uid=* ёл*)": True, "(uid=анна *)": True, "(uid>=anna)": Undefined, "(uid<=anna)": Undefined, "(!(exact<=z))": Undefined,
	"(n=7)": True, "(n=8)": False, "(n>=7)": True, "(n>=8)": False, "(n<=7)": True, "(n<=6)": False, "(n=07)": Undefined, "(n=x)": Undefined, "(n=7*)": Undefined, "(n=*)": True,
	"(time=20010909014640Z)": True, "(time>=200109090146Z)": True, "(time<=20010909014639Z)": False, "(time=20010909044640+0300)": True, "(time=20010909014640.5Z)": True, "(time=yesterday)": Undefined,
	"(exact=/home/Anna)": True, "(exact=/home/anna)": False, "(exact=/home*)": True,
	"(name=x-NAME)": True, "(name=bad)": Undefined, "(name=na*)": Undefined, "(name=*)": True,
	"(member=boris)": True, "(member=*)": True, "(member=BORIS)": True, "(member=anna)": False,
	"(empty=*)": False, "(!(empty=*))": True, "(empty=x)": False, "(hidden=*)": Undefined, "(hidden=x)": Undefined, "(!(hidden=x))": Undefined, "(unknown=*)": Undefined, "(!(unknown=x))": Undefined,
	"(&)": True, "(|)": False, "(!(uid=anna))": False, "(!(uid=x))": True,
	"(&(uid=anna)(hidden=x))": Undefined, "(&(uid=boris)(hidden=x))": False, "(|(uid=anna)(hidden=x))": True, "(|(uid=boris)(hidden=x))": Undefined,
	"(uid:=anna)": True, "(uid:1.2.3:=anna)": Undefined, "(:dn:1.2.3:=anna)": Undefined,
	"(uid:dn:=anna)": True, "(uid:dn:=RDN)": True, "(uid:=rdn)": False, "(exact:dn:=rdn)": False, "(uid:dn:2.5.13.5:=RDN)": False, "(uid:dn:2.5.13.5:=rdn)": True,
	"(uid:caseExactMatch:=Anna)": True, "(uid:caseExactMatch:=anna)": False, "(uid:2.5.13.5:=Anna)": True, "(exact:caseIgnoreMatch:=/HOME/ANNA)": True,
	"(:caseExactMatch:=Anna)": True, "(:2.5.13.2:=/home/ANNA)": True, "(:caseExactMatch:=anna)": False, "(:dn:caseIgnoreMatch:=RDN)": True,
	"(n:1.2.840.113556.1.4.803:=5)": True, "(n:1.2.840.113556.1.4.803:=8)": False, "(n:1.2.840.113556.1.4.803:=9)": False, "(n:1.2.840.113556.1.4.804:=9)": True, "(n:1.2.840.113556.1.4.804:=8)": False,
	"(n:1.2.840.113556.1.4.803:=0)": True, "(n:1.2.840.113556.1.4.803:=x)": Undefined, "(uid:1.2.840.113556.1.4.803:=1)": Undefined, "(!(n:1.2.840.113556.1.4.803:=2))": False,
	"(n:integerOrderingMatch:=8)": True, "(n:integerOrderingMatch:=7)": False, "(uid:caseIgnoreOrderingMatch:=B)": True, "(uid:caseIgnoreOrderingMatch:=a)": False,
	"(time:2.5.13.28:=20010909014641Z)": True, "(time:generalizedTimeMatch:=20010909014640Z)": True,
	"(member:1.2.840.113556.1.4.1941:=anna)": True, "(member:distinguishedNameMatch:=boris)": True, "(hidden:caseExactMatch:=x)": Undefined, "(:caseIgnoreMatch:=x)": False,
	"(person=елкина петр)": True, "(person=ЁЛКИНА ПЁТР)": True, "(person=Ёлк*)": True, "(person=елк*)": True, "(person=* петр)": True, "(person=*пЕтр)": True, "(person=йолкина петр)": False, "(uid=*елкина)": False,
	"(person:caseIgnoreMatch:=елкина петр)": True, "(person:caseExactMatch:=Ёлкина Пётр)": True, "(person= елк*)": True, "(person=*тр )": True, "(n<=9223372036854775808)": True, "(n>=-9223372036854775809)": True,
	"(&(|(uid=x)(n=7))(!(|(n=1)(n=2))))": True,
}

func TestEval(t *testing.T) {
	var scratch Values
	for text, want := range evaluations {
		f, err := Parse(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		f.Bind(schema{})
		if got := f.Eval(subject{}, &scratch); got != want {
			t.Errorf("%s is %d, want %d", text, got, want)
		}
		// The same comes of the same filter in BER.
		var again Filter
		rest, err := again.Read(append(encode(f), "behind"...))
		if err != nil || string(rest) != "behind" {
			t.Errorf("%s in BER: %q, %v", text, rest, err)
			continue
		}
		again.Bind(schema{})
		if got := again.Eval(subject{}, &scratch); got != want {
			t.Errorf("%s is %d when it comes in BER, want %d", text, got, want)
		}
	}
	if (&Filter{}).Eval(subject{}, &scratch) != Undefined {
		t.Error("no filter is something")
	}
}

// encode writes a filter as a client does.
func encode(f *Filter) []byte { return appendBER(nil, f, 0) }

func appendBER(b []byte, f *Filter, i int32) []byte {
	n := &f.nodes[i]
	if n.kind == Present {
		return wire.AppendTLV(b, context|byte(Present), n.attr)
	}
	b, at := wire.Begin(b, context|constructed|byte(n.kind))
	switch n.kind {
	case And, Or, Not:
		for c := i + 1; c < n.end; c = f.nodes[c].end {
			b = appendBER(b, f, c)
		}
	case Substrings:
		var list int
		b = wire.AppendTLV(b, wire.TagOctets, n.attr)
		b, list = wire.Begin(b, wire.TagSequence)
		for _, p := range n.subs {
			b = wire.AppendTLV(b, context|p.place, p.text)
		}
		b = wire.End(b, list)
	case Extensible:
		if len(n.named) > 0 {
			b = wire.AppendTLV(b, 0x81, n.named)
		}
		if len(n.attr) > 0 {
			b = wire.AppendTLV(b, 0x82, n.attr)
		}
		b = wire.AppendTLV(b, 0x83, n.value)
		if n.names {
			b = append(b, 0x84, 1, 0xff)
		}
	default:
		b = wire.AppendTLV(wire.AppendTLV(b, wire.TagOctets, n.attr), wire.TagOctets, n.value)
	}
	return wire.End(b, at)
}

func TestTextRoundTrip(t *testing.T) {
	for _, text := range []string{
		"(&(uid=a*b*c)(!(n>=7)))", `(cn=\2a\28\5c)`, "(a:dn:1.2:=x)", "(:dn:1.2:=x)", "(a:dn:=x)", "(:caseExactMatch:=x)", "(|(a~=b)(c<=d)(e=*))", "(a=*b*)", "(a=b*)", "(a=*b)", "(a=*b*c*)", "(&)", `(cn=\d0\b0)`, "(a=)",
	} {
		f, err := Parse(text)
		if err != nil || f.Text() != text {
			t.Errorf("%s comes back as %s, %v", text, f.Text(), err)
		}
	}
	if f, err := Parse("uid=x"); err != nil || f.Text() != "(uid=x)" {
		t.Errorf("without parentheses: %v", err)
	}
}

func TestParseRefuses(t *testing.T) {
	for _, text := range []string{
		"", "(", ")", "(uid=x", "(uid=x))", "(uid)", "(=x)", "(!)", "(!(a=b)(c=d))", "(a=**)", `(a=\)`, `(a=\zz)`, "(&(a=b)", "(a=(b))", "(>=x)", "(a=b)(c=d)", "(&(a=b)x)", "(a~=b*)", "(a b=c)", "(<:=)", "(a:b=c)", "(:=x)", "(:dn:=x)", "(a:b:c:=x)", "(a::=x)",
	} {
		if f, err := Parse(text); !errors.Is(err, ErrSyntax) {
			t.Errorf("%q is taken as %v, %v", text, f, err)
		}
	}
}

func TestBounds(t *testing.T) {
	nested := func(depth int) string { return strings.Repeat("(!", depth-1) + "(a=b)" + strings.Repeat(")", depth-1) }
	wide := func(parts int) string { return "(|" + strings.Repeat("(a=b)", parts-1) + ")" }
	for _, text := range []string{nested(MaxDepth), wide(MaxNodes)} {
		f, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := new(Filter).Read(encode(f)); err != nil {
			t.Errorf("at the bound: %v", err)
		}
	}
	for _, text := range []string{nested(MaxDepth + 1), wide(MaxNodes + 1), "(a=x" + strings.Repeat("*x", MaxNodes+1) + ")"} {
		if _, err := Parse(text); !errors.Is(err, ErrTooComplex) {
			t.Errorf("above the bound: %v", err)
		}
	}
	// Substrings are bounded over the whole filter, not in each of its parts.
	split, err := Parse("(|" + strings.Repeat("(a=*x*y*)", MaxNodes/4) + ")")
	if err != nil {
		t.Fatal(err)
	}
	b, at := wire.Begin(nil, context|constructed|byte(Or))
	b = append(append(append(b, encode(split)...), encode(split)...), context|constructed|byte(Substrings), 9, 4, 1, 'a', 0x30, 4, 0x81, 2, 'x', 'y')
	if _, err := new(Filter).Read(wire.End(b, at)); !errors.Is(err, ErrTooComplex) {
		t.Errorf("%d substrings in BER: %v", MaxNodes+1, err)
	}
	if _, err := Parse("(|" + strings.Repeat("(a=*x*y*)", MaxNodes/2) + "(a=*x))"); !errors.Is(err, ErrTooComplex) {
		t.Errorf("substrings in text: %v", err)
	}
	deep, _ := Parse(nested(MaxDepth))
	b, at = wire.Begin(nil, context|constructed|byte(Not))
	if _, err := new(Filter).Read(wire.End(append(b, encode(deep)...), at)); !errors.Is(err, ErrTooComplex) {
		t.Errorf("deep in BER: %v", err)
	}
	broad, _ := Parse(wide(MaxNodes))
	b, at = wire.Begin(nil, context|constructed|byte(Not))
	if _, err := new(Filter).Read(wire.End(append(b, encode(broad)...), at)); !errors.Is(err, ErrTooComplex) {
		t.Errorf("wide in BER: %v", err)
	}
}

func TestReadRefuses(t *testing.T) {
	for what, b := range map[string][]byte{
		"nothing": {}, "a foreign tag": {0x30, 0}, "a constructed presence": {0xa7, 0}, "a primitive set": {0x80, 0},
		"an empty negation": {0xa2, 0}, "an assertion without value": {0xa3, 3, 4, 1, 'a'}, "no substrings": {0xa4, 5, 4, 1, 'a', 0x30, 0},
		"substrings out of order": {0xa4, 11, 4, 1, 'a', 0x30, 6, 0x82, 1, 'x', 0x81, 1, 'y'}, "a foreign place": {0xa4, 8, 4, 1, 'a', 0x30, 3, 0x83, 1, 'x'},
		"cut off": {0xa0, 9, 0xa3},
	} {
		if _, err := new(Filter).Read(b); err == nil {
			t.Errorf("%s passes", what)
		}
	}
	// A kind of a later day is Undefined, not a fault.
	var f Filter
	if _, err := f.Read([]byte{0xaa, 0}); err != nil {
		t.Fatal(err)
	}
	f.Bind(schema{})
	if got := f.Eval(subject{}, &Values{}); got != Undefined {
		t.Errorf("an unknown kind is %d", got)
	}
}

func TestCover(t *testing.T) {
	// What the indexes know: uid leads to one, n to ten, person by its beginning
	// to a hundred; nobody has "empty".
	cost := func(a Assertion) (int, bool) {
		switch {
		case a.Attribute == idUID && !a.Present && !a.Prefix:
			return 1, true
		case a.Attribute == idN && !a.Present:
			return 10, true
		case a.Attribute == idPerson && a.Prefix:
			return 100, true
		case a.Attribute == 98:
			return 0, true
		}
		return 0, false
	}
	for text, want := range map[string]string{
		"(uid=A)": "a", "(&(uid=*)(n=3)(uid=a))": "a", "(&(&(n=3))(person=б*))": "#3", "(|(uid=a)(uid=b))": "a b", "(|(uid=a)(uid=*))": "none",
		"(!(uid=a))": "none", "(&(!(uid=a))(uid=b))": "b", "(uid=a*)": "none", "(&(|(uid=a)(n=2)))": "a #2", "(unknown=a)": "", "(&(uid=*)(unknown=a))": "", "(|(unknown=a)(uid=b))": "b",
		"(n=x)": "", "(&)": "none", "(|)": "", "(person=Б*в)": "б", "(person=*б)": "none", "(&(uid=a)(empty=x))": "x", "(n>=3)": "#3", "(!(n>=3))": "none", "(person>=б)": "", "(:caseExactMatch:=a)": "none", "(uid:dn:=a)": "none",
		"(&(|(uid=a)(uid=b))(|(uid=c)(n=3)))": "a b", "(&(|(n=1)(n=2))(uid=*)(|(uid=c)(uid=d)))": "c d", "(n:1.2.840.113556.1.4.803:=1)": "none", "(uid:caseIgnoreMatch:=A)": "a",
	} {
		f, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		f.Bind(schema{})
		list, ok := f.Cover(nil, cost)
		var got []string
		for _, a := range list {
			if a.Attribute == idN {
				a.Value = "#" + string(rune('0'+a.Number))
			}
			got = append(got, a.Value)
		}
		joined := strings.Join(got, " ")
		if !ok {
			joined = "none"
		}
		if joined != want {
			t.Errorf("%s is covered by %q, not %q", text, joined, want)
		}
	}
	if list, ok := new(Filter).Cover(nil, cost); len(list) > 0 || !ok {
		t.Error("no filter has a cover")
	}
}

// A filter that is used again holds nothing of before.
func TestForget(t *testing.T) {
	f, _ := Parse("(|" + strings.Repeat("(uid=secret)", 100) + ")")
	f.Forget()
	if len(f.nodes) != 0 || cap(f.nodes) > 32 || f.Text() != "" {
		t.Errorf("%d of %d parts are left", len(f.nodes), cap(f.nodes))
	}
	f.Set(Equality, []byte("uid"), []byte("anna"))
	f.Bind(schema{})
	var v Values
	if f.Eval(subject{}, &v) != True {
		t.Error("an equality that was set does not hold")
	}
	for range 300 {
		v.Text("x")
	}
	if v.Forget(); cap(v.ends) != 0 {
		t.Error("a long list is kept")
	}
}

func FuzzParse(f *testing.F) {
	for text := range evaluations {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		parsed, err := Parse(text)
		if err != nil {
			return
		}
		again, err := Parse(parsed.Text())
		if err != nil || again.Text() != parsed.Text() {
			t.Fatalf("%q is written as %q: %v", text, parsed.Text(), err)
		}
	})
}

func FuzzRead(f *testing.F) {
	for text := range evaluations {
		parsed, err := Parse(text)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(encode(parsed))
	}
	f.Add(bytes.Repeat([]byte{0xa2, 0x80}, 100))
	f.Add(wire.AppendTLV(nil, context|byte(Present), "member"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var parsed Filter
		rest, err := parsed.Read(b)
		if err != nil {
			return
		}
		if len(parsed.nodes) > MaxNodes || len(rest) > len(b) {
			t.Fatalf("%d parts, %d bytes left of %d", len(parsed.nodes), len(rest), len(b))
		}
		parsed.Bind(schema{})
		var scratch Values
		truth := parsed.Eval(lenient{}, &scratch)
		if truth < False || truth > True {
			t.Fatalf("%x is %d", b, truth)
		}
		parsed.Cover(nil, func(Assertion) (int, bool) { return 1, true })
		_ = parsed.Text()
	})
}

func FuzzFold(f *testing.F) {
	for _, s := range []string{"Anna", "  Анна   Ёлкина ", "ǅ", "İ", "\xff", "ﬁ"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if folded := Fold(s); strings.HasPrefix(folded, " ") || strings.Contains(folded, "  ") {
			t.Fatalf("%q folds to %q", s, folded)
		}
		for _, r := range []Rule{CaseIgnore, CaseExact, Name} {
			if quick, slow := appendNormal(nil, []byte(s), r), appendSlowly(nil, []byte(s), r); !bytes.Equal(quick, slow) {
				t.Fatalf("%q under rule %d: %q and %q", s, r, quick, slow)
			}
		}
	})
}

func BenchmarkSSSD(b *testing.B) {
	parsed, err := Parse("(&(uid=anna)(uid=*)(&(n=*)(!(n=0))))")
	if err != nil {
		b.Fatal(err)
	}
	wired := encode(parsed)
	var f Filter
	var scratch Values
	b.ReportAllocs()
	for b.Loop() {
		_, _ = f.Read(wired)
		f.Bind(schema{})
		if f.Eval(subject{}, &scratch) != True {
			b.Fatal("not true")
		}
	}
}
