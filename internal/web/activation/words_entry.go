package activation

import "schoolbridge/internal/web"

// words are the texts of all pages by key.
var words = web.JoinWords(wordsEntry, wordsActivation, wordsHelp, wordsSupport)

// wordsEntry are the texts of the first page.
var wordsEntry = web.Words{
	"entry.title":      {"Вход", "Sign in"},
	"entry.left.title": {"Вы вышли", "You have signed out"},
	"entry.left":       {"На общем компьютере закройте окно браузера.", "On a shared computer, close the browser window."},
	"entry.lead":       {"Логин и пароль mos.ru — для сервисов МЭШ, Wi-Fi школы, рабочих ПК, интерактивных досок и Teams.", "Your mos.ru login and password serve for the MESH services, school Wi-Fi, work PCs, interactive boards and Teams."},
	"entry.button":     {"Войти через mos.ru", "Sign in with mos.ru"},
	"entry.gosuslugi":  {"Нет учётной записи mos.ru или вы живёте в другом регионе? На странице mos.ru выберите вход через Госуслуги.", "No mos.ru account, or you live in another region? Choose Gosuslugi on the mos.ru page."},
	"entry.form":       {"Войти с учётной записью другой организации", "Sign in with another organisation's account"},
	"entry.access":     {"Как получить доступ?", "How do I get access?"},
}
