package ttls

import (
	"bytes"
	"testing"
)

func TestAVPs(t *testing.T) {
	in := append(avp{code: 1, data: []byte("orlova")}.encode(), avp{code: avpChap2Response, vendor: vendorMicrosoft, data: []byte{1}}.encode()...)
	all, err := parse(in)
	if err != nil || len(all) != 2 || len(in)%4 != 0 {
		t.Fatal(all, err)
	}
	if name, ok := all.one(0, avpUserName); !ok || string(name) != "orlova" {
		t.Errorf("%q", name)
	}
	if _, ok := all.one(0, avpChap2Response); ok {
		t.Error("another vendor's is taken")
	}
	if all, err := parse(in[:len(in)-3]); err != nil || len(all) != 2 {
		t.Error("the last padding is demanded:", err)
	}
	optional := append([]byte{0, 0, 3, 0xe7, 0, 0, 0, 8}, in...)
	if all, err := parse(optional); err != nil || len(all) != 3 {
		t.Error("an unknown one that may be passed over:", err)
	}
	twice, err := parse(append(avp{code: 1, data: []byte("a")}.encode(), avp{code: 1, data: []byte("b")}.encode()...))
	if _, ok := twice.one(0, avpUserName); ok || err != nil {
		t.Error("one of two is taken")
	}
	for name, bad := range map[string][]byte{
		"header":            {0, 0, 0},
		"length below":      {0, 0, 0, 1, 0, 0, 0, 7},
		"length beyond":     {0, 0, 0, 1, 0, 0, 0, 9},
		"no vendor":         {0, 0, 0, 1, 0x80, 0, 0, 8},
		"mandatory unknown": {0, 0, 3, 0xe7, 0x40, 0, 0, 8},
		"too many":          bytes.Repeat(avp{code: 1}.encode(), maxAVPs+1),
	} {
		if _, err := parse(bad); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(append(avp{code: 1, data: []byte("orlova")}.encode(), avp{code: 2, data: make([]byte, 16)}.encode()...))
	f.Add(avp{code: avpChapChallenge, vendor: vendorMicrosoft, data: make([]byte, 16)}.encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		all, err := parse(b)
		if err != nil {
			return
		}
		var again []byte
		for _, a := range all {
			again = append(again, a.encode()...)
		}
		if len(all) > maxAVPs || len(again) > len(b)+3+4*len(all) {
			t.Errorf("%d AVPs of %d bytes from %d", len(all), len(again), len(b))
		}
	})
}
