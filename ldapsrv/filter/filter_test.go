package filter

import (
	"errors"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// entry is a plain entry: everything matches without case, numbers are
// ordered. An attribute that is not in it is not known.
type entry map[string][]string

func (e entry) Values(a string) ([]string, bool) { v, ok := e[strings.ToLower(a)]; return v, ok }
func (e entry) Match(_, v, a string) bool        { return strings.EqualFold(v, a) }
func (e entry) Substring(_, v string, f *Filter) bool {
	v = strings.ToLower(v)
	return strings.HasPrefix(v, strings.ToLower(f.Initial)) && strings.HasSuffix(v, strings.ToLower(f.Final))
}
func (e entry) Order(_, v, a string) (int, bool) {
	x, errX := strconv.Atoi(v)
	y, errY := strconv.Atoi(a)
	return x - y, errX == nil && errY == nil
}

func TestEvaluate(t *testing.T) {
	e := entry{"uid": {"anna"}, "n": {"7"}, "empty": nil}
	for text, want := range map[string]Truth{
		"(uid=ANNA)": True, "(uid=boris)": False, "(secret=x)": Undefined, "(!(secret=x))": Undefined, "(secret=*)": Undefined,
		"(uid=*)": True, "(empty=*)": False, "(uid=an*)": True, "(uid=*x)": False, "(uid~=anna)": True,
		"(n>=7)": True, "(n>=8)": False, "(n<=7)": True, "(n<=x)": False, "(uid>=a)": False,
		"(&)": True, "(|)": False, "(!(uid=anna))": False,
		"(&(uid=anna)(secret=x))": Undefined, "(&(uid=boris)(secret=x))": False,
		"(|(uid=anna)(secret=x))": True, "(|(uid=boris)(secret=x))": Undefined,
		"(uid:=anna)": True, "(uid:1.2.3:=anna)": Undefined, "(:dn:1.2.3:=anna)": Undefined,
	} {
		f, err := Parse(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := f.Evaluate(e); got != want {
			t.Errorf("%s is %d, want %d", text, got, want)
		}
		again, err := ParseBER(f.AppendBER(nil))
		if err != nil || !reflect.DeepEqual(again, f) {
			t.Errorf("%s comes back from BER as %v, %v", text, again, err)
		}
		if f.String() != text {
			t.Errorf("%s is written as %s", text, f.String())
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, text := range []string{
		"", "uid=x", "(uid=x", "(uid=x))", "(uid)", "(=x)", "(!)", "(!(a=b)(c=d))", "(a=b**c)", `(a=\)`, `(a=\zz)`, "(a b=c)", "(&(a=b)", "(a=(b))", "(:=x)", "(a::b:c:=x)",
	} {
		if f, err := Parse(text); err == nil {
			t.Errorf("%q is taken as %v", text, f)
		}
	}
	deep := strings.Repeat("(!", MaxDepth+2) + "(a=b)" + strings.Repeat(")", MaxDepth+2)
	if _, err := Parse(deep); !errors.Is(err, ErrTooDeep) {
		t.Errorf("a deep filter: %v", err)
	}
	wide := "(|" + strings.Repeat("(a=b)", MaxParts+1) + ")"
	if _, err := Parse(wide); !errors.Is(err, ErrTooDeep) {
		t.Errorf("a wide filter: %v", err)
	}
	f := Filter{Kind: Equality, Attribute: "a", Value: "b"}
	for range MaxDepth + 2 {
		f = Filter{Kind: Not, Parts: []Filter{f}}
	}
	if _, err := ParseBER(f.AppendBER(nil)); !errors.Is(err, ErrTooDeep) {
		t.Errorf("a deep filter in BER: %v", err)
	}
}

func TestEqual(t *testing.T) {
	for text, want := range map[string][]string{
		"(uid=a)": {"a"}, "(&(objectClass=*)(uid=a))": {"a"}, "(|(uid=a)(uid=b))": {"a", "b"},
		"(|(uid=a)(cn=b))": nil, "(!(uid=a))": nil, "(uid=a*)": nil, "(|)": nil, "(&(cn=x)(|(uid=a)(uid=b)))": {"a", "b"},
	} {
		f, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		got, ok := f.Equal(func(name string) bool { return name == "uid" })
		if ok != (want != nil) || !slices.Equal(got, want) {
			t.Errorf("%s: %v %v, want %v", text, got, ok, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{"(&(uid=a*b*c)(!(n>=7)))", `(cn=\2a\28)`, "(a:dn:1.2:=x)", "(|(a~=b)(c<=d)(e=*))"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		parsed, err := Parse(text)
		if err != nil {
			return
		}
		again, err := Parse(parsed.String())
		if err != nil || !reflect.DeepEqual(parsed, again) {
			t.Fatalf("%q is written as %q and read as %v, %v", text, parsed.String(), again, err)
		}
	})
}

func FuzzParseBER(f *testing.F) {
	for _, text := range []string{"(&(uid=a*b*c)(!(n>=7)))", "(a:dn:1.2:=x)", "(e=*)"} {
		parsed, err := Parse(text)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(parsed.AppendBER(nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		parsed, err := ParseBER(b)
		if err != nil {
			return
		}
		parsed.Evaluate(entry{"uid": {"x"}})
		again, err := ParseBER(parsed.AppendBER(nil))
		if err != nil || !reflect.DeepEqual(parsed, again) {
			t.Fatalf("%x comes back as %v, %v", b, again, err)
		}
	})
}
