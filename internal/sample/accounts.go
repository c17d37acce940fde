package sample

import (
	"fmt"
	"strings"
	"time"

	"schoolbridge/internal/person"
)

// ADAccount is an account of an invented Active Directory that was filled for
// years by counting names up. Person is the label: accounts with one number are
// one person's.
type ADAccount struct {
	Person     int
	Trap       string // what makes it hard: Traps
	Name       string // sAMAccountName
	UPN        string
	Place      string // the unit it lies in
	Display    string
	EmployeeID string
	Mail       string
	Phone      string
	Enabled    bool
	SignedIn   time.Time // zero: never
	Created    time.Time
}

// ADRecord is what the registries know of the person of the same number.
type ADRecord struct {
	Person              int
	Last, First, Middle string
	Birth               person.Date
	SNILS               string // staff only
	School, Class       string
	Mosru, EZHD         string
	Phone, Mail         string
}

// Traps names what an invented Active Directory holds to mislead.
func Traps() []string {
	return []string{
		"namesake", "namesake at one school", "namesake born on one day", "twin", "father and son", "siblings on one mail",
		"school's telephone", "employee number given twice", "counter without a name", "surname changed", "login of a namesake",
	}
}

// ADOptions say what an invented Active Directory is like.
type ADOptions struct {
	People  int
	Schools int // 40 people a school unless it is set
	// Surnames asks for so many, put together of syllables: the few of the
	// sample make most people of a whole city namesakes. 0: those.
	Surnames int
}

// adWorld makes an Active Directory.
type adWorld struct {
	numbers
	today    time.Time
	schools  int
	people   int
	taken    map[string]bool
	surnames []surname
	phones   int
	accounts []ADAccount
	records  []ADRecord
}

// MakeAD invents the accounts and registries of an Active Directory: the same
// for the same seed, for ever.
func MakeAD(seed uint64, o ADOptions) ([]ADAccount, []ADRecord) {
	w := &adWorld{numbers: numbers{seed}, today: time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC), schools: o.Schools, taken: map[string]bool{}}
	w.surnames = surnames
	if o.Surnames > 0 {
		w.surnames = compose(o.Surnames)
	}
	if w.schools == 0 {
		w.schools = 1 + o.People/40
	}
	for w.people < o.People {
		p := w.somebody()
		w.add(p, "")
		switch w.below(40) {
		case 0:
			w.namesake(p, "namesake", func(q *adPerson) { q.school = w.below(w.schools) })
		case 1:
			w.namesake(p, "namesake at one school", func(q *adPerson) {
				q.class = fmt.Sprintf("%d%s", 1+w.below(11), pick(&w.numbers, []string{"А", "Б", "В"}))
			})
		case 2:
			w.namesake(p, "namesake born on one day", func(q *adPerson) { q.birth, q.school = p.birth, w.below(w.schools) })
		case 3:
			w.twin(p)
		case 4:
			w.namesake(p, "father and son", func(q *adPerson) { q.phone, q.birth, q.staff = p.phone, w.birth(40), true })
		case 5:
			w.twin(p, func(q *adPerson) { q.mail, q.birth, q.trap = p.mail, w.birth(10), "siblings on one mail" })
		case 6:
			w.crossed(p)
		}
	}
	return w.accounts, w.records
}

// compose makes surnames of syllables.
func compose(n int) []surname {
	starts := strings.Fields("Ба Бе Бо Бу Ва Ве Ви Га Го Гу Да Де До Ду Жа Жи За Зо Зу Ка Ки Ко Ку Ла Ле Ли Ло Лу Ма Ме Ми Мо Му На Не Ни Но Па Пе По Пу Ра Ре Ро Ру Са Се Си Со Су")
	middles := strings.Fields("бар вел гор дар жен зар кал лап мир нос пар рим сар тов фил хар чен шал лик рон дов бас гул мал сук дем кор лат нов пес")
	ends := []string{"", "ак", "ин", "он", "ец"}
	var list []surname
	for i := range n {
		stem := starts[i%len(starts)] + middles[i/len(starts)%len(middles)] + ends[i/len(starts)/len(middles)%len(ends)]
		list = append(list, surname{stem + "ов", stem + "ова"})
	}
	return list
}

