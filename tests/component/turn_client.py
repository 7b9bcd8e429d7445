#!/usr/bin/python3
"""A TURN client (RFC 8656) as a browser is one, by hand: what does the server allow with this credential?

usage: turn_client.py udp|tcp|tls[/6] HOST PORT NAME PASSWORD [PEER[/PORT]...]
Says `allocate CODE [family and port of the relayed address]`, then for each PEER `permission PEER CODE`, `channel PEER CODE`; for a peer with a port also
`echo PEER yes|no`: whether what is sent there comes back. CODE is 200, or that of the error. /6: an IPv6 address is asked for.
"""
import hashlib
import hmac
import ipaddress
import os
import socket
import ssl
import struct
import sys
import zlib

COOKIE = 0x2112A442
ALLOCATE, SEND, DATA, PERMISSION, CHANNEL = 3, 6, 7, 8, 9
USERNAME, INTEGRITY, ERROR, CHANNEL_NUMBER, XOR_PEER, XDATA, REALM, NONCE, XOR_RELAYED, FAMILY, TRANSPORT = (
    0x0006, 0x0008, 0x0009, 0x000C, 0x0012, 0x0013, 0x0014, 0x0015, 0x0016, 0x0017, 0x0019)


def attribute(kind, value):
    return struct.pack("!HH", kind, len(value)) + value + bytes(-len(value) % 4)


def xored(address, port, transaction):
    ip = ipaddress.ip_address(address)
    mask = struct.pack("!I", COOKIE) + transaction
    return struct.pack("!BBH", 0, 1 if ip.version == 4 else 2, port ^ COOKIE >> 16) + bytes(a ^ b for a, b in zip(ip.packed, mask))


class Turn:
    def __init__(self, transport, host, port, name, password):
        self.name, self.password, self.realm, self.nonce = name, password, None, None
        self.stream = transport != "udp"
        at = socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM if self.stream else socket.SOCK_DGRAM)[0]
        self.s = socket.socket(at[0], at[1])
        self.s.settimeout(5)
        self.s.connect(at[4])
        if transport == "tls":
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            self.s = context.wrap_socket(self.s, server_hostname=host)

    def read(self):
        if not self.stream:
            return self.s.recv(2048)
        data = b""
        while len(data) < 20 or len(data) < 20 + struct.unpack("!H", data[2:4])[0]:
            more = self.s.recv(20 - len(data) if len(data) < 20 else 20 + struct.unpack("!H", data[2:4])[0] - len(data))
            if not more:
                raise ConnectionError("closed by the server")
            data += more
        return data

    def send(self, kind, attributes, transaction, signed):
        if signed and self.nonce:
            attributes += attribute(USERNAME, self.name.encode()) + attribute(REALM, self.realm) + attribute(NONCE, self.nonce)
            key = hashlib.md5(self.name.encode() + b":" + self.realm + b":" + self.password.encode()).digest()
            head = struct.pack("!HHI", kind, len(attributes) + 24, COOKIE) + transaction
            attributes += attribute(INTEGRITY, hmac.new(key, head + attributes, hashlib.sha1).digest())
        head = struct.pack("!HHI", kind, len(attributes) + 8, COOKIE) + transaction
        seal = zlib.crc32(head + attributes) ^ 0x5354554E
        self.s.sendall(head + attributes + attribute(0x8028, struct.pack("!I", seal)))

    def receive(self):
        data = self.read()
        kind, _, _ = struct.unpack("!HHI", data[:8])
        found, at = {}, 20
        while at + 4 <= len(data):
            name, n = struct.unpack("!HH", data[at:at + 4])
            found.setdefault(name, data[at + 4:at + 4 + n])
            at += 4 + n + -n % 4
        return kind, data[8:20], found

    def request(self, method, make):
        """The code of the answer and its attributes; a first 401 and a 438 are answered."""
        for _ in range(3):
            transaction = os.urandom(12)
            asked = self.nonce
            self.send(method, make(transaction), transaction, True)
            kind, got, found = self.receive()
            while got != transaction:
                kind, got, found = self.receive()
            code = 200 if kind & 0x0110 == 0x0100 else found[ERROR][2] * 100 + found[ERROR][3]
            if code not in (401, 438) or (code == 401 and asked):
                return code, found
            self.realm, self.nonce = found[REALM], found[NONCE]
        return code, found

    def echo(self, host, port):
        transaction, word = os.urandom(12), os.urandom(24)
        self.send(SEND | 0x10, attribute(XOR_PEER, xored(host, port, transaction)) + attribute(XDATA, word), transaction, False)
        try:
            kind, _, found = self.receive()
        except OSError:
            return False
        return kind == DATA | 0x10 and found.get(XDATA) == word


def main():
    transport, host, port, name, password, *peers = sys.argv[1:]
    transport, _, six = transport.partition("/")
    turn = Turn(transport, host, int(port), name, password)
    family = attribute(FAMILY, b"\x02\0\0\0") if six else b""
    code, found = turn.request(ALLOCATE, lambda _: attribute(TRANSPORT, b"\x11\0\0\0") + family)
    relayed = found.get(XOR_RELAYED)
    where = ""
    if code == 200:
        where = f" IPv{4 if relayed[1] == 1 else 6} port {struct.unpack('!H', relayed[2:4])[0] ^ COOKIE >> 16}"
    print(f"allocate {code}{where}")
    for n, peer in enumerate(peers if code == 200 else []):
        ip, _, to = peer.partition("/")
        code, _ = turn.request(PERMISSION, lambda t: attribute(XOR_PEER, xored(ip, 0, t)))
        print(f"permission {ip} {code}")
        allowed = code == 200
        code, _ = turn.request(CHANNEL, lambda t: attribute(CHANNEL_NUMBER, struct.pack("!HH", 0x4000 + n, 0)) +
                               attribute(XOR_PEER, xored(ip, 9 + n, t)))
        print(f"channel {ip} {code}")
        if to and allowed:
            print(f"echo {ip} {'yes' if turn.echo(ip, int(to)) else 'no'}")


main()
