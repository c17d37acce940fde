//go:build !linux

package teams

import "errors"

func exchange(string, string) error { return errors.ErrUnsupported }
