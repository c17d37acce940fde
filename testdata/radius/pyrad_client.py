"""What a NAS says to a RADIUS server and hears from one, on pyrad, by nothing of ours.

    printf '%s\n' SECRET PASSWORD | /usr/bin/python3 pyrad_client.py WHAT HOST:PORT [LOGIN]

WHAT is pap, chap, chap-challenge, acct or status: one request, and its answer
in a line; exit 0: accepted, kept or alive, 1: rejected, 2: the answer is wrong.

    printf '%s\n' SECRET - | /usr/bin/python3 pyrad_client.py nas HOST:PORT

is the NAS that takes Disconnect-Requests and CoA-Requests (RFC 5176) there. It
says "ready", then a line for each request; the session "known" is acknowledged,
twice; any other is not there (Error-Cause 503). It ends with its input.
"""
import hashlib
import hmac
import io
import os
import select
import socket
import sys

from mschapv2 import ask, signed
from pyrad import dictionary, packet

WORDS = """
ATTRIBUTE User-Name 1 string
ATTRIBUTE User-Password 2 octets
ATTRIBUTE CHAP-Password 3 octets
ATTRIBUTE Filter-Id 11 string
ATTRIBUTE Reply-Message 18 string
ATTRIBUTE Class 25 octets
ATTRIBUTE Session-Timeout 27 integer
ATTRIBUTE Calling-Station-Id 31 string
ATTRIBUTE NAS-Identifier 32 string
ATTRIBUTE Acct-Status-Type 40 integer
ATTRIBUTE Acct-Session-Id 44 string
ATTRIBUTE Acct-Session-Time 46 integer
ATTRIBUTE Event-Timestamp 55 integer
ATTRIBUTE CHAP-Challenge 60 octets
ATTRIBUTE Tunnel-Type 64 octets
ATTRIBUTE Tunnel-Medium-Type 65 octets
ATTRIBUTE Message-Authenticator 80 octets
ATTRIBUTE Tunnel-Private-Group-Id 81 string
ATTRIBUTE Error-Cause 101 integer
"""
STATION = "02-00-00-00-00-77"


def access(what, secret, words, login, password):
    request = packet.AuthPacket(secret=secret, dict=words)
    request.authenticator = os.urandom(16)
    request["NAS-Identifier"] = "pyrad"
    if what == "status":
        request.code = packet.StatusServer
        return request
    request["User-Name"] = login
    request["Calling-Station-Id"] = STATION
    if what == "pap":
        request["User-Password"] = request.PwCrypt(password)
        return request
    challenge = request.authenticator
    if what == "chap-challenge":
        request["CHAP-Challenge"] = challenge = os.urandom(24)
    request["CHAP-Password"] = b"\x05" + hashlib.md5(b"\x05" + password.encode() + challenge).digest()
    return request


def account(where, secret, words, login):
    """Start, Interim and Stop; each has to be answered."""
    host, port = where.rsplit(":", 1)
    for status in (1, 3, 2):
        request = packet.AcctPacket(secret=secret, dict=words)
        request["NAS-Identifier"], request["User-Name"], request["Calling-Station-Id"] = "pyrad", login, STATION
        request["Acct-Status-Type"], request["Acct-Session-Id"], request["Acct-Session-Time"] = status, "pyrad-1", 7 * status
        raw = request.RequestPacket()
        request.authenticator = raw[4:20]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.settimeout(5)
            s.sendto(raw, (host, int(port)))
            answer = s.recv(4096)
        reply = packet.Packet(packet=answer, secret=secret, dict=words)
        if reply.code != packet.AccountingResponse or not request.VerifyReply(reply, answer):
            print("the answer to status", status, "is wrong")
            return 2
    print("kept")
    return 0


def nas(where, secret, words):
    host, port = where.rsplit(":", 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind((host, int(port)))
        print("ready", flush=True)
        while True:
            ready, _, _ = select.select([s, sys.stdin], [], [])
            if s not in ready:
                return 0
            raw, peer = s.recvfrom(4096)
            request = packet.CoAPacket(packet=raw, secret=secret, dict=words)
            bare = bytearray(raw[:4] + bytes(16) + raw[20:])
            at = bare.index(b"\x50\x12", 20) + 2
            bare[at:at + 16] = bytes(16)
            if not request.VerifyCoARequest() or hmac.new(secret, bytes(bare), "md5").digest() != raw[at:at + 16]:
                print("a forged request", flush=True)
                continue
            vlan = request["Tunnel-Private-Group-Id"][0] if "Tunnel-Private-Group-Id" in request else "-"
            print("code", request.code, "session", request["Acct-Session-Id"][0], "vlan", vlan, flush=True)
            reply = request.CreateReply()
            known = request["Acct-Session-Id"][0] == "known"
            reply.code = request.code + (1 if known else 2)
            if not known:
                reply["Error-Cause"] = 503
            for _ in range(2):
                s.sendto(reply.ReplyPacket(), peer)


def main():
    secret, password = (sys.stdin.readline().rstrip("\n") for _ in range(2))
    what, where, login = (sys.argv[1:] + [""])[:3]
    secret = secret.encode()
    words = dictionary.Dictionary(io.StringIO(WORDS))
    if what == "nas":
        return nas(where, secret, words)
    if what == "acct":
        return account(where, secret, words, login)
    request = access(what, secret, words, login, password)
    raw = ask(where, request, secret)
    reply = packet.Packet(packet=raw, secret=secret, dict=words)
    if not request.VerifyReply(reply, raw) or not signed(raw, request, secret):
        print("the reply is forged")
        return 2
    print("code", reply.code, "vlan", reply["Tunnel-Private-Group-Id"][0] if "Tunnel-Private-Group-Id" in reply else "-")
    return 0 if reply.code == packet.AccessAccept else 1


if __name__ == "__main__":
    sys.exit(main())
