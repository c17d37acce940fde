package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"strings"
	"time"

	"schoolbridge/config"
	"schoolbridge/internal/explain"
	"schoolbridge/internal/said"
	"schoolbridge/internal/store"
	"schoolbridge/internal/store/postgres"
	"schoolbridge/internal/store/sqlite"
)

// runStore moves the store of one daemon to where several share it.
func runStore(ctx context.Context, std streams, args []string) error {
	fs := flag.NewFlagSet("store", flag.ContinueOnError)
	from := fs.String("from", "", "файл SQLite (store.path) / the `FILE` of SQLite (store.path)")
	to := fs.String("to", "", "файл с адресом базы PostgreSQL (store.url_file) или сам адрес, без пароля / the `FILE` with the address of a PostgreSQL database (store.url_file), or the address itself, without a password")
	cancel := fs.Bool("cancel", false, "отказаться от переноса: хранилище снова открыто, копией не пользоваться / give the move up: the store is open again, and the copy is not to be used")
	lang := langFlag(fs)
	words, err := parse(fs, std, args)
	if err != nil {
		return err
	}
	if len(words) != 1 || words[0] != "move" || *from == "" || *to == "" {
		return misused("store")
	}
	address, err := moveTarget(std, *lang, *to)
	if err != nil {
		return err
	}
	if err := moveSource(*from); err != nil {
		return err
	}
	release, err := sqlite.Lock(*from)
	if errors.Is(err, sqlite.ErrLocked) {
		return said.New("служба работает с этим файлом: остановите её (systemctl stop schoolbridge), вход прервётся до конца переноса / the daemon works on this file: stop it (systemctl stop schoolbridge); sign-ins pause until the move is over")
	}
	if err != nil {
		return err
	}
	err = between(ctx, *from, address, func(source, target store.Driver) error {
		if *cancel {
			if err := store.CancelMove(ctx, source, target); err != nil {
				return err
			}
			return told(std, *lang, "перенос отменён: служба снова работает с файлом %s; базу, в которую он переносился, удалите\n",
				"the move is given up: the daemon works with the file %s again; drop the database that it was moved to\n", *from)
		}
		show := &moveMeter{std: std, lang: *lang}
		rows, err := store.Move(ctx, source, target, show.told)
		show.end()
		if err != nil {
			return err
		}
		return told(std, *lang, "перенесено и сверено строк: %[1]d. В настройках вместо store.path укажите store.url_file (файл с адресом, права 0600) и запустите службу с прежним keyset.json. "+
			"Файл %[2]s больше не открывается; удалите его, когда он не понадобится. Пока в новую базу ничего не записано, вернуться можно: та же команда с --cancel\n",
			"moved and compared: %[1]d rows. In the configuration name store.url_file (a file with the address, mode 0600) in place of store.path, and start the daemon with the same keyset.json. "+
				"The file %[2]s is not opened any more; remove it when nobody needs it. Until something is written to the new database, the same command with --cancel goes back\n", rows, *from)
	})
	return errors.Join(err, release())
}

// between opens both sides.
func between(ctx context.Context, from, to string, do func(source, target store.Driver) error) error {
	target, err := postgres.Engine(ctx, to)
	if err != nil {
		return said.Errorf("базы для переноса нет или она не отвечает: %[1]w / the database to move to is not there, or does not answer: %[1]w", err)
	}
	source, err := sqlite.Engine(from)
	if err != nil {
		return errors.Join(fmt.Errorf("%s: %w", from, err), target.Close())
	}
	return errors.Join(do(source, target), source.Close(), target.Close())
}

// moveSource says what is wrong with the file to be moved.
func moveSource(path string) error {
	if aPostgres(path) {
		return usageError("--from: переносится файл SQLite; базу PostgreSQL копируют pg_dump и pg_restore / --from: what is moved is a file of SQLite; a PostgreSQL database is copied by pg_dump and pg_restore")
	}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return usageError("--from: файла %[1]s нет; его имя — store.path в настройках, без него state/schoolbridge.db / --from: there is no such file as %[1]s; its name is store.path of the configuration, else state/schoolbridge.db", path)
	}
	if err == nil && (!info.Mode().IsRegular() || info.Size() == 0) {
		err = said.New("хранилища в нём нет / there is no store in it")
	}
	if err != nil {
		return usageError("--from %s: %w", path, err)
	}
	return nil
}

