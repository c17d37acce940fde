package sample

import "schoolbridge/internal/person"

// demo invents the five people whom the demo's table names.
func (w *world) demo(f *files) {
	w.orlova(f)
	w.belova(f)

	evanova := w.complete(human{last: "Еванова", first: "Нина", middle: "Николаевна", woman: true, login: "evann", password: "Zimorodok-2021"}, 41)
	f.hire(w, evanova, School49, w.today.AddDays(-2900), person.Date{}, "учитель физики", "evann")
	w.account(evanova, nil)
	for _, sam := range []string{"evann", "evann-1"} {
		f.ad = append(f.ad, []string{sam, f.lastStaff(), "true", evanova.fio(), sam + "@uao.obr.mos.ru"})
	}

	smirnova := w.complete(human{last: "Смирнова", first: "Анна", middle: "Олеговна", woman: true, login: "smirnovao", password: "Ivolga-2021"}, 38)
	son := w.complete(human{last: "Смирнов", first: "Лев", middle: "Павлович"}, 9)
	child := f.enrol(w, son, School49, "")
	f.parent(w, child, smirnova, School49)
	w.account(smirnova, nil)

	kim := w.complete(human{last: "Ким", first: "Виктор", middle: "Сергеевич", login: "kimv", password: "Krapivnik-2021"}, 52)
	left := w.today.AddDays(-335) // eleven months
	f.hire(w, kim, School1050, w.today.AddDays(-2000), left, "учитель истории", "kimv")
	w.account(kim, func(p *Person) { p.Activate, p.ActivateOn = true, left.AddDays(-30) })
}

// orlova teaches at two schools and has a son at one of them.
func (w *world) orlova(f *files) {
	orlova := w.complete(human{last: "Орлова", first: "Мария", middle: "Ивановна", woman: true, login: "orlovami", password: "Snegir-2021"}, 44)
	f.hire(w, orlova, School49, w.today.AddDays(-3650), person.Date{}, "учитель математики", "orlovami")
	f.hire(w, orlova, Lyceum7, w.today.AddDays(-700), person.Date{}, "педагог дополнительного образования", "orlovami")
	son := w.complete(human{last: "Орлов", first: "Пётр", middle: "Андреевич"}, 12)
	f.parent(w, f.enrol(w, son, School49, ""), orlova, School49)
	w.account(orlova, func(p *Person) { p.Activate = true })
}

func (w *world) belova(f *files) {
	belova := w.complete(human{last: "Белова", first: "Софья", middle: "Андреевна", woman: true, login: "belovas", password: "Sinica-2021"}, 15)
	mother := w.complete(human{last: "Белова", first: "Ольга", middle: "Викторовна", woman: true}, 42)
	f.parent(w, f.enrol(w, belova, School49, "belovas"), mother, School49)
	w.account(belova, func(p *Person) { p.Activate = true })
	w.account(mother, nil)
}
