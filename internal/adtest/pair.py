# A second controller of a domain that Samba's own modules make: "join" turns the
# folder of the given smb.conf into one, "replicate" has it take over what another
# controller has, now. No name service and no Kerberos is needed for either:
# addresses are given, and the administrator signs in by NTLM.
import logging
import sys

from samba import gensec
from samba.auth import system_session
from samba.credentials import Credentials, DONT_USE_KERBEROS
from samba.dcerpc import misc
from samba.drs_utils import drs_Replicate
from samba.join import join_DC
from samba.param import LoadParm
from samba.samdb import SamDB

verb, conf, source, host = sys.argv[1:5]

lp = LoadParm()
lp.load(conf)
creds = Credentials()
creds.guess(lp)
creds.set_kerberos_state(DONT_USE_KERBEROS)
creds.set_username("Administrator")
creds.set_domain(lp.get("workgroup"))
creds.set_password(sys.stdin.readline().rstrip("\n"))
creds.set_gensec_features(creds.get_gensec_features() | gensec.FEATURE_SEAL)

if verb == "join":
    join_DC(logging.getLogger("join"), server=source, creds=creds, lp=lp, site="Default-First-Site-Name",
            netbios_name=host, domain=lp.get("realm"), dns_backend="NONE")
else:
    ours = SamDB(session_info=system_session(), lp=lp, flags=0)
    theirs = SamDB(url="ldap://" + source, session_info=system_session(), credentials=creds, lp=lp)
    drs_Replicate("ncacn_ip_tcp:%s[seal]" % source, lp, creds, ours, misc.GUID(ours.get_invocation_id())).replicate(
        str(ours.get_default_basedn()), misc.GUID(theirs.get_invocation_id()), misc.GUID(ours.get_ntds_GUID()))
