package main

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"schoolbridge/internal/auth"
	"schoolbridge/internal/explain"
	"schoolbridge/internal/store"
	"schoolbridge/internal/telemetry"
	"schoolbridge/internal/web/console"
)

// auditWords say the kinds of lines; others are shown by their codes.
var auditWords = map[string]struct{ ru, en string }{
	auth.AuditSignIn: {"вход", "sign-in"}, auth.AuditEnded: {"вход оборвался", "sign-in ended"}, auth.AuditRefused: {"попытка без доказательства", "attempt without proof"},
	auditUnheard: {"точка доступа без ответа", "access point without an answer"},
	"activation": {"активация", "activation"}, "credential_change": {"событие mos.ru", "event of mos.ru"}, "state": {"доступ закрыт или открыт", "shut out or let in"},
	"removal": {"аккаунт удалён", "account removed"}, "account": {"команда account", "command account"}, "disconnect": {"просьба отключить от Wi-Fi", "to be taken off the Wi-Fi"},
	"disconnect_answer": {"ответ точки доступа", "access point's answer"}, "provision": {"Active Directory", "Active Directory"}, "import": {"загрузка реестров", "import of registries"},
	"import_chunk": {"часть загрузки", "part of an import"}, "config": {"настройки", "configuration"}, "explain": {"команда explain", "command explain"},
	"claim_plan": {"команда provision claim plan", "command provision claim plan"}, "claim_apply": {"команда provision claim apply", "command provision claim apply"},
	"claim_drop": {"отметка владельца снята", "claim taken back"}, "queue": {"команда queue", "command queue"}, "decision": {"решение куратора", "curator's decision"},
	"decision_undone": {"решение куратора отменено", "curator's decision taken back"},
	"provision_plan":  {"команда provision plan", "command provision plan"}, "provision_apply": {"команда provision apply", "command provision apply"},
	"problems": {"команда problems", "command problems"}, "teams_export": {"команда teams export", "command teams export"},
	"duplicates_find": {"команда duplicates find", "command duplicates find"}, "duplicates_plan": {"команда duplicates plan", "command duplicates plan"},
	"duplicates_apply": {"команда duplicates apply", "command duplicates apply"}, "duplicates_undo": {"команда duplicates undo", "command duplicates undo"},
	"duplicates_applying": {"дубликаты: начато", "duplicates: begun"}, "duplicates_applied": {"дубликаты: сделано", "duplicates: done"}, "duplicates_stopped": {"дубликаты: остановлено", "duplicates: stopped"},
	"duplicates_asked": {"дубликаты: заказан поиск", "duplicates: a search was asked for"}, "duplicates_found": {"дубликаты: поиск закончен", "duplicates: a search ended"}, "duplicates_approved": {"дубликаты: одобрено", "duplicates: approved"},
	"duplicates_withdrawn": {"дубликаты: одобрение отозвано", "duplicates: an approval was withdrawn"}, "duplicates_return": {"дубликаты: заказан возврат", "duplicates: a return was asked for"},
	"duplicates_undoing": {"дубликаты: возврат начат", "duplicates: return begun"}, "duplicates_undone": {"дубликаты: возвращено", "duplicates: taken back"},
	"rename": {"человек переименован", "person renamed"}, "person_erasure": {"личные данные стёрты", "personal data erased"},
	"sessions": {"команда sessions", "command sessions"}, "wifi_profile": {"команда wifi profile", "command wifi profile"}, "audit_show": {"команда audit show", "command audit show"},
	auditCabinet:       {"смотрит свои устройства и входы", "looks at the own devices and sign-ins"},
	"school_deadlines": {"сроки школы", "school's deadlines"},
	auditRights:        {"команда rights", "command rights"}, store.AuditGranted: {"права выданы", "rights granted"}, store.AuditRevoked: {"права отозваны", "rights revoked"},
	store.AuditInvited: {"код подключения выдан", "invited to connect an app"}, store.AuditEnrolled: {"приложение с кодами подключено", "app with codes connected"},
	store.AuditFactor: {"вход в администрирование", "came into administration"}, store.AuditFactorRefused: {"код администратора не принят", "administrator's code refused"},
	store.AuditGlassMade: {"новый пароль аварийного входа", "new break-glass password"}, store.AuditGlassUsed: {"аварийный вход", "break-glass account used"},
	store.AuditGlassWrong: {"неверная попытка аварийного входа", "wrong try at the break-glass account"},
	console.AuditRead:     {"прочитано на странице", "read on a page"},
	telemetry.AuditLost:   {"строка журнала потеряна", "line of the trail lost"}, "audit_erasure": {"старые входы стёрты", "old sign-ins erased"},
}

// auditFields are the Russian names of what lines of sign-ins and commands say;
// others keep those of JSON.
var auditFields = map[string]string{
	"addr": "адрес", "who": "кто", "page": "страница", "asked": "спросили", "by": "искали по", "record": "запись", "channel": "где", "device": "устройство", "for": "для", "found": "найдено", "from": "от", "to": "до", "kinds": "виды",
	"nas": "точка", "outcome": "итог", "reason": "причина", "role": "роль", "rule": "правило", "request": "запрос", "took_ms": "мс", "state": "состояние", "accounts": "записей",
}

// auditKinds reads a list of kinds; unknown is the first that there is not.
func auditKinds(list string) (kinds []string, unknown string) {
	for kind := range strings.SplitSeq(list, ",") {
		if kind = strings.TrimSpace(kind); kind == "" {
			continue
		}
		if _, ok := auditWords[kind]; !ok {
			return nil, kind
		}
		kinds = append(kinds, kind)
	}
	return kinds, ""
}

// everyKind lists the kinds that may be asked for.
func everyKind() string { return strings.Join(slices.Sorted(maps.Keys(auditWords)), ", ") }

// auditDetails writes fields in one line, in the order of their names; empty ones
// are left out.
func auditDetails(data map[string]any, lang explain.Lang) string {
	var words []string
	for _, name := range slices.Sorted(maps.Keys(data)) {
		said := name
		if word, ok := auditFields[name]; ok && lang == explain.Russian {
			said = word
		}
		switch value := data[name].(type) {
		case nil:
		case string:
			if value != "" {
				words = append(words, said+"="+value)
			}
		default:
			text, _ := json.Marshal(value) // came from JSON: never fails
			words = append(words, said+"="+string(text))
		}
	}
	return strings.Join(words, " ")
}
