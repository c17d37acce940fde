package queue

import (
	"encoding/binary"
	"fmt"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
)

// Case is what somebody wrote to us: the fields of the support form, and what was
// known of whoever was signed in. What the registries say is read when somebody
// looks, so that sending tells nothing by its time.
type Case struct {
	Number              Number
	At                  time.Time
	Last, First, Middle string
	SNILS               string          // valid; as eleven digits
	School              person.SchoolID // that was chosen; "": none of those known
	// Of somebody who was signed in.
	Profile *person.Profile   // nil: nobody was
	Person  identity.PersonID // zero: without an account
	Problem string            // what stopped the activation
}

// Number names a case, for people: nine digits, random, so that none tells how
// many there are.
type Number uint32

// Numbers is how many there may be.
const Numbers = 1_000_000_000

// String gives "482 719 305".
func (n Number) String() string {
	return fmt.Sprintf("%03d %03d %03d", n/1_000_000, n/1000%1000, n%1000)
}

// ParseNumber reads one as people write it; false: it is none.
func ParseNumber(text string) (n Number, ok bool) {
	digits := 0
	for _, c := range text {
		switch {
		case c >= '0' && c <= '9':
			if digits++; digits > 9 {
				return 0, false
			}
			n = 10*n + Number(c-'0')
		case c != ' ' && c != '-' && c != '\u00a0':
			return 0, false
		}
	}
	return n, digits == 9
}

// About is what the case's question is about, see ID.
func (n Number) About() []byte {
	return binary.BigEndian.AppendUint32(make([]byte, stemBytes-4), uint32(n))
}

// NumberOf undoes About.
func NumberOf(about []byte) Number {
	return Number(binary.BigEndian.Uint32(about[stemBytes-4:]))
}
