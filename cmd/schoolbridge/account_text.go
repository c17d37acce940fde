package main

import (
	"fmt"
	"io"
)

// tell says what was done and what follows from it.
func (s *switcher) tell(w io.Writer, d switched) error {
	lines := []string{s.headline(d) + ": " + printable(d.Login+", "+d.Name)}
	if s.verb == verbSuspend {
		lines = append(lines, s.closing(d)...)
	} else {
		lines = append(lines, s.opening(d)...)
	}
	lines = append(lines, fmt.Sprintf("%s: schoolbridge explain --config %s %s", s.say("Проверить", "To check"), s.file, pasted(d.Login)))
	if s.verb == verbSuspend {
		lines = append(lines, fmt.Sprintf("%s: schoolbridge account resume --config %s %s --reason %s", s.say("Вернуть", "To undo"), s.file, pasted(d.Login), s.say("ПРИЧИНА", "TEXT")))
	}
	for _, line := range lines {
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
	}
	return nil
}

func (s *switcher) headline(d switched) string {
	switch {
	case d.Suspended && d.Changed:
		return s.say("Аккаунт приостановлен", "The account is suspended")
	case d.Suspended:
		return s.say("Аккаунт уже был приостановлен, ничего не изменено", "The account was suspended already, nothing was changed")
	case d.Changed:
		return s.say("Аккаунт снова включён", "The account is switched on again")
	}
	return s.say("Аккаунт здесь не приостановлен, ничего не изменено", "The account is not suspended here, nothing was changed")
}

// closing is what follows a suspension.
func (s *switcher) closing(d switched) []string {
	lines := []string{s.say("  Wi-Fi, ПК и доски: вход закрывается за секунду-две.", "  Wi-Fi, PCs and boards: sign-in closes within a second or two.")}
	if n := d.Devices - d.Staying; n > 0 {
		lines = append(lines, fmt.Sprintf(s.say("  Сейчас в Wi-Fi, устройств: %d. Служба сразу просит точку доступа их отключить; что та ответила: schoolbridge sessions --config %s --login %s",
			"  On the Wi-Fi now, devices: %d. The daemon asks the access point at once to disconnect them; its answer: schoolbridge sessions --config %s --login %s"), n, s.file, pasted(d.Login)))
	}
	if d.Staying > 0 {
		lines = append(lines, fmt.Sprintf(s.say("  У точек доступа без dynamic_authorization, устройств: %d. Они остаются в Wi-Fi до следующего входа; отключите их на самой точке доступа.",
			"  At access points without dynamic_authorization, devices: %d. They stay on the Wi-Fi until they sign in anew; disconnect them at the access point itself."), d.Staying))
	}
	if s.config.AD.On() {
		lines = append(lines, s.say("  Active Directory, а с ней Teams: запись отключает служба, обычно в течение минуты.", "  Active Directory, and Teams with it: the daemon disables the account, most often within a minute."))
	}
	return append(lines, s.say("  Если служба сейчас не работает, всё это произойдёт при её запуске.", "  If the daemon does not run now, all of it happens when it starts."))
}

// opening is what follows a resumption.
func (s *switcher) opening(d switched) []string {
	if d.Closed {
		return []string{s.say("  Вход остаётся закрыт: учётную запись закрыл mos.ru. Её восстанавливают там, потом человек активирует вход ещё раз.",
			"  Sign-in stays closed: mos.ru closed the account. It is recovered there, and then the person activates once more.")}
	}
	lines := []string{s.say("  Wi-Fi, ПК и доски: вход с паролем mos.ru открывается за секунду-две, если его не закрывает что-то ещё (работа окончена, правила): это скажет explain.",
		"  Wi-Fi, PCs and boards: sign-in with the mos.ru password opens within a second or two, unless something else closes it (employment ended, rules): explain tells.")}
	if s.config.AD.On() {
		lines = append(lines, s.say("  Active Directory, а с ней Teams: запись включает служба, обычно в течение минуты.", "  Active Directory, and Teams with it: the daemon enables the account, most often within a minute."))
	}
	return lines
}
