package explain

import "schoolbridge/provision/match"

// repairers are who has to do something first, in Russian and English.
var (
	thePerson     = [2]string{"сам человек", "the person"}
	theOfficer    = [2]string{"кадровик школы", "the school's personnel officer"}
	theSchool     = [2]string{"школа", "the school"}
	theCurator    = [2]string{"куратор", "the curator"}
	theDirectory  = [2]string{"администратор AD", "the AD administrator"}
	theBoth       = [2]string{"сотрудник и кадровик школы", "the employee and the personnel officer"}
	theFamily     = [2]string{"ученик или родитель и школа", "the pupil or parent and the school"}
	theWhole      = [2]string{"сам человек и школа", "the person and the school"}
	nobodyAtAll   = [2]string{"никто: так и должно быть", "nobody: this is as it should be"}
	theOperatorOf = [2]string{"школа и оператор", "the school and the operator"}
)

var repairers = map[match.Code][2]string{
	match.NoMosruAccount: thePerson, match.MultiOrgNoMosru: thePerson, match.SNILSNotConfirmed: thePerson, match.MultiSNILSNotConfirmed: thePerson,
	match.SNILSMismatch: theBoth, match.KadrySNILSInvalid: theOfficer, match.FIOMismatch: theBoth, match.KadrySNILSDuplicate: theOfficer,
	match.EmploymentEnded: theOfficer, match.EmploymentNotStarted: theOfficer, match.EmploymentDataMissing: theOfficer,
	match.ContactMismatch: theFamily, match.ContactNotVerified: thePerson, match.DOBMismatch: theFamily, match.Ambiguous: theCurator,
	match.NotEnrolled: theSchool, match.MultipleMosruAccounts: thePerson, match.NoSuchAccount: theWhole,
	match.ParentRoleNotLinked: theFamily, match.CardSNILSMismatch: theSchool, match.RegistryMixedScript: theSchool,
	match.LoginDiffers: nobodyAtAll, match.LoginTooLong: nobodyAtAll, match.LoginNotUsable: thePerson,
	match.OutOfReach: thePerson, match.ADNameTaken: theCurator, match.ADUnowned: theCurator, match.ADDuplicate: theDirectory,
	match.OwnerMarkChanged: theDirectory, match.ADProtected: theDirectory, match.ADRefused: theDirectory, match.ADPlaceUnknown: theOperatorOf,
	match.ADPasswordRefused: thePerson, match.ADPasswordStale: thePerson, match.PasswordNeeded: thePerson,
	match.ADConflict: theDirectory, match.ADServerBehind: theDirectory,
}

// Repairer says who has to do what ProblemAdvice tells, or "" for a code that is
// not known.
func Repairer(lang Lang, code match.Code) string {
	if lang == English {
		return repairers[code][1]
	}
	return repairers[code][0]
}

// Informs says that a code tells how it is, and that nobody has to do anything.
func Informs(code match.Code) bool { return repairers[code] == nobodyAtAll }
