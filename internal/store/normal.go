package store

import "schoolbridge/internal/person"

// fioKey is the normal form that a ФИО in three parts is found by.
func fioKey(last, first, middle string) string { return wholeFIO(person.JoinFIO(last, first, middle)) }

func wholeFIO(text string) string {
	normal, _ := person.NormalFIO(text)
	return normal
}

func contacts(phones, emails string) []lookup {
	var all []lookup
	for _, p := range person.Phones(phones) {
		all = append(all, lookup{domainPhone, string(p)})
	}
	for _, e := range person.Emails(emails) {
		all = append(all, lookup{domainEmail, string(e)})
	}
	return all
}

func snilsLookups(text string) []lookup {
	if snils, ok := person.ParseSNILS(text); ok {
		return []lookup{{domainSNILS, string(snils)}}
	}
	return nil
}

// identifiers are the other values that a record is found by.
func identifiers(fio, snils, login string) []lookup {
	all := snilsLookups(snils)
	if fio != "" {
		all = append(all, lookup{domainFIO, fio})
	}
	if login = person.FoldName(login); login != "" {
		all = append(all, lookup{domainLogin, login})
	}
	return all
}
