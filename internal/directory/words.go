package directory

import (
	"cmp"
	"hash/maphash"
	"iter"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"schoolbridge/internal/person"
)

// bag finds entries by a key that several may have, and by chance one more: who
// asks looks at what comes.
type bag struct {
	seed   maphash.Seed
	people *roll
	first  table
	others map[uint32][]uint32
}

func newBag(people *roll) bag {
	return bag{seed: maphash.MakeSeed(), people: people, others: map[uint32][]uint32{}}
}

func (b *bag) hash(key string) uint32 { return uint32(maphash.String(b.seed, key)) }

// put enters e, once.
func (b *bag) put(key string, e *Entry) {
	h := b.hash(key)
	switch first := b.first.get(h); {
	case first == 0:
		b.first.set(h, e.UIDNumber)
	case first != e.UIDNumber && !slices.Contains(b.others[h], e.UIDNumber):
		b.others[h] = append(b.others[h], e.UIDNumber)
	}
}

func (b *bag) remove(key string, e *Entry) { dropNumber(&b.first, b.others, b.hash(key), e.UIDNumber) }

func (b *bag) get(key string, into []*Entry) []*Entry {
	h := b.hash(key)
	if e := b.people.find(b.first.get(h)); e != nil {
		into = append(into, e)
	}
	for _, number := range b.others[h] {
		if e := b.people.find(number); e != nil {
			into = append(into, e)
		}
	}
	return into
}

// MailKey is the form in which addresses are found: without case, marks and
// whatever cannot be seen.
func MailKey(mail string) string { return person.FoldName(strings.Map(seen, mail)) }

// WordKey is the form in which the first word of a full name is found. Names
// that any matching rule of LDAP holds equal have the same.
func WordKey(name string) string {
	var memory [64]byte
	if word, ok := plainWord(memory[:0], name); ok {
		return string(word)
	}
	return foldedWord(name)
}

// plainWord is foldedWord for letters that need no tables: a load asks it of
// everybody.
func plainWord(word []byte, name string) ([]byte, bool) {
	for _, r := range name {
		switch {
		case r == ' ' && len(word) == 0:
		case r == ' ':
			return word, true
		case r > ' ' && r <= '~':
			word = append(word, byte(unicode.ToLower(r)))
		case r >= 'А' && r <= 'я', r == 'ё', r == 'Ё':
			r = unicode.ToLower(r)
			switch r { // letters with marks
			case 'ё':
				r = 'е'
			case 'й':
				r = 'и'
			}
			word = utf8.AppendRune(word, r)
		default:
			return nil, false
		}
	}
	return word, true
}

func foldedWord(name string) string {
	name = person.FoldName(strings.Map(visible, name))
	for word := range strings.FieldsSeq(name) {
		return word
	}
	return ""
}

func seen(r rune) rune {
	if unicode.IsSpace(r) {
		return -1
	}
	return visible(r)
}

func visible(r rune) rune {
	if unicode.Is(unicode.Cc, r) && !unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) {
		return -1
	}
	return r
}

func wordOf(e *Entry) string { return WordKey(e.Last + " " + e.First + " " + e.Middle) }

// words finds people by the first word of their full name, mostly the surname,
// and by its beginning. A city has a hundred thousand of them, so what is sorted
// are the words and not the people.
type words struct {
	lists  map[string][]*Entry // sorted by uidNumber, copied on change
	sorted []string            // words that were there once
	fresh  []string            // and those since the last sort
}

// freshMost is how many new words are looked through one by one.
const freshMost = 512

func newWords() words { return words{lists: map[string][]*Entry{}} }

func (w *words) add(e *Entry) {
	word := wordOf(e)
	list, known := w.lists[word]
	if w.sorted == nil {
		w.lists[word] = append(list, e) // a load's order is none: see loaded
		return
	}
	w.lists[word] = insert(list, e)
	if known {
		return
	}
	if w.fresh = append(w.fresh, word); len(w.fresh) > freshMost {
		w.sort()
	}
}

