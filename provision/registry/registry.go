// Package registry reads what the schools' systems export about people and
// brings it into the store: schools, Кадры, Контингент, Запись в ОУ, and two
// lists that only reports need (legacy sign-ins, the accounts that AD has).
//
//	file ─► encoding, separator ─► header ─► rows ─► typed person.* rows, or faults
//	                                              ├─► Walk, ReadDir: one by one or all at once, for a dry run
//	                                              └─► Import: what changed, in chunks, into Records
//
// A file is CSV (UTF-8 or Windows-1251; comma, semicolon or tab; found out by
// itself) or XLSX, with a header row in English or Russian. A bad row is
// reported with file, line and reason, and the rest goes on. Nothing is
// corrected: a row keeps the text of its export but for the white space around
// it; comparing is the business of person and match.
//
// Limits: files are streamed; a row is at most 64 KiB and 256 fields; an XLSX
// unpacks to at most 2 GiB. Faults name columns, never values: they are
// about people.
//
// Start reading at Open, Walk and Import.
package registry