// adPerson is somebody before the accounts.
type adPerson struct {
	number      int
	h           human
	birth       person.Date
	staff       bool
	school      int
	class       string
	phone, mail string
	employee    string
	mosru, ezhd string
	trap        string
	lent        string // the name that another took
	unrecorded  bool
}

func (w *adWorld) somebody() adPerson {
	h := human{woman: w.below(2) == 0}
	family := pick(&w.numbers, w.surnames)
	h.last, h.first = family.man, pick(&w.numbers, men)
	if h.woman {
		h.last, h.first = family.woman, pick(&w.numbers, women)
	}
	h.middle = patronymic(pick(&w.numbers, fathers), h.woman)
	p := adPerson{h: h, school: w.below(w.schools)}
	w.fill(&p)
	return p
}

// fill gives a person with a name a life of the own.
func (w *adWorld) fill(p *adPerson) {
	w.people++
	p.number = w.people
	p.staff = w.below(12) == 0
	age := 7 + w.below(11)
	p.class = fmt.Sprintf("%d%s", min(11, age-6), pick(&w.numbers, []string{"А", "Б", "В"}))
	if p.staff {
		age, p.class = 24+w.below(40), ""
	}
	p.birth = w.birth(age)
	w.phones += 1 + w.below(7)
	p.phone = fmt.Sprintf("+7000%07d", 1000000+w.phones)
	p.mail = fmt.Sprintf("person%d@example.org", p.number)
	p.employee = fmt.Sprintf("%08d", 10_000_000+17*p.number)
	p.mosru = fmt.Sprintf("%s.%d", latin.Replace(strings.ToLower(p.h.last)), 1900+w.below(10_000))
	p.unrecorded = w.below(12) == 0
}

func (w *adWorld) birth(age int) person.Date {
	d, _ := person.NewDate(w.today.Year()-age, 1+w.below(12), 1+w.below(28))
	return d
}

// namesake invents another person of the same name.
func (w *adWorld) namesake(p adPerson, trap string, change func(*adPerson)) {
	q := adPerson{h: p.h, school: p.school}
	w.fill(&q)
	if q.birth == p.birth {
		q.birth = q.birth.AddDays(1)
	}
	change(&q)
	w.add(q, trap)
}

// twin invents a brother or sister.
func (w *adWorld) twin(p adPerson, change ...func(*adPerson)) {
	q := p
	for q.h.first == p.h.first {
		q.h.first = pick(&w.numbers, men)
		if q.h.woman {
			q.h.first = pick(&w.numbers, women)
		}
	}
	birth, phone := p.birth, p.phone
	w.fill(&q)
	q.birth, q.phone, q.trap = birth, phone, "twin"
	for _, c := range change {
		c(&q)
	}
	w.add(q, q.trap)
}

// crossed: the registries call a namesake by the name of somebody's account.
func (w *adWorld) crossed(p adPerson) {
	q := adPerson{h: p.h}
	w.fill(&q)
	q.school, q.lent = w.below(w.schools), w.accounts[len(w.accounts)-1].Name
	w.add(q, "login of a namesake")
}

// add makes the person's record and accounts.
func (w *adWorld) add(p adPerson, trap string) {
	base := latin.Replace(strings.ToLower(p.h.last + initial(p.h.first) + initial(p.h.middle)))
	p.ezhd = w.free(base)
	first := w.account(p, p.ezhd, trap)
	w.accounts = append(w.accounts, first)
	for n := w.furtherAccounts(); n > 0; n-- {
		w.accounts = append(w.accounts, w.further(p, base, first))
	}
	if p.unrecorded {
		return
	}
	r := ADRecord{
		Person: p.number, Last: p.h.last, First: p.h.first, Middle: p.h.middle, Birth: p.birth, School: fmt.Sprintf("%06d", p.school), Class: p.class,
		Mosru: p.mosru, EZHD: p.ezhd, Phone: p.phone, Mail: p.mail,
	}
	if p.staff {
		r.SNILS = withChecksum(987_000_000 + p.number)
	}
	if p.lent != "" {
		r.EZHD = p.lent
	}
	w.records = append(w.records, r)
}

