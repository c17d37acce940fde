package simad_test

import (
	"errors"
	"fmt"
	"strings"

	"github.com/go-ldap/ldap/v3"
)

// rows say what an Active Directory answers. Those of names, passwords,
// stamps, sign-ins, rights and reading follow one another.
var rows = join(names, passwords, stamps, signIns, rights, reading)

func join(all ...[]row) []row {
	var rows []row
	for _, r := range all {
		rows = append(rows, r...)
	}
	return rows
}

var names = []row{
	{what: "a user with its password in one add", do: func(w *world) error {
		dn := w.user("a", "userPrincipalName=a@uao.example", "displayName=Иванова Анна", "employeeNumber=1", "adminDescription=s")
		return errors.Join(w.bind(dn, password), expect("cn", w.text(dn, "cn"), w.name("a")), expect("name", w.text(dn, "name"), w.name("a")))
	}, windows: "ok"},
	{what: "an account name that is taken", do: func(w *world) error {
		w.user("a")
		return w.add("user", "other", "sAMAccountName="+strings.ToUpper(w.name("a")))
	}, windows: "68 00002071"},
	{what: "an account name that a group has", do: func(w *world) error {
		w.must(w.add("group", "g", "sAMAccountName="+w.name("g")))
		return w.add("user", "other", "sAMAccountName="+w.name("g"))
	}, windows: "68 00002071"},
	{what: "an account name that is taken, by modify", do: func(w *world) error {
		w.user("a")
		return w.modify(w.user("b"), set("sAMAccountName", w.name("a")))
	}, windows: "68"},
	{what: "a principal name that is taken", do: func(w *world) error {
		w.user("a", "userPrincipalName=x"+w.name("a")+"@uao.example")
		return w.add("user", "other", "sAMAccountName="+w.name("b"), "userPrincipalName=X"+w.name("a")+"@UAO.example")
	}, windows: "19 0000202F"},
	{what: "a principal name replaced by nothing", do: func(w *world) error {
		return w.modify(w.user("a", "userPrincipalName=n"+w.name("a")+"@uao.example"), set("userPrincipalName"))
	}, windows: "ok", samba: "65"},
	{what: "addresses, and their end", do: func(w *world) error {
		dn := w.user("a", "userPrincipalName=e"+w.name("a")+"@uao.example", "proxyAddresses=SMTP:a@example.org", "mail=a@example.org")
		return errors.Join(w.modify(dn, take("userPrincipalName", "e"+w.name("a")+"@uao.example"), set("proxyAddresses"), take("mail", "a@example.org")),
			expect("addresses", w.text(dn, "proxyAddresses")+w.text(dn, "mail")+w.text(dn, "userPrincipalName"), ""))
	}, windows: "ok"},
	{what: "a common name that is taken in the unit", do: func(w *world) error {
		w.user("a")
		return w.add("user", w.name("A"), "sAMAccountName="+w.name("b"))
	}, windows: "68"},
	{what: "a common name that is taken elsewhere", do: func(w *world) error {
		w.user("a")
		w.must(w.add("organizationalUnit", "u"))
		return w.addDN(w.admin, "user", "CN="+w.name("a")+",OU=u,"+w.ou, "sAMAccountName="+w.name("b"))
	}, windows: "ok"},
	{what: "one person's number, mail and addresses on two accounts", do: func(w *world) error {
		same := []string{"employeeID=7", "employeeNumber=7", "mail=a@example.org", "proxyAddresses=SMTP:a@example.org"}
		w.user("a", same...)
		return w.add("user", "other", append([]string{"sAMAccountName=" + w.name("b")}, same...)...)
	}, windows: "ok"},
	{what: "21 characters", do: func(w *world) error {
		return w.add("user", "a", "sAMAccountName="+fmt.Sprintf("%020d", w.n)+"a")
	}, windows: "19", samba: "ok"},
	{what: "20 characters", do: func(w *world) error {
		return w.add("user", "a", "sAMAccountName="+fmt.Sprintf("%019d", w.n)+"a")
	}, windows: "ok"},
	{what: "characters that no account name has", do: func(w *world) error {
		for _, c := range `"/\[]:;|=,+*?<>` {
			if err := w.add("user", "a", "sAMAccountName="+w.name("a")+string(c)); !ldap.IsErrorWithCode(err, 19) {
				return fmt.Errorf("%c: %w", c, err)
			}
		}
		return w.add("user", "a", "sAMAccountName="+w.name("a")+".")
	}, windows: "19"},
	{what: "characters that an account name may have", do: func(w *world) error {
		return errors.Join(w.add("user", "a", "sAMAccountName="+w.name("a")+"@"), w.add("user", "b", "sAMAccountName="+w.name("a b")), w.add("user", "c", "sAMAccountName="+w.name("анна")))
	}, windows: "ok"},
	{what: "names that differ in a diacritic", do: func(w *world) error {
		w.must(w.add("user", "a", "sAMAccountName="+w.name("cafe")))
		return w.add("user", "b", "sAMAccountName="+w.name("café"))
	}, windows: "68", samba: "ok"},
	{what: "no such parent", do: func(w *world) error {
		return w.addDN(w.admin, "user", "CN=a,OU=nowhere,"+w.ou, "sAMAccountName="+w.name("a"))
	}, windows: "32"},
	{what: "a name that is none", do: func(w *world) error {
		return w.addDN(w.admin, "user", "nonsense", "sAMAccountName="+w.name("a"))
	}, windows: "34"},
	{what: "17 characters of employeeID", do: func(w *world) error {
		return w.modify(w.user("a"), set("employeeID", strings.Repeat("1", 17)))
	}, windows: "19", samba: "21"},
	{what: "an account name on a unit", do: func(w *world) error { return w.modify(w.ou, set("sAMAccountName", w.name("a"))) }, windows: "65"},
	{what: "members of a user", do: func(w *world) error { return w.modify(w.user("a"), set("member", w.ou)) }, windows: "65"},
	{what: "no account name any more", do: func(w *world) error { return w.modify(w.user("a"), take("sAMAccountName")) }, windows: "53"},
	{what: "no account control any more", do: func(w *world) error { return w.modify(w.user("a"), take("userAccountControl")) }, windows: "53"},
	{what: "the directory's own attributes", do: func(w *world) error { return w.modify(w.user("a"), set("objectGUID", "0123456789abcdef")) }, windows: "19"},
	{what: "an attribute that does not exist", do: func(w *world) error { return w.modify(w.user("a"), set("schoolbridge", "1")) }, windows: "16 00000057", samba: "16"},
	{what: "a common name that needs escapes", do: func(w *world) error {
		w.must(w.add("user", "Иванова, Анна+1", "sAMAccountName="+w.name("a")))
		return expect("cn", w.text(w.dn("Иванова, Анна+1"), "cn"), "Иванова, Анна+1")
	}, windows: "ok"},
	{what: "a rename", do: func(w *world) error {
		dn := w.user("a")
		w.must(w.admin.ModifyDN(ldap.NewModifyDNRequest(dn, "CN=new", true, "")))
		return errors.Join(expect("cn", w.text(w.dn("new"), "cn"), "new"), expect("account", w.text(w.dn("new"), "sAMAccountName"), w.name("a")))
	}, windows: "ok"},
	{what: "a rename to a name that is taken", do: func(w *world) error {
		w.user("b")
		return w.admin.ModifyDN(ldap.NewModifyDNRequest(w.user("a"), "CN="+w.name("b"), true, ""))
	}, windows: "68"},
	{what: "a move", do: func(w *world) error {
		dn := w.user("a")
		id := w.text(dn, "objectGUID")
		w.must(w.add("organizationalUnit", "u"))
		w.must(w.admin.ModifyDN(ldap.NewModifyDNRequest(dn, "CN="+w.name("a"), true, "OU=u,"+w.ou)))
		return expect("GUID", w.text("CN="+w.name("a")+",OU=u,"+w.ou, "objectGUID"), id)
	}, windows: "ok"},
	{what: "a move to nowhere", do: func(w *world) error {
		return w.admin.ModifyDN(ldap.NewModifyDNRequest(w.user("a"), "CN=a", true, "OU=nowhere,"+w.ou))
	}, windows: "32", samba: "80"},
	{what: "a rename by modify", do: func(w *world) error { return w.modify(w.user("a"), set("cn", "new")) }, windows: "67"},
	{what: "a name is free after its deletion", do: func(w *world) error {
		dn := w.user("a")
		w.must(w.admin.Del(ldap.NewDelRequest(dn, nil)))
		w.user("a")
		return w.admin.Del(ldap.NewDelRequest(w.dn("nobody"), nil))
	}, windows: "32"},
	{what: "the deletion of a unit with somebody in it", do: func(w *world) error {
		w.user("a")
		return w.admin.Del(ldap.NewDelRequest(w.ou, nil))
	}, windows: "66"},
}

