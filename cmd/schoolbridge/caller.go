package main

import (
	"os"
	"strconv"
)

// byCaller adds to a line of the trail which account of this machine asked.
// Administrators become the daemon's user by sudo, which tells who they were.
func byCaller(line map[string]any) map[string]any {
	line["uid"] = os.Getuid()
	if uid, err := strconv.ParseUint(os.Getenv("SUDO_UID"), 10, 32); err == nil {
		line["sudo_uid"] = uid
	}
	return line
}

// callerText is the same for people.
func callerText() string {
	if uid, err := strconv.ParseUint(os.Getenv("SUDO_UID"), 10, 32); err == nil {
		return "uid " + strconv.FormatUint(uid, 10)
	}
	return "uid " + strconv.Itoa(os.Getuid())
}