// moveTarget gives the address of the database to be filled.
func moveTarget(std streams, lang, to string) (string, error) {
	if !aPostgres(to) {
		secret, err := config.ReadSecret(config.SecretFile(to))
		if err != nil {
			return "", usageError("--to: ни адреса PostgreSQL, ни файла с ним: %[1]w / --to: neither an address of PostgreSQL nor a file with one: %[1]w", err)
		}
		to = string(secret)
	} else if holdsPassword.MatchString(to) {
		complain(std, lang, said.New("пароль в аргументе видят все на этой машине: запишите адрес в файл (права 0600) и укажите файл / everybody on this machine sees a password in an argument: write the address into a file (mode 0600) and give the file"))
	}
	if err := postgres.Check(to); err != nil {
		return "", usageError("--to: %w", err)
	}
	return to, nil
}

// aPostgres tells an address from the name of a file.
func aPostgres(s string) bool {
	return strings.HasPrefix(s, "postgres://") || strings.HasPrefix(s, "postgresql://") || strings.Contains(s, "dbname=")
}

var holdsPassword = regexp.MustCompile(`^[a-z]+://[^/@:]*:[^/@]+@|password=`)

// moveMeter shows on a terminal how far the copying is, and then the comparing.
type moveMeter struct {
	std       streams
	lang      string
	shown     *meter
	comparing bool
}

func (m *moveMeter) told(p store.MoveProgress) {
	if m.shown == nil || m.comparing != p.Comparing {
		m.end()
		copying, comparing := "копирование: строка %d из %d, %.0f в секунду, осталось %v, до %s", "сверка: строка %d из %d, %.0f в секунду, осталось %v, до %s"
		if m.lang == string(explain.English) {
			copying, comparing = "copying: row %d of %d, %.0f a second, %v left, until %s", "comparing: row %d of %d, %.0f a second, %v left, until %s"
		}
		if p.Comparing {
			copying = comparing
		}
		m.shown, m.comparing = newMeter(m.std, copying, int(p.Of-p.Earlier), time.Local, time.Now), p.Comparing
	}
	m.shown.reach(int(p.Rows - p.Earlier))
}

func (m *moveMeter) end() {
	if m.shown != nil {
		m.shown.end()
	}
}

// storeRussian says in Russian what a store does not open for, and what a move ends with.
var storeRussian = []struct {
	err  error
	text string
}{
	{sqlite.ErrDamaged, "Файл — не целая база schoolbridge: копия повреждена, или это другой файл; возьмите другую копию"},
	{store.ErrNoKeyset, "Новые ключи это хранилище не откроют: нужен прежний файл — с машины той службы, которая его создала, или из отдельной копии (владелец schoolbridge, права 0600)"},
	{store.ErrMoving, "Хранилище переносят в другую базу: продолжите `schoolbridge store move` или откажитесь от переноса с --cancel"},
	{store.ErrMoved, "Хранилище перенесено в другую базу, все работают там: укажите её в настройках (store.url_file)"},
	{store.ErrFilling, "База ещё не полна: `schoolbridge store move` заполняет её и продолжит с того места, где остановился"},
	{store.ErrNotEmpty, "В базе, куда переносят, уже есть хранилище: создайте пустую"},
	{store.ErrOthers, "Базу уже заполняет перенос другого хранилища: дайте пустую или сначала откажитесь от того переноса с --cancel"},
	{store.ErrElsewhere, "Хранилище уже переносят в другую базу: укажите её или откажитесь от переноса с --cancel"},
	{store.ErrOtherSchema, "Перенос начала другая версия schoolbridge: закончите его ею или откажитесь от него с --cancel"},
	{store.ErrChanged, "Копия отличается от хранилища: кто-то менял его во время переноса. Завершите всё, что с ним работает, и повторите; копия будет сделана заново"},
	{store.ErrNoMove, "Между этими базами ничего не переносят"},
	{sqlite.ErrAtWork, "С этой базой работает другая команда schoolbridge: дождитесь её конца"},
	{postgres.ErrNoDatabase, "Адрес не называет базы"},
	{postgres.ErrUnprotected, "В адресе не сказано, как защищён путь к серверу: добавьте sslmode=verify-full, а в sslrootcert — файл с сертификатом центра; sslmode=disable — только если на этом пути больше никого нет"},
	{store.ErrInUse, "В базу, куда перенесли, уже записано новое: возврат его потерял бы"},
}