var passwords = []row{
	{what: "a weak password in the add", do: func(w *world) error {
		return w.add("user", "a", "sAMAccountName="+w.name("a"), "unicodePwd="+quoted("abc"))
	}, windows: "53 0000052D", samba: "19 0000052D"},
	{what: "a weak password by reset", do: func(w *world) error { return w.modify(w.user("a"), set("unicodePwd", quoted("abcdefgh"))) },
		windows: "53 0000052D", samba: "19 0000052D"},
	{what: "a password that holds the account name", do: func(w *world) error {
		return w.modify(w.user("sinica"), set("unicodePwd", quoted("X1-"+w.name("Sinica"))))
	}, windows: "53 0000052D", samba: "ok"},
	{what: "an enabled account without a password", do: func(w *world) error {
		return w.add("user", "a", "sAMAccountName="+w.name("a"), "unicodePwd=")
	}, windows: "53 0000052D", samba: "ok"},
	{what: "a disabled account without a password", do: func(w *world) error {
		return w.add("user", "a", "sAMAccountName="+w.name("a"), "unicodePwd=", "userAccountControl=514")
	}, windows: "ok"},
	{what: "a reset", do: func(w *world) error {
		dn := w.user("a")
		before := w.text(dn, "pwdLastSet")
		w.must(w.modify(dn, set("unicodePwd", quoted("Trjasoguzka-2021"))))
		after := w.text(dn, "pwdLastSet")
		w.must(w.modify(dn, set("telephoneNumber", "1")))
		return errors.Join(w.bind(dn, "Trjasoguzka-2021"), expect("pwdLastSet moved", after > before, true), expect("pwdLastSet", w.text(dn, "pwdLastSet"), after))
	}, windows: "ok"},
	{what: "the password before a reset", do: func(w *world) error {
		dn := w.user("a")
		w.must(w.modify(dn, set("unicodePwd", quoted("Trjasoguzka-2021"))))
		return w.bind(dn, password)
	}, windows: "49 data 52e"},
	{what: "the same password again", do: func(w *world) error { return w.modify(w.user("a"), set("unicodePwd", quoted(password))) }, windows: "ok"},
	{what: "userPassword changes no sign-in", do: func(w *world) error {
		dn := w.user("a")
		w.must(w.modify(dn, set("userPassword", "Trjasoguzka-2021")))
		w.must(w.bind(dn, password))
		return w.bind(dn, "Trjasoguzka-2021")
	}, windows: "49 data 52e"},
	{what: "the own password", do: func(w *world) error {
		dn := w.user("a")
		w.must(modify(w.as(dn, password), dn, take("unicodePwd", quoted(password)), put("unicodePwd", quoted("Trjasoguzka-2021"))))
		return w.bind(dn, "Trjasoguzka-2021")
	}, windows: "ok"},
	{what: "a password that is not encoded", do: func(w *world) error { return w.modify(w.user("a"), set("unicodePwd", "Trjasoguzka-2021")) }, windows: "53"},
	{what: "an empty password", do: func(w *world) error { return w.modify(w.user("a"), set("unicodePwd", "\"\x00\"\x00")) },
		windows: "53 0000052D", samba: "19 0000052D"},
	{what: "a second password", do: func(w *world) error { return w.modify(w.user("a"), put("unicodePwd", quoted("Trjasoguzka-2021"))) }, windows: "53"},
	{what: "the own password, naming a wrong one", do: func(w *world) error {
		dn := w.user("a")
		return modify(w.as(dn, password), dn, take("unicodePwd", quoted("Wrong-2021")), put("unicodePwd", quoted("Trjasoguzka-2021")))
	}, windows: "19 00000056"},
	{what: "the own password by reset", do: func(w *world) error {
		dn := w.user("a")
		return modify(w.as(dn, password), dn, set("unicodePwd", quoted("Trjasoguzka-2021")))
	}, windows: "50"},
	{what: "the password is not to be read", do: func(w *world) error {
		dn := w.user("a")
		return expect("unicodePwd", w.text(dn, "unicodePwd"), "")
	}, windows: "ok"},
}