// loaded ends a load: lists that grew in any order are sorted, and hold no room
// that nobody needs.
func (w *words) loaded() {
	for word, list := range w.lists {
		if cap(list)-len(list) > len(list)/8 {
			list = slices.Clone(list)
			w.lists[word] = list
		}
		slices.SortFunc(list, func(a, b *Entry) int { return cmp.Compare(a.UIDNumber, b.UIDNumber) })
	}
	w.sort()
}

// sort brings all words into order.
func (w *words) sort() {
	w.sorted, w.fresh = slices.AppendSeq(make([]string, 0, len(w.lists)), maps.Keys(w.lists)), nil
	slices.Sort(w.sorted)
}

func (w *words) remove(e *Entry) {
	word := wordOf(e)
	list := w.lists[word]
	switch at := slices.Index(list, e); {
	case at < 0:
	case len(list) == 1:
		delete(w.lists, word)
	default:
		w.lists[word] = slices.Delete(slices.Clone(list), at, at+1)
	}
}

// beginning walks the people whose first word begins so, list by list.
func (w *words) beginning(prefix string) iter.Seq[[]*Entry] {
	return func(yield func([]*Entry) bool) {
		at, _ := slices.BinarySearch(w.sorted, prefix)
		for _, word := range w.sorted[at:] {
			if !strings.HasPrefix(word, prefix) {
				break
			}
			if list := w.lists[word]; list != nil && !yield(list) {
				return
			}
		}
		for _, word := range w.fresh {
			// A word that went and came again may stand in both.
			if _, twice := slices.BinarySearch(w.sorted, word); twice || !strings.HasPrefix(word, prefix) {
				continue
			}
			if list := w.lists[word]; list != nil && !yield(list) {
				return
			}
		}
	}
}

// ByMail appends those with this address, and perhaps others.
func (d *Directory) ByMail(mail string, into []*Entry) []*Entry {
	key := MailKey(mail)
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.now.mails.get(key, into)
}

// ByWord gives those whose full name has this first word, in the order of
// uidNumber. The slice is shared: do not change it.
func (d *Directory) ByWord(name string) []*Entry {
	key := WordKey(name)
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.now.words.lists[key]
}

// ByBeginning appends those whose full name begins so, by its first word, and
// perhaps others; false where they are more than most.
func (d *Directory) ByBeginning(name string, most int, into []*Entry) ([]*Entry, bool) {
	key := WordKey(name)
	d.mu.RLock()
	defer d.mu.RUnlock()
	start := len(into)
	for list := range d.now.words.beginning(key) {
		if len(into)-start+len(list) > most {
			return into[:start], false
		}
		into = append(into, list...)
	}
	return into, true
}

// sharing lets equal texts of many people lie in memory once: a city has few
// first names. It lives as long as a load.
type sharing map[string]string

func (s sharing) text(text *string) {
	if old, ok := s[*text]; ok {
		*text = old
		return
	}
	s[*text] = *text
}

func (s sharing) entry(e *Entry) {
	for _, text := range [...]*string{&e.Last, &e.First, &e.Middle} {
		s.text(text)
	}
	for i := range e.Affiliations {
		a := &e.Affiliations[i]
		s.text((*string)(&a.School))
		s.text(&a.Class)
	}
	// Most people have one name in all places.
	for i := range e.Names {
		if e.Names[i].Text == string(e.Login) {
			e.Names[i].Text = string(e.Login)
		}
	}
	if e.MosruLogin == string(e.Login) {
		e.MosruLogin = string(e.Login)
	}
}

// Ordered brings what several lookups gave into the order of All, each once.
func Ordered(list []*Entry) []*Entry {
	slices.SortFunc(list, func(a, b *Entry) int { return cmp.Compare(a.UIDNumber, b.UIDNumber) })
	return slices.CompactFunc(list, func(a, b *Entry) bool { return a.UIDNumber == b.UIDNumber })
}
