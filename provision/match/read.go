package match

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
)

// MaxLine bounds a line of profiles or bindings.
const MaxLine = 64 << 10

// LineError is a line that cannot be read. It names no personal data.
type LineError struct {
	Line int // from 1
	Err  error
}

func (e *LineError) Error() string { return fmt.Sprintf("line %d: %v", e.Line, e.Err) }
func (e *LineError) Unwrap() error { return e.Err }

var errTooLong = fmt.Errorf("longer than %d bytes", MaxLine)

// ReadProfiles gives the profiles of JSON lines. A bad line is given as a
// *LineError and the rest goes on; any other error ends it. Fields that are
// not known are ignored; verified is what a profile without phone_verified or
// email_verified is taken as.
func ReadProfiles(r io.Reader, verified bool) iter.Seq2[person.Profile, error] {
	return lines(r, func(b []byte) (person.Profile, error) {
		var l profileLine
		if err := decode(b, &l); err != nil {
			return person.Profile{}, err
		}
		if l.Sub == "" {
			return person.Profile{}, errors.New("sub is missing")
		}
		dob, err := person.ParseDate(string(bytes.TrimSpace([]byte(l.DOB))))
		if err != nil {
			return person.Profile{}, errors.New("dob is no date: write YYYY-MM-DD or DD.MM.YYYY")
		}
		return person.Profile{
			Subject: identity.Subject(l.Sub), Login: l.Login, Last: l.Last, First: l.First, Middle: l.Middle,
			SNILS: l.SNILS, SNILSConfirmed: l.SNILSConfirmed, Phone: l.Phone, Email: l.Email, BirthDate: dob, Trusted: l.Trusted,
			PhoneVerified: or(l.PhoneVerified, verified), EmailVerified: or(l.EmailVerified, verified),
		}, nil
	})
}

type profileLine struct {
	Sub            string `json:"sub"`
	Login          string `json:"login"`
	Last           string `json:"last"`
	First          string `json:"first"`
	Middle         string `json:"middle"`
	SNILS          string `json:"snils"`
	SNILSConfirmed bool   `json:"snils_confirmed"`
	Phone          string `json:"phone"`
	Email          string `json:"email"`
	DOB            string `json:"dob"`
	Trusted        bool   `json:"trusted"`
	PhoneVerified  *bool  `json:"phone_verified"`
	EmailVerified  *bool  `json:"email_verified"`
}

func or(b *bool, otherwise bool) bool {
	if b == nil {
		return otherwise
	}
	return *b
}

// ReadBindings gives the bindings of JSON lines, like ReadProfiles.
func ReadBindings(r io.Reader) iter.Seq2[Binding, error] {
	return lines(r, func(b []byte) (Binding, error) {
		var l struct {
			Record string `json:"record"`
			Sub    string `json:"sub"`
		}
		if err := decode(b, &l); err != nil {
			return Binding{}, err
		}
		if l.Record == "" || l.Sub == "" {
			return Binding{}, errors.New("record or sub is missing")
		}
		return Binding{Record: person.RecordID(l.Record), Subject: identity.Subject(l.Sub)}, nil
	})
}

// decode reads one JSON object. What the JSON package says of a fault quotes
// the text, so only its kind is told.
func decode(b []byte, into any) error {
	err := json.Unmarshal(b, into)
	var typed *json.UnmarshalTypeError
	switch {
	case errors.As(err, &typed) && typed.Field != "":
		return fmt.Errorf("%s has the wrong type", typed.Field)
	case err != nil:
		return errors.New("no JSON object")
	}
	return nil
}

// lines reads line by line; empty lines are passed over, and so is a byte
// order mark.
func lines[T any](r io.Reader, read func([]byte) (T, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		buffered := bufio.NewReaderSize(r, MaxLine)
		for n := 1; ; n++ {
			text, err := buffered.ReadSlice('\n')
			tooLong := false
			for errors.Is(err, bufio.ErrBufferFull) {
				tooLong = true
				_, err = buffered.ReadSlice('\n')
			}
			if err != nil && !errors.Is(err, io.EOF) {
				yield(none, fmt.Errorf("read line %d: %w", n, err))
				return
			}
			end := err != nil
			if n == 1 {
				text = bytes.TrimPrefix(text, []byte("\ufeff"))
			}
			if text = bytes.TrimSpace(text); tooLong {
				if !yield(none, &LineError{n, errTooLong}) {
					return
				}
			} else if len(text) > 0 {
				v, err := read(text)
				if err != nil {
					err = &LineError{n, err}
				}
				if !yield(v, err) {
					return
				}
			}
			if end {
				return
			}
		}
	}
}