var stamps = []row{
	{what: "a stamp where one is", do: func(w *world) error {
		return w.modify(w.user("a", "adminDescription=old"), put("adminDescription", "new"))
	}, windows: "20"},
	{what: "a stamp that moved on", do: func(w *world) error {
		return w.modify(w.user("a", "adminDescription=newer"), take("adminDescription", "old"), put("adminDescription", "new"))
	}, windows: "16"},
	{what: "a stamp where none is", do: func(w *world) error {
		return w.modify(w.user("a"), take("adminDescription", "old"), put("adminDescription", "new"))
	}, windows: "16"},
	{what: "the right stamp", do: func(w *world) error {
		dn := w.user("a", "adminDescription=old")
		w.must(w.modify(dn, take("adminDescription", "old"), put("adminDescription", "new"), set("displayName", "Анна")))
		return errors.Join(expect("stamp", w.text(dn, "adminDescription"), "new"), expect("name", w.text(dn, "displayName"), "Анна"))
	}, windows: "ok"},
	{what: "a stale stamp holds back the password", do: func(w *world) error {
		dn := w.user("a", "adminDescription=newer")
		set := w.text(dn, "pwdLastSet")
		err := w.modify(dn, take("adminDescription", "old"), put("adminDescription", "new"), step{ldap.ReplaceAttribute, "unicodePwd", []string{quoted("Trjasoguzka-2021")}})
		if !ldap.IsErrorWithCode(err, 16) {
			return fmt.Errorf("the write: %w", err)
		}
		w.must(w.bind(dn, password))
		return errors.Join(expect("stamp", w.text(dn, "adminDescription"), "newer"), expect("pwdLastSet", w.text(dn, "pwdLastSet"), set))
	}, windows: "ok"},
	{what: "a weak password holds back the stamp", do: func(w *world) error {
		dn := w.user("a", "adminDescription=old")
		if err := w.modify(dn, take("adminDescription", "old"), put("adminDescription", "new"), set("unicodePwd", quoted("abc"))); err == nil {
			return errors.New("it was taken")
		}
		return expect("stamp", w.text(dn, "adminDescription"), "old")
	}, windows: "ok"},
	{what: "an attribute that is not there", do: func(w *world) error { return w.modify(w.user("a"), take("title")) }, windows: "16"},
	{what: "nothing in place of nothing", do: func(w *world) error { return w.modify(w.user("a"), set("title")) }, windows: "ok"},
	{what: "two values for one", do: func(w *world) error { return w.modify(w.user("a"), set("employeeNumber", "1", "2")) }, windows: "19", samba: "20"},
	{what: "a member", do: func(w *world) error {
		dn := w.user("a")
		w.must(w.add("group", "g", "sAMAccountName="+w.name("g")))
		w.must(w.modify(w.dn("g"), put("member", dn)))
		return errors.Join(expect("memberOf", w.text(dn, "memberOf"), w.dn("g")), expect("member", w.text(w.dn("g"), "member"), dn))
	}, windows: "ok"},
	{what: "a member twice", do: func(w *world) error {
		dn := w.user("a")
		w.must(w.add("group", "g", "sAMAccountName="+w.name("g")))
		w.must(w.modify(w.dn("g"), put("member", dn)))
		return w.modify(w.dn("g"), put("member", dn))
	}, windows: "68 00000562", samba: "68"},
	{what: "a member that is none", do: func(w *world) error {
		dn := w.user("a")
		w.must(w.add("group", "g", "sAMAccountName="+w.name("g")))
		w.must(w.modify(w.dn("g"), put("member", w.user("b"))))
		return w.modify(w.dn("g"), take("member", dn))
	}, windows: "53 00000561", samba: "53"},
	{what: "a member of an empty group that is none", do: func(w *world) error {
		w.must(w.add("group", "g", "sAMAccountName="+w.name("g")))
		return w.modify(w.dn("g"), take("member", w.user("a")))
	}, windows: "53 00000561", samba: "16"},
	{what: "a member that does not exist", do: func(w *world) error {
		w.must(w.add("group", "g", "sAMAccountName="+w.name("g")))
		return w.modify(w.dn("g"), put("member", w.dn("nobody")))
	}, windows: "32"},
	{what: "a member that moves", do: func(w *world) error {
		dn := w.user("a")
		w.must(w.add("group", "g", "sAMAccountName="+w.name("g")))
		w.must(w.modify(w.dn("g"), put("member", dn)))
		w.must(w.admin.ModifyDN(ldap.NewModifyDNRequest(dn, "CN=new", true, "")))
		return expect("member", w.text(w.dn("g"), "member"), w.dn("new"))
	}, windows: "ok"},
	{what: "by GUID", do: func(w *world) error {
		dn := w.user("a")
		id := guid(w.text(dn, "objectGUID"))
		w.must(w.modify(id, set("title", "Учитель")))
		w.must(w.admin.ModifyDN(ldap.NewModifyDNRequest(dn, "CN=new", true, "")))
		return expect("title", w.text(id, "title"), "Учитель")
	}, windows: "ok"},
	{what: "a rename by GUID", do: func(w *world) error {
		return w.admin.ModifyDN(ldap.NewModifyDNRequest(guid(w.text(w.user("a"), "objectGUID")), "CN=new", true, ""))
	}, windows: "ok", samba: "32"},
	{what: "a member by GUID", do: func(w *world) error {
		dn := w.user("a")
		w.must(w.add("group", "g", "sAMAccountName="+w.name("g")))
		w.must(w.modify(w.dn("g"), put("member", guid(w.text(dn, "objectGUID")))))
		return expect("member", w.text(w.dn("g"), "member"), dn)
	}, windows: "ok"},
	{what: "a GUID that nobody has", do: func(w *world) error {
		return w.modify("<GUID=01020304-0506-0708-090a-0b0c0d0e0f10>", set("title", "x"))
	}, windows: "32"},
	{what: "a change counts", do: func(w *world) error {
		dn := w.user("a")
		before := w.text(dn, "uSNChanged")
		w.must(w.modify(dn, set("title", "x")))
		return expect("uSNChanged moved", w.text(dn, "uSNChanged") != before, true)
	}, windows: "ok"},
	{what: "a control that nobody knows, critical", do: func(w *world) error {
		r := ldap.NewModifyRequest(w.user("a"), []ldap.Control{ldap.NewControlString("1.3.6.1.4.1.99999.1", true, "")})
		r.Replace("title", []string{"x"})
		return w.admin.Modify(r)
	}, windows: "12", samba: "ok"},
}

