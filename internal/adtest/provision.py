# Makes an Active Directory in the folder that the given smb.conf names: domain,
# the organisational unit that schoolbridge manages, and its service account
# with no rights but those that the administrator's guide asks for.
#
# One process with Samba's own modules instead of a row of samba-tool: each of
# those takes a second. Sysvol's access lists are left out: they need rights on
# the file system that a test does not have everywhere, and nobody reads sysvol.
import logging
import sys

from samba import dsdb
from samba.auth import system_session
from samba.ndr import ndr_unpack
from samba.dcerpc import security
from samba.param import LoadParm
from samba.provision import provision
from samba.samdb import SamDB
from samba.sd_utils import SDUtils

conf, realm, domain, host, ip = sys.argv[1:6]
admin_password, service_password = sys.stdin.read().splitlines()

lp = LoadParm()
lp.load(conf)
provision(logging.getLogger("provision"), system_session(), smbconf=conf, realm=realm, domain=domain, hostname=host, hostip=ip,
          adminpass=admin_password, serverrole="active directory domain controller", dns_backend="NONE",
          dom_for_fun_level=dsdb.DS_DOMAIN_FUNCTION_2008_R2, lp=lp, skip_sysvolacl=True)

sam = SamDB(session_info=system_session(), lp=lp)
base = sam.domain_dn()
managed = "OU=Schools," + base
sam.create_ou(managed)
sam.newuser("bridge", service_password)
found = sam.search(base, expression="(sAMAccountName=bridge)", attrs=["objectSid"])
sid = ndr_unpack(security.dom_sid, found[0]["objectSid"][0])

USER, GROUP, UNIT = ("bf967aba-0de6-11d0-a285-00aa003049e2", "bf967a9c-0de6-11d0-a285-00aa003049e2", "bf967aa5-0de6-11d0-a285-00aa003049e2")
MEMBER, RESET = "bf9679c0-0de6-11d0-a285-00aa003049e2", "00299570-246d-11d0-a768-00aa006e0529"
rights = SDUtils(sam)
for ace in ("(OA;CI;CCDC;%s;;%s)" % (USER, sid),             # create and delete users
            "(OA;CIIO;WP;;%s;%s)" % (USER, sid),             # write their properties
            "(OA;CIIO;CR;%s;%s;%s)" % (RESET, USER, sid),    # reset their passwords
            "(OA;CIIO;SD;;%s;%s)" % (USER, sid),             # delete them, which a move is too
            "(OA;CIIO;WP;%s;%s;%s)" % (MEMBER, GROUP, sid),  # members of groups
            "(OA;CI;CC;%s;;%s)" % (UNIT, sid)):              # create organisational units
    rights.dacl_add_ace(managed, ace)