func (w *adWorld) furtherAccounts() int {
	switch n := w.below(100); {
	case n < 9:
		return 1
	case n < 11:
		return 2
	case n < 12:
		return 3
	}
	return 0
}

// free counts a name up until nobody has it, in one of the ways that are met.
func (w *adWorld) free(base string) string {
	name := base[:min(len(base), 17)]
	for n := 1; w.taken[name]; n++ {
		switch w.below(3) {
		case 0:
			name = fmt.Sprintf("%s-%d", base[:min(len(base), 17)], n)
		default:
			name = fmt.Sprintf("%s%d", base[:min(len(base), 17)], n)
		}
	}
	w.taken[name] = true
	return name
}

// account is a person's account under a name, with the gaps of a real one.
func (w *adWorld) account(p adPerson, name, trap string) ADAccount {
	role := "pupil"
	if p.staff {
		role = "staff"
	}
	a := ADAccount{
		Person: p.number, Trap: trap, Name: name, UPN: name + "@" + pick(&w.numbers, []string{"uao", "sao"}) + ".obr.example",
		Place: fmt.Sprintf("OU=%s,OU=%06d,OU=Schools,DC=obr,DC=example", role, p.school), Display: w.display(p.h), Enabled: w.below(5) > 0,
		Created: w.today.AddDate(0, 0, -w.below(2500)),
	}
	if w.below(3) > 0 {
		a.EmployeeID = p.employee
	}
	if w.below(2) == 0 {
		a.Mail = p.mail
	} else if w.below(2) == 0 {
		a.Mail = name + "@school.example.org"
	}
	switch w.below(9) {
	case 0, 1, 2:
		a.Phone = p.phone
	case 3:
		a.Phone = fmt.Sprintf("+7000900%04d", p.school) // the school's
	}
	if a.Enabled && w.below(4) > 0 {
		a.SignedIn = a.Created.AddDate(0, 0, w.below(1+int(w.today.Sub(a.Created).Hours()/24)))
	}
	if trap == "" && w.below(300) == 0 && len(w.accounts) > 0 {
		a.EmployeeID, a.Trap = w.accounts[w.below(len(w.accounts))].EmployeeID, "employee number given twice"
	}
	return a
}

// further is one account more of the same person.
func (w *adWorld) further(p adPerson, base string, first ADAccount) ADAccount {
	name, trap := "", ""
	switch w.below(10) {
	case 0:
		if name = p.mosru; w.taken[name] || len(name) > 20 {
			name = w.free(base)
		}
		w.taken[name] = true
	case 1: // another table
		name = w.free(strings.NewReplacer("kh", "h", "ts", "c", "yu", "iu", "ya", "ia", "y", "j").Replace(base))
	case 2, 3:
		name = base[:min(len(base), 15)] + fmt.Sprintf("-%d", 2000+w.below(100))
		if w.taken[name] {
			name = w.free(base)
		}
		w.taken[name] = true
	default:
		name = w.free(base)
	}
	if w.below(4) == 0 {
		p.school = w.below(w.schools) // of the school before
	}
	if p.h.woman && w.below(15) == 0 {
		p.h.last, trap = pick(&w.numbers, w.surnames).woman, "surname changed"
	}
	a := w.account(p, name, trap)
	if a.Trap == "employee number given twice" {
		a.EmployeeID = p.employee
		a.Trap = ""
	}
	if w.below(12) == 0 {
		a.Display, a.Trap = "", "counter without a name"
	}
	if w.below(3) == 0 {
		a.Phone = first.Phone
	}
	return a
}

// display writes a name in one of the ways of displayName.
func (w *adWorld) display(h human) string {
	switch w.below(10) {
	case 0:
		return h.last + " " + initial(h.first) + "." + initial(h.middle) + "."
	case 1:
		return h.first + " " + h.middle + " " + h.last
	case 2:
		return string(person.AppendLatin(nil, h.fio()))
	case 3:
		words := strings.Fields(latin.Replace(strings.ToLower(h.fio())))
		for i, word := range words {
			words[i] = strings.ToUpper(word[:1]) + word[1:]
		}
		return strings.Join(words, " ")
	case 4:
		return h.last + " " + h.first
	case 5:
		return strings.ReplaceAll(h.fio(), "ё", "е")
	}
	return h.fio()
}
