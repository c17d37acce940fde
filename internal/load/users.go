package load

import (
	"encoding/csv"
	"errors"
	"io"
	"strings"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/said"
)

// User is who signs in.
type User struct {
	Login    string
	Password identity.Password
}

// maxUsers bounds a file.
const maxUsers = 2_000_000

// ReadUsers reads lines "login,password" (CSV, UTF-8); a first line "login,password" is
// a header. An error names the line and never its content.
func ReadUsers(r io.Reader) ([]User, error) {
	c := csv.NewReader(r)
	c.FieldsPerRecord, c.ReuseRecord = -1, true
	var users []User
	for first := true; ; first = false {
		fields, err := c.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		var fault *csv.ParseError
		if errors.As(err, &fault) {
			return nil, said.Errorf("строка %[1]d: %[2]w / line %[1]d: %[2]w", fault.Line, fault.Err)
		}
		if err != nil {
			return nil, err
		}
		line, _ := c.FieldPos(0)
		if len(fields) != 2 || len(fields[0]) > 253 || len(fields[1]) > 128 {
			return nil, said.Errorf("строка %[1]d: нужны логин и пароль через запятую / line %[1]d: a login and a password are wanted, with a comma between", line)
		}
		fields[0] = strings.TrimPrefix(fields[0], "\ufeff")
		if first && fields[0] == "login" && fields[1] == "password" {
			continue
		}
		if fields[0] == "" {
			return nil, said.Errorf("строка %[1]d: логин пуст / line %[1]d: the login is empty", line)
		}
		if len(users) == maxUsers {
			return nil, said.Errorf("строка %[1]d: больше %[2]d человек / line %[1]d: more than %[2]d users", line, maxUsers)
		}
		users = append(users, User{fields[0], identity.Password(fields[1])})
	}
	if len(users) == 0 {
		return nil, said.New("в нём никого нет / there is nobody in it")
	}
	return users, nil
}
