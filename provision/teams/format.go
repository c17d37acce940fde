package teams

import "slices"

// spec is one file of the format: its columns in order, as they must be written
// (case matters), those that must hold something, and those that make a record
// unique.
type spec struct {
	name     string
	columns  []string
	required []string
	key      []string
	refers   map[string]string   // column: the file whose sourcedId it names
	values   map[string][]string // column: what it may hold, if anything
}

// The format's files (School Data Sync, CSV file format 2.1; default lists of
// values). All are always written.
var specs = []spec{
	{name: "orgs.csv", columns: []string{"sourcedId", "name", "type", "parentSourcedId"},
		required: []string{"sourcedId", "name", "type"}, key: []string{"sourcedId"},
		refers: map[string]string{"parentSourcedId": "orgs.csv"}, values: map[string][]string{"type": orgTypes}},
	{name: "users.csv", columns: []string{"sourcedId", "username", "givenName", "familyName", "password", "activeDirectoryMatchId", "email", "phone", "sms"},
		required: []string{"sourcedId", "username"}, key: []string{"sourcedId"}},
	{name: "roles.csv", columns: []string{"userSourcedId", "orgSourcedId", "role", "sessionSourcedId", "grade", "isPrimary", "roleStartDate", "roleEndDate"},
		required: []string{"userSourcedId", "orgSourcedId", "role"}, key: []string{"userSourcedId", "orgSourcedId", "role"},
		refers: map[string]string{"userSourcedId": "users.csv", "orgSourcedId": "orgs.csv", "sessionSourcedId": "academicSessions.csv"},
		values: map[string][]string{"role": userRoles, "grade": grades, "isPrimary": booleans}},
	{name: "classes.csv", columns: []string{"sourcedId", "orgSourcedId", "title", "sessionSourcedIds", "courseSourcedId"},
		required: []string{"sourcedId", "orgSourcedId", "title"}, key: []string{"sourcedId"},
		refers: map[string]string{"orgSourcedId": "orgs.csv", "sessionSourcedIds": "academicSessions.csv", "courseSourcedId": "courses.csv"}},
	{name: "enrollments.csv", columns: []string{"classSourcedId", "userSourcedId", "role"},
		required: []string{"classSourcedId", "userSourcedId", "role"}, key: []string{"classSourcedId", "userSourcedId"},
		refers: map[string]string{"classSourcedId": "classes.csv", "userSourcedId": "users.csv"}, values: map[string][]string{"role": userRoles}},
	{name: "academicSessions.csv", columns: []string{"sourcedId", "title", "type", "schoolYear", "startDate", "endDate"},
		required: []string{"sourcedId", "title", "type", "schoolYear", "startDate", "endDate"}, key: []string{"sourcedId"},
		values: map[string][]string{"type": sessionTypes}},
	{name: "courses.csv", columns: []string{"sourcedId", "orgSourcedId", "title", "code", "schoolYearSourcedId", "subject", "grade"},
		required: []string{"sourcedId", "orgSourcedId", "title"}, key: []string{"sourcedId"},
		refers: map[string]string{"orgSourcedId": "orgs.csv", "schoolYearSourcedId": "academicSessions.csv"}, values: map[string][]string{"grade": grades}},
	{name: "demographics.csv", columns: []string{"userSourcedId", "sex", "birthDate", "birthCity", "birthState", "birthCountry", "ethnicityCodes", "raceCodes"},
		required: []string{"userSourcedId"}, key: []string{"userSourcedId"}, refers: map[string]string{"userSourcedId": "users.csv"}},
	{name: "relationships.csv", columns: []string{"userSourcedId", "relationshipUserSourcedId", "relationshipRole"},
		required: []string{"userSourcedId", "relationshipUserSourcedId", "relationshipRole"}, key: []string{"userSourcedId", "relationshipUserSourcedId", "relationshipRole"},
		refers: map[string]string{"userSourcedId": "users.csv", "relationshipUserSourcedId": "users.csv"}},
	{name: "userFlags.csv", columns: []string{"userSourcedId", "flag"},
		required: []string{"userSourcedId", "flag"}, key: []string{"userSourcedId", "flag"}, refers: map[string]string{"userSourcedId": "users.csv"}},
}

var (
	orgTypes = []string{"school", "ministryOfEducation", "localAuthority", "department", "university", "region", "district", "college", "division", "local",
		"campus", "province", "state", "adultEducation", "researchCenter", "national", "municipality", "program", "departmentOfEducation", "academicTrust"}
	userRoles = []string{"principal", "chair", "professor", "researcher", "adjunct", "affiliate", "occupationalTherapist", "physicalTherapist", "speechTherapist",
		"visionTherapist", "paraprofessional", "specialServices", "advisor", "proctor", "nurse", "officeStaff", "lecturer", "itAdmin", "administrator", "teacher",
		"faculty", "staff", "teacherAssistant", "assistant", "instructor", "substitute", "coach", "alumni", "student", "other"}
	grades       = []string{"1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12"}
	sessionTypes = []string{"gradingPeriod", "semester", "schoolYear", "term"}
	booleans     = []string{"true", "false"}
)

func specOf(name string) *spec {
	i := slices.IndexFunc(specs, func(s spec) bool { return s.name == name })
	if i < 0 {
		return nil
	}
	return &specs[i]
}

// at gives the places of columns.
func (s *spec) at(columns []string) []int {
	var places []int
	for _, c := range columns {
		places = append(places, slices.Index(s.columns, c))
	}
	return places
}
