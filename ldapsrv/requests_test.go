package ldapsrv

import (
	"testing"

	"schoolbridge/ldapsrv/filter"
	"schoolbridge/ldapsrv/wire"
)

// Requests as clients write them, for fuzzing and benchmarks.

func bindBody(name, password string) []byte {
	b := wire.AppendInt(nil, wire.TagInteger, 3)
	b = wire.AppendTLV(b, wire.TagOctets, name)
	return wire.AppendTLV(b, 0x80, password)
}

func equality(attribute, value string) []byte {
	b, at := wire.Begin(nil, 0xa3)
	b = wire.AppendTLV(b, wire.TagOctets, attribute)
	return wire.End(wire.AppendTLV(b, wire.TagOctets, value), at)
}

func searchBody(base string, scope int32, filter []byte, attributes ...string) []byte {
	b := wire.AppendTLV(nil, wire.TagOctets, base)
	b = wire.AppendInt(b, wire.TagEnumerated, scope)
	b = wire.AppendInt(b, wire.TagEnumerated, 0)
	b = wire.AppendInt(b, wire.TagInteger, 0)
	b = wire.AppendInt(b, wire.TagInteger, 0)
	b = append(b, wire.TagBoolean, 1, 0)
	b = append(b, filter...)
	b, at := wire.Begin(b, wire.TagSequence)
	for _, a := range attributes {
		b = wire.AppendTLV(b, wire.TagOctets, a)
	}
	return wire.End(b, at)
}

func message(id int32, op byte, body []byte) []byte {
	b, at := wire.Begin(nil, wire.TagSequence)
	b = wire.AppendInt(b, wire.TagInteger, id)
	return wire.End(wire.AppendTLV(b, op, body), at)
}

// Every body of every operation, through the code that reads it.
func FuzzRequests(f *testing.F) {
	f.Add(byte(wire.OpBindRequest), bindBody("uid=x", "y"))
	f.Add(byte(wire.OpBindRequest), wire.AppendTLV(wire.AppendTLV(wire.AppendInt(nil, wire.TagInteger, 3), wire.TagOctets, ""), 0xa3, []byte("\x04\x05PLAIN")))
	f.Add(byte(wire.OpSearchRequest), searchBody(testBase, 2, equality("uid", "orlovami"), "*", "+"))
	f.Add(byte(wire.OpSearchRequest), searchBody(testBase, 2, []byte("\x87\x0bobjectClass"), "1.1"))
	f.Add(byte(wire.OpCompareRequest), append(wire.AppendTLV(nil, wire.TagOctets, personName("orlovami")), 0x30, 6, 4, 1, 'o', 4, 1, 'x'))
	f.Add(byte(wire.OpExtendedRequest), wire.AppendTLV(nil, 0x80, oidWhoAmI))
	d := testDirectory(f)
	s, err := New(Options{Auth: &fakeAuth{d: d}, Directory: d, Base: testBase, Services: []Service{{DN: reader, Password: secret}}})
	if err != nil {
		f.Fatal(err)
	}
	x := &session{s: s, service: s.accounts.Load().list[0], work: new(work)}
	f.Fuzz(func(t *testing.T, op byte, body []byte) {
		switch op {
		case wire.OpBindRequest:
			_, _ = parseBind(body)
		case wire.OpSearchRequest:
			var q searchRequest
			if err := parseSearch(body, s.schema, &q, &x.filter); err != nil {
				return
			}
			if q.scope < 0 || q.scope > scopeSub || q.sizeLimit < 0 || q.timeLimit < 0 {
				t.Fatalf("%+v", q)
			}
			v := x.view(new(wire.Conn))
			x.filter.Bind(&v)
			if e, ok := d.Lookup("orlovami"); ok {
				o := &personEntry{&v, e}
				if x.filter.Eval(o, &x.scratch) == filter.True {
					_ = appendEntry(nil, 1, o, s.schema.types, q.wanted, q.typesOnly, &x.scratch, nil)
				}
			}
			_ = s.resolve(string(q.base))
		case wire.OpCompareRequest:
			_, _ = x.compare(new(wire.Conn), body)
		}
	})
}
