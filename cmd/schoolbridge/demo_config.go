package main

// demoConfig is the demo's configuration in force. Relative paths start at the
// file's own folder. Sections and options: schoolbridge config reference.
const demoConfig = `# Configuration of the schoolbridge demo. "schoolbridge config reference" explains every option.
state: .
store:
  path: schoolbridge.db
  keyset_file: keyset.json
tls:
  certificate_file: tls/server.pem
  key_file: tls/server-key.pem
mosru:
  url: http://127.0.0.1:8090
  client_id: schoolbridge-demo
  client_secret_file: secrets/mosru
  breaker:
    open_for: 5s
  events:
    issuer: http://127.0.0.1:8090
    audience: schoolbridge-demo
    keys_file: mosru-keys.json
    password_key_file: secrets/events.pem
ldap:
  listen: ["127.0.0.1:3389"]
  listen_tls: ["127.0.0.1:3636"]
  base: dc=school,dc=example
  plain_bind: loopback
  services:
    - dn: cn=reader,ou=services,dc=school,dc=example
      password_file: secrets/reader
      sync: true # may keep a copy of the people (RFC 4533)
    # The whiteboards of one school: they sign in with a certificate (tls/board.pem)
    # and see names of their own school.
    - dn: cn=board,ou=services,dc=school,dc=example
      certificates:
        - authority: demo
          name: "*.boards.school.example"
      schools: ["000149"]
      attributes: [cn, displayName, memberOf]
  certificates:
    authorities:
      - name: demo
        ca_file: ca.pem
  access:
    # From the staff room a teacher finds colleagues; elsewhere everybody sees himself.
    - name: staff-phonebook
      who: staff
      sees: staff
      schools: own
      attributes: [cn, displayName, mail]
      from: [127.0.0.2/32]
radius:
  authentication: ["127.0.0.1:1812"]
  accounting: ["127.0.0.1:1813"]
  radsec: ["127.0.0.1:2083"]
  client_ca_file: ca.pem
  clients:
    - name: loopback
      range: 127.0.0.0/8
      secret_file: secrets/radius
    - name: school-49
      certificate: nas.school.example
      school: "000149"
      dynamic_authorization: {radsec: true} # may be asked to end a session over its own connection
  devices:
    - address: 02:00:5e:10:00:01
      name: board, room 12
      school: "000149"
wifi:
  ssids: [school-demo]
  server_names: [bridge.school.example]
  ca_file: ca.pem
  organization: Демонстрационная школа
ad:
  server: ldaps://127.0.0.1:3390
  ca_file: ca.pem
  bind: schoolbridge@obr.example
  password_file: secrets/ad
  base: OU=Schools,DC=obr,DC=example
  search_base: DC=obr,DC=example
  groups: ["CN={role}-{school},OU=Groups"]
names:
  domains: [MESH]
  realms: [school.example]
policy:
  time_zone: Europe/Moscow
  rules:
    - name: boards
      roles: device
      channels: wifi
      allow: true
      vlan: 60
    - name: staff-wifi
      roles: [staff]
      channels: [wifi]
      schools: any
      allow: true
      vlan: 20
    - name: pupils-wifi
      roles: [pupil]
      channels: [wifi]
      schools: own
      allow: true
      vlan: 30
      idle: 30m
      bandwidth: {down: 20M, up: 5M}
    - name: staff
      roles: [staff]
      channels: [ldap, web]
      schools: any
      allow: true
    - name: pupils
      roles: [pupil]
      channels: [ldap, web]
      schools: own
      allow: true
web:
  listen: 127.0.0.1:8080
  public_url: http://127.0.0.1:8080
  sign_in: mosru # people type the password on the page of mos.ru, here the simulated one
  fallback_url: https://dnevnik.mos.ru/
  start_url: https://school.mos.ru/
log:
  format: text
`

// demoCases is a table of cases for "schoolbridge policy test" over the demo's
// policy; all come out as expected.
const demoCases = `# Cases for: schoolbridge policy test --config config.yaml policy-cases.yaml
- name: a teacher at her own school
  who: staff@000149
  channel: wifi
  school: "000149"
  when: 2026-11-24 10:00
  expect: allow
  vlan: 20
- name: a teacher at another school
  who: staff@000149
  channel: wifi
  school: "001050"
  when: 2026-11-24 10:00
  expect: allow
  rule: staff-wifi
- name: a pupil at the own school
  who: pupil@000149
  channel: wifi
  school: "000149"
  when: 2026-11-24 10:00
  expect: allow
  vlan: 30
  idle: 30m
  down: 20M
  up: 5M
- name: a pupil at another school
  who: pupil@000149
  channel: wifi
  school: "001050"
  when: 2026-11-24 10:00
  expect: SCHOOL_NOT_ALLOWED
- name: a teacher who is a pupil's parent
  who: [parent@000149, staff@001050]
  channel: wifi
  school: "000149"
  when: 2026-11-24 10:00
  expect: allow
  by: staff@001050
- name: a parent on the Wi-Fi
  who: parent@000149
  channel: wifi
  school: "000149"
  when: 2026-11-24 10:00
  expect: ROLE_NOT_ALLOWED
- name: a guest
  who: nobody
  channel: wifi
  when: 2026-11-24 10:00
  expect: refuse
- name: the board of room 12
  who: 02-00-5E-10-00-01
  channel: wifi
  school: "000149"
  when: 2026-11-24 10:00
  expect: allow
  vlan: 60
- name: somebody's phone
  who: 02-00-5E-10-00-99
  channel: wifi
  school: "000149"
  when: 2026-11-24 10:00
  expect: NO_SUCH_DEVICE
- name: a board lists its school
  who: cn=board,ou=services,dc=school,dc=example
  whom: pupil@000149
  attribute: displayName
  expect: seen
- name: and not its addresses
  who: cn=board,ou=services,dc=school,dc=example
  whom: pupil@000149
  attribute: mail
  expect: ATTRIBUTE_UNSEEN
- name: nor another school
  who: cn=board,ou=services,dc=school,dc=example
  whom: pupil@001050
  expect: NO_RULE
- name: a teacher finds a colleague from the staff room
  who: staff@000149
  from: 127.0.0.2
  whom: staff@000149
  attribute: mail
  expect: seen
  rule: staff-phonebook
- name: and from nowhere else
  who: staff@000149
  from: 127.0.0.1
  whom: staff@000149
  expect: unseen
- name: a pupil finds no pupil
  who: pupil@000149
  whom: pupil@000149
  expect: unseen
- name: but himself
  who: pupil@000149
  whom: self
  attribute: memberOf
  expect: seen
- name: a computer, for which there is no rule
  who: machine@000149
  channel: wifi
  school: "000149"
  when: 2026-11-24 10:00
  expect: refuse
`
