"""One MS-CHAPv2 sign-in over RADIUS, by nothing of ours.

    printf '%s\n' SECRET PASSWORD | /usr/bin/python3 mschapv2.py HOST:PORT LOGIN [CALLING-STATION-ID]

pyrad writes and reads the packets, PyCryptodome has MD4 and DES; the rest is
RFC 2759, RFC 3079 and RFC 2548 as they stand there. Prints what it found, a
line each; exit 0: accepted and all of it is right, 1: rejected, 2: something is
wrong with the answer.
"""
import hashlib
import hmac
import io
import os
import socket
import sys

from Cryptodome.Cipher import DES
from Cryptodome.Hash import MD4
from pyrad import dictionary, packet

WORDS = """
ATTRIBUTE User-Name 1 string
ATTRIBUTE NAS-Identifier 32 string
ATTRIBUTE Calling-Station-Id 31 string
ATTRIBUTE Reply-Message 18 string
ATTRIBUTE Class 25 octets
ATTRIBUTE Tunnel-Type 64 octets
ATTRIBUTE Tunnel-Medium-Type 65 octets
ATTRIBUTE Tunnel-Private-Group-Id 81 octets
ATTRIBUTE Message-Authenticator 80 octets
VENDOR Microsoft 311
BEGIN-VENDOR Microsoft
ATTRIBUTE MS-CHAP-Error 2 octets
ATTRIBUTE MS-MPPE-Encryption-Policy 7 octets
ATTRIBUTE MS-MPPE-Encryption-Types 8 octets
ATTRIBUTE MS-CHAP-Challenge 11 octets
ATTRIBUTE MS-MPPE-Send-Key 16 octets
ATTRIBUTE MS-MPPE-Recv-Key 17 octets
ATTRIBUTE MS-CHAP2-Response 25 octets
ATTRIBUTE MS-CHAP2-Success 26 octets
END-VENDOR Microsoft
"""


def md4(b):
    return MD4.new(b).digest()


def sha1(b):
    return hashlib.sha1(b).digest()


def des(key7, clear):
    bits = "".join(f"{b:08b}" for b in key7)
    key8 = bytes(int(bits[i:i + 7] + "0", 2) for i in range(0, 56, 7))
    return DES.new(key8, DES.MODE_ECB).encrypt(clear)


def answer(hash_, challenge):
    padded = hash_ + bytes(5)
    return b"".join(des(padded[i:i + 7], challenge) for i in (0, 7, 14))


def start_key(master, magic):
    return sha1(master + bytes(40) + magic + b"\xf2" * 40)[:16]


def unsalt(value, secret, authenticator):
    before, clear = authenticator + value[:2], b""
    for i in range(2, len(value), 16):
        mask = hashlib.md5(secret + before).digest()
        before = value[i:i + 16]
        clear += bytes(a ^ b for a, b in zip(before, mask))
    return clear[1:1 + clear[0]]


def ask(where, request, secret):
    """Sends, signed, and gives the reply's bytes."""
    request["Message-Authenticator"] = bytes(16)
    raw = bytearray(request.RequestPacket())
    at = raw.index(bytes([80, 18]) + bytes(16), 20) + 2
    raw[at:at + 16] = hmac.new(secret, bytes(raw), "md5").digest()
    host, port = where.rsplit(":", 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(5)
        s.sendto(bytes(raw), (host, int(port)))
        return s.recv(4096)


def signed(reply, request, secret):
    """Message-Authenticator is the first attribute and right."""
    if reply[20:22] != bytes([80, 18]):
        return False
    bare = reply[:4] + request.authenticator + reply[20:22] + bytes(16) + reply[38:]
    return hmac.compare_digest(hmac.new(secret, bare, "md5").digest(), reply[22:38])


def main():
    secret, password = (line.rstrip("\n") for line in sys.stdin.readlines())
    where, login = sys.argv[1:3]
    secret = secret.encode()
    words = dictionary.Dictionary(io.StringIO(WORDS))
    request = packet.AuthPacket(secret=secret, dict=words)
    request.authenticator = os.urandom(16)
    ours, theirs = os.urandom(16), os.urandom(16)
    hash_ = md4(password.encode("utf-16-le"))
    challenge = sha1(theirs + ours + login.split("\\")[-1].encode())[:8]
    response = answer(hash_, challenge)
    request["User-Name"] = login
    request["NAS-Identifier"] = "pyrad"
    request["Calling-Station-Id"] = (sys.argv[3:] or ["02-00-00-00-00-77"])[0]
    request["MS-CHAP-Challenge"] = ours
    request["MS-CHAP2-Response"] = bytes([9, 0]) + theirs + bytes(8) + response
    raw = ask(where, request, secret)
    reply = packet.Packet(packet=raw, secret=secret, dict=words)
    if not request.VerifyReply(reply, raw) or not signed(raw, request, secret):
        print("the reply is forged")
        return 2
    if reply.code != packet.AccessAccept:
        why = reply["MS-CHAP-Error"][0][1:].decode() if "MS-CHAP-Error" in reply else ""
        print("code", reply.code, why)
        return 1
    twice = md4(hash_)
    first = sha1(twice + response + b"Magic server to client signing constant")
    proof = sha1(first + challenge + b"Pad to make it do more than one iteration").hex().upper()
    if reply["MS-CHAP2-Success"][0] != b"\x09S=" + proof.encode():
        print("the server does not know the password:", reply["MS-CHAP2-Success"])
        return 2
    master = sha1(twice + response + b"This is the MPPE Master Key")[:16]
    want = {
        "MS-MPPE-Send-Key": b"On the client side, this is the receive key; on the server side, it is the send key.",
        "MS-MPPE-Recv-Key": b"On the client side, this is the send key; on the server side, it is the receive key.",
    }
    for name, magic in want.items():
        got = unsalt(reply[name][0], secret, request.authenticator)
        if got != start_key(master, magic):
            print(name, "is wrong")
            return 2
    print("accepted, keys and proof are right")
    return 0


if __name__ == "__main__":
    sys.exit(main())