var signIns = []row{
	{what: "by every name", do: func(w *world) error {
		dn := w.user("a", "userPrincipalName="+"p"+w.name("a")+"@uao.example")
		return errors.Join(w.bind(dn, password), w.bind("P"+w.name("a")+"@uao.example", password),
			w.bind(w.name("A")+"@"+w.s.realm, password), w.bind(w.s.netbios+`\`+w.name("a"), password))
	}, windows: "ok"},
	{what: "asks who it is", do: func(w *world) error {
		c, err := w.s.dial(w.t, w.user("a"), password)
		if err != nil {
			return err
		}
		who, err := c.WhoAmI(nil)
		if err != nil {
			return err
		}
		return expect("authorization identity", who.AuthzID, "u:"+w.s.netbios+`\`+w.name("a"))
	}, windows: "ok", samba: "2"},
	{what: "by a bare name", do: func(w *world) error { w.user("a"); return w.bind(w.name("a"), password) }, windows: "49 data 52e"},
	{what: "a wrong password", do: func(w *world) error { return w.bind(w.user("a"), "wrong") }, windows: "49 data 52e"},
	{what: "nobody", do: func(w *world) error { return w.bind(w.dn("nobody"), password) }, windows: "49 data 52e"},
	{what: "disabled", do: func(w *world) error {
		dn := w.user("a")
		w.must(w.modify(dn, set("userAccountControl", "514")))
		return w.bind(dn, password)
	}, windows: "49 data 533"},
	{what: "disabled, with a wrong password", do: func(w *world) error {
		return w.bind(w.user("a", "userAccountControl=514"), "wrong")
	}, windows: "49 data 52e"},
	{what: "enabled again", do: func(w *world) error {
		dn := w.user("a", "userAccountControl=514")
		w.must(w.modify(dn, set("userAccountControl", "512")))
		return w.bind(dn, password)
	}, windows: "ok"},
	{what: "must change the password", do: func(w *world) error {
		dn := w.user("a")
		w.must(w.modify(dn, set("pwdLastSet", "0")))
		return w.bind(dn, password)
	}, windows: "49 data 773"},
	{what: "expired", do: func(w *world) error {
		dn := w.user("a")
		w.must(w.modify(dn, set("accountExpires", "130000000000000000"))) // in 2012
		return w.bind(dn, password)
	}, windows: "49 data 701"},
	{what: "with no password", do: func(w *world) error {
		c, err := ldap.DialURL(w.s.url, ldap.DialWithTLSConfig(w.s.tls))
		w.must(err)
		defer c.Close()
		_ = c.UnauthenticatedBind(w.user("a")) // Windows takes it, for nobody
		_, err = w.find(c, w.s.base, ldap.ScopeBaseObject, "(objectClass=*)")
		return err
	}, windows: "1"},
	{what: "without a password in AD", do: func(w *world) error {
		return w.bind(w.user("a", "unicodePwd=", "userAccountControl=544"), "anything")
	}, windows: "49 data 52e"},
}

// pupil signs a plain user in and writes one attribute of its own.
func pupil(attribute string) func(w *world) error {
	return func(w *world) error {
		dn := w.user("a")
		return modify(w.as(dn, password), dn, set(attribute, "1"))
	}
}

// bridge lets the service account work below the unit.
func bridge(do func(w *world, c *ldap.Conn) error) func(w *world) error {
	return func(w *world) error { return do(w, w.as(w.s.service, w.s.servicePassword)) }
}

var rights = []row{
	{what: "own cloud attribute", do: pupil("msDS-cloudExtensionAttribute1"), windows: "ok"},
	{what: "own telephone", do: pupil("telephoneNumber"), windows: "ok"},
	{what: "own employeeNumber", do: pupil("employeeNumber"), windows: "50"},
	{what: "own employeeID", do: pupil("employeeID"), windows: "50"},
	{what: "own adminDescription", do: pupil("adminDescription"), windows: "50"},
	{what: "own displayName", do: pupil("displayName"), windows: "50"},
	{what: "own principal name", do: pupil("userPrincipalName"), windows: "50"},
	{what: "own account control", do: pupil("userAccountControl"), windows: "50"},
	{what: "somebody else's telephone", do: func(w *world) error {
		return modify(w.as(w.user("a"), password), w.user("b"), set("telephoneNumber", "1"))
	}, windows: "50"},
	{what: "somebody else's password", do: func(w *world) error {
		return modify(w.as(w.user("a"), password), w.user("b"), set("unicodePwd", quoted("Trjasoguzka-2021")))
	}, windows: "50"},
	{what: "a group", do: func(w *world) error {
		w.must(w.add("group", "g", "sAMAccountName="+w.name("g")))
		dn := w.user("a")
		return modify(w.as(dn, password), w.dn("g"), put("member", dn))
	}, windows: "50"},
	{what: "a new account, by a pupil", do: func(w *world) error {
		return w.addDN(w.as(w.user("a"), password), "user", w.dn("b"), "sAMAccountName="+w.name("b"))
	}, windows: "50"},
	{what: "a deletion, by a pupil", do: func(w *world) error {
		return w.as(w.user("a"), password).Del(ldap.NewDelRequest(w.user("b"), nil))
	}, windows: "50"},
	{what: "a pupil reads", do: func(w *world) error {
		entries, err := w.find(w.as(w.user("a"), password), w.user("b"), ldap.ScopeBaseObject, "(objectClass=user)", "employeeNumber")
		return errors.Join(err, expect("entries", len(entries), 1))
	}, windows: "ok"},
	{what: "nobody reads", do: func(w *world) error {
		c, err := ldap.DialURL(w.s.url, ldap.DialWithTLSConfig(w.s.tls))
		w.must(err)
		defer c.Close()
		_, err = w.find(c, w.s.base, ldap.ScopeBaseObject, "(objectClass=*)")
		return err
	}, windows: "1"},
	{what: "nobody writes", do: func(w *world) error {
		c, err := ldap.DialURL(w.s.url, ldap.DialWithTLSConfig(w.s.tls))
		w.must(err)
		defer c.Close()
		return modify(c, w.user("a"), set("title", "x"))
	}, windows: "1"},
	{what: "the service account's whole work", do: bridge(func(w *world, c *ldap.Conn) error {
		dn := w.dn(w.name("a"))
		w.must(w.add("group", "g", "sAMAccountName="+w.name("g")))
		w.must(w.addDN(c, "organizationalUnit", "OU=u,"+w.ou))
		w.must(w.addDN(c, "user", dn, "sAMAccountName="+w.name("a"), "employeeNumber=1", "adminDescription=s"))
		w.must(modify(c, dn, take("adminDescription", "s"), put("adminDescription", "t"), set("unicodePwd", quoted("Trjasoguzka-2021")), set("userAccountControl", "514")))
		w.must(modify(c, w.dn("g"), put("member", dn)))
		w.must(c.ModifyDN(ldap.NewModifyDNRequest(dn, "CN="+w.name("a"), true, "OU=u,"+w.ou)))
		return c.Del(ldap.NewDelRequest("CN="+w.name("a")+",OU=u,"+w.ou, nil))
	}), windows: "ok"},
	{what: "the service account, outside its unit", do: bridge(func(w *world, c *ldap.Conn) error {
		return w.addDN(c, "user", "CN="+w.name("a")+",CN=Users,"+w.s.base, "sAMAccountName="+w.name("a"))
	}), windows: "50"},
	{what: "the service account, on the administrator", do: bridge(func(w *world, c *ldap.Conn) error {
		return modify(c, w.s.admin, set("adminDescription", "x"))
	}), windows: "50"},
	{what: "the service account, making a group", do: bridge(func(w *world, c *ldap.Conn) error {
		return w.addDN(c, "group", w.dn("g"), "sAMAccountName="+w.name("g"))
	}), windows: "50"},
	{what: "the service account, renaming a group's account", do: bridge(func(w *world, c *ldap.Conn) error {
		w.must(w.add("group", "g", "sAMAccountName="+w.name("g")))
		return modify(c, w.dn("g"), set("sAMAccountName", w.name("h")))
	}), windows: "50"},
}

// finds says how many entries a filter finds below the unit.
func finds(filter func(w *world) string, want int) func(w *world) error {
	return func(w *world) error {
		w.user("a", "employeeNumber=7", "displayName=Синицын Ёж", "userPrincipalName=q"+w.name("a")+"@uao.example")
		w.user("b", "mail=b@example.org")
		w.must(w.add("group", "g", "sAMAccountName="+w.name("g")))
		entries, err := w.find(w.admin, w.ou, ldap.ScopeWholeSubtree, filter(w), "cn")
		return errors.Join(err, expect("entries", len(entries), want))
	}
}

func plain(filter string) func(*world) string { return func(*world) string { return filter } }

var reading = []row{
	{what: "by account name in any case", do: finds(func(w *world) string { return "(samaccountname=" + strings.ToUpper(w.name("a")) + ")" }, 1), windows: "ok"},
	{what: "by principal name", do: finds(func(w *world) string { return "(userPrincipalName=q" + w.name("a") + "@*)" }, 1), windows: "ok"},
	{what: "by display name in any case", do: finds(plain("(displayName=синицын*)"), 1), windows: "ok"},
	{what: "by category", do: finds(plain("(&(objectCategory=person)(objectClass=user))"), 2), windows: "ok"},
	{what: "by what is not there", do: finds(plain("(&(objectClass=user)(!(employeeNumber=*)))"), 1), windows: "ok"},
	{what: "by one of several", do: finds(plain("(|(employeeNumber=7)(mail=B@example.org)(sAMAccountName=nobody))"), 2), windows: "ok"},
	{what: "by number", do: finds(plain("(&(objectClass=user)(userAccountControl>=512))"), 2), windows: "ok"},
	{what: "by GUID in the filter", do: func(w *world) error {
		dn := w.user("a")
		entries, err := w.find(w.admin, w.s.base, ldap.ScopeWholeSubtree, "(objectGUID="+ldap.EscapeFilter(w.text(dn, "objectGUID"))+")", "cn")
		return errors.Join(err, expect("entries", len(entries), 1))
	}, windows: "ok"},
	{what: "by GUID as base", do: func(w *world) error {
		dn := w.user("a")
		entries, err := w.find(w.admin, guid(w.text(dn, "objectGUID")), ldap.ScopeBaseObject, "(objectClass=*)", "cn")
		if err != nil || len(entries) != 1 {
			return fmt.Errorf("%d entries, %w", len(entries), err)
		}
		return expect("DN", entries[0].DN, dn)
	}, windows: "ok"},
	{what: "by membership, also by way of groups in groups", do: func(w *world) error {
		dn, inner, outer, ring := w.user("a"), w.dn("Inner, 1"), w.dn("outer"), w.dn("ring")
		w.must(w.add("group", "Inner, 1", "sAMAccountName="+w.name("i"), "member="+dn))
		w.must(w.add("group", "outer", "sAMAccountName="+w.name("o"), "member="+inner))
		w.must(w.add("group", "ring", "sAMAccountName="+w.name("r"), "member="+outer))
		w.must(w.modify(inner, put("member", ring)))
		count := func(filter string) int {
			entries, err := w.find(w.admin, w.ou, ldap.ScopeWholeSubtree, filter, "cn")
			w.must(err)
			return len(entries)
		}
		const chain = ":1.2.840.113556.1.4.1941:="
		return errors.Join(expect("groups", count("(&(objectClass=group)(member="+ldap.EscapeFilter(dn)+"))"), 1),
			expect("groups in chain", count("(&(objectClass=group)(member"+chain+ldap.EscapeFilter(strings.ToUpper(dn))+"))"), 3),
			expect("members in chain", count("(&(objectClass=user)(memberOf"+chain+ldap.EscapeFilter(outer)+"))"), 1),
			expect("of nobody", count("(member"+chain+ldap.EscapeFilter(w.dn("nobody"))+")"), 0))
	}, windows: "ok"},
	{what: "by a GUID that nobody has", do: func(w *world) error {
		_, err := w.find(w.admin, "<GUID=01020304-0506-0708-090a-0b0c0d0e0f10>", ldap.ScopeBaseObject, "(objectClass=*)")
		return err
	}, windows: "32"},
	{what: "below what does not exist", do: func(w *world) error {
		_, err := w.find(w.admin, "OU=nowhere,"+w.ou, ldap.ScopeWholeSubtree, "(objectClass=*)")
		return err
	}, windows: "32"},
	{what: "children only", do: func(w *world) error {
		w.must(w.add("organizationalUnit", "u"))
		w.must(w.addDN(w.admin, "user", "CN=deep,OU=u,"+w.ou, "sAMAccountName="+w.name("deep")))
		entries, err := w.find(w.admin, w.ou, ldap.ScopeSingleLevel, "(objectClass=*)", "ou")
		return errors.Join(err, expect("entries", len(entries), 1))
	}, windows: "ok"},
	{what: "in pages", do: func(w *world) error {
		for i := range 5 {
			w.user(fmt.Sprint("p", i))
		}
		result, err := w.admin.SearchWithPaging(ldap.NewSearchRequest(w.ou, ldap.ScopeSingleLevel, ldap.NeverDerefAliases, 0, 0, false, "(objectClass=user)", []string{"cn"}, nil), 2)
		if err != nil {
			return err
		}
		seen := map[string]bool{}
		for _, e := range result.Entries {
			seen[e.DN] = true
		}
		return errors.Join(expect("entries", len(result.Entries), 5), expect("different ones", len(seen), 5))
	}, windows: "ok"},
	{what: "no attributes", do: func(w *world) error {
		entries, err := w.find(w.admin, w.user("a"), ldap.ScopeBaseObject, "(objectClass=*)", "1.1")
		if err != nil || len(entries) != 1 {
			return fmt.Errorf("%d entries, %w", len(entries), err)
		}
		return expect("attributes", len(entries[0].Attributes), 0)
	}, windows: "ok"},
	{what: "what a user shows", do: func(w *world) error {
		dn := w.user("a")
		entries, err := w.find(w.admin, dn, ldap.ScopeBaseObject, "(objectClass=*)")
		if err != nil || len(entries) != 1 {
			return fmt.Errorf("%d entries, %w", len(entries), err)
		}
		e := entries[0]
		for _, a := range []string{"whenCreated", "whenChanged", "uSNChanged", "pwdLastSet", "objectSid", "objectCategory", "sAMAccountType"} {
			if e.GetAttributeValue(a) == "" {
				return fmt.Errorf("no %s", a)
			}
		}
		return errors.Join(expect("DN", e.GetAttributeValue("distinguishedName"), dn), expect("GUID's length", len(e.GetRawAttributeValue("objectGUID")), 16),
			expect("classes", strings.Join(e.GetAttributeValues("objectClass"), " "), "top person organizationalPerson user"),
			expect("password", len(e.GetRawAttributeValues("unicodePwd")), 0))
	}, windows: "ok"},
	{what: "the root DSE", do: func(w *world) error {
		entries, err := w.find(w.admin, "", ldap.ScopeBaseObject, "(objectClass=*)")
		if err != nil || len(entries) != 1 {
			return fmt.Errorf("%d entries, %w", len(entries), err)
		}
		e := entries[0]
		for _, a := range []string{"dnsHostName", "dsServiceName", "schemaNamingContext", "configurationNamingContext", "supportedControl", "highestCommittedUSN"} {
			if e.GetAttributeValue(a) == "" {
				return fmt.Errorf("no %s", a)
			}
		}
		return errors.Join(expect("base", strings.EqualFold(e.GetAttributeValue("defaultNamingContext"), w.s.base), true), expect("name", e.GetAttributeValue("dnsHostName"), w.s.server))
	}, windows: "ok"},
}
