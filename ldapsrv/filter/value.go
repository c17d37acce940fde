package filter

// Values are the values of one attribute of one entry, as a Subject gives them:
// texts or numbers, by the attribute's rule. They share one piece of memory that
// is used again and again.
type Values struct {
	Numbers []int64
	bytes   []byte
	ends    []int32
	normal  []byte // of the value that is compared
}

// Text adds a text value.
func (v *Values) Text(text string) { v.Add(append(v.bytes, text...)) }

// Buffer is where further bytes of a value are appended; Add takes it back as
// one value more.
func (v *Values) Buffer() []byte { return v.bytes }

// Add takes what Buffer gave, with one value appended.
func (v *Values) Add(b []byte) {
	v.bytes = b
	v.ends = append(v.ends, int32(len(b)))
}

// Number adds a number or, in Unix seconds, a time.
func (v *Values) Number(n int64) { v.Numbers = append(v.Numbers, n) }

// Len is the number of values.
func (v *Values) Len() int { return len(v.ends) + len(v.Numbers) }

// Texts is the number of text values.
func (v *Values) Texts() int { return len(v.ends) }

// At gives a text value; it is valid until Reset.
func (v *Values) At(i int) []byte {
	start := int32(0)
	if i > 0 {
		start = v.ends[i-1]
	}
	return v.bytes[start:v.ends[i]:v.ends[i]]
}

// Has says whether a text value is among the last that were added, from the
// number on.
func (v *Values) Has(from int, text string) bool {
	for i := from; i < len(v.ends); i++ {
		if string(v.At(i)) == text {
			return true
		}
	}
	return false
}

// Forget drops the values, and memory that only a long list needed.
func (v *Values) Forget() {
	if v.Reset(); cap(v.bytes) > 8<<10 || cap(v.ends) > 256 || cap(v.normal) > 8<<10 {
		*v = Values{}
	}
}

// Reset takes all values out.
func (v *Values) Reset() { v.bytes, v.ends, v.Numbers = v.bytes[:0], v.ends[:0], v.Numbers[:0] }
