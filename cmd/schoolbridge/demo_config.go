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
log:
  format: text
`
