package registry

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// fuzzRead reads a file of each kind and holds what comes to the limits.
func fuzzRead(t *testing.T, path string, kind Kind, size int) {
	in, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = in.Close() }()
	f, err := open(in, path, kind)
	if err != nil {
		if !errors.As(err, new(*Fault)) {
			t.Fatalf("not a fault: %v", err)
		}
		return
	}
	line, rows := 0, 0
	for record, err := range f.Records(nil) {
		if rows++; rows > size {
			t.Fatal("more rows than bytes")
		}
		if record.Line <= line {
			t.Fatalf("line %d after %d", record.Line, line)
		}
		line = record.Line
		if err == nil && kind <= Zapis && keyOf(record.Value) == "" {
			t.Fatal("a good row without a key")
		}
	}
	if len(f.Warnings()) > maxWarnings {
		t.Fatal("too many warnings")
	}
	if err := f.table.close(); err != nil {
		t.Fatal(err)
	}
}

func FuzzCSV(f *testing.F) {
	for _, s := range []string{
		"id,fio\nk1,Ли\n", "ID;ФИО\r\nk1;\"Ли\"\r\n", "id\tfio\nk1\t\"Ли\nк\"\n", "id,fio\nk1,\"open\nk2,Ли\n",
		"\xef\xbb\xbfid,fio\n", "sep=;\nid;fio\n\"\"\"\";x\n", "id;\xd4\xc8\xce\nk1;\xcb\xe8\n", "", "\xff\xfe", "\"\n\"\n",
		"child,parent_fio\nc,x", "ekis_id,name\n1,\"a\"b\n", "id,last,status\n1,x,выбыл\n", "sam,enabled\nx,да\n", "id,fio,start\n1,2,01.01.0001 0:00:00\n",
	} {
		for kind := Schools; kind <= AD; kind++ {
			f.Add([]byte(s), uint8(kind))
		}
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text []byte, kind uint8) {
		k := Kind(kind)
		if k < Schools || k > AD {
			return
		}
		path := filepath.Join(dir, k.String()+".csv")
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		fuzzRead(t, path, k, len(text)+1)
	})
}

// FuzzRows holds the splitter to what it promises of any input.
func FuzzRows(f *testing.F) {
	f.Add([]byte("a,b\n\"c,d\ne,f\n"), byte(','))
	f.Add([]byte("\"a\"\"\";\"b\"c\r\n"), byte(';'))
	f.Fuzz(func(t *testing.T, text []byte, sep byte) {
		if sep != ',' && sep != ';' && sep != '\t' {
			return
		}
		table := newCSV(bytes.NewReader(text), encodingCP1251, sep)
		line := 0
		for range len(text) + 1 {
			at, fields, err := table.next()
			var bad badRow
			if err != nil && !errors.As(err, &bad) {
				if table.offset() != int64(len(text)) {
					t.Fatalf("%d of %d bytes are counted", table.offset(), len(text))
				}
				return
			}
			if at <= line || len(fields) > maxRowFields {
				t.Fatalf("line %d after %d, %d fields", at, line, len(fields))
			}
			line = at
		}
		t.Fatal("more rows than bytes")
	})
}

func FuzzXLSX(f *testing.F) {
	f.Add([]byte(sheet(f, nil, []any{"id", "fio", "start"}, []any{"k1", "Ли", 45000})))
	f.Add([]byte("PK\x05\x06\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text []byte) {
		path := filepath.Join(dir, "kadry.xlsx")
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		fuzzRead(t, path, Kadry, 1<<20)
	})
}
