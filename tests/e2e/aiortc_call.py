#!/usr/bin/python3
"""One audio call of aiortc through alg and agw: SIP over WebSocket (RFC 7118) by hand, ICE, DTLS-SRTP and Opus by aiortc.

usage: aiortc_call.py URL call|answer HZ [CALLEE]
Says `registered`, `established`, `heard` (the tone of HZ that it sends, come back) and `ended`, a line each; status 0 when all
four happened within two minutes. `call` hangs up, `answer` is hung up on. PHONE: another user than `aiortc`. TURN=udp|tcp: media by the
relay that the 200 to REGISTER names for it; says `relayed`, once it has candidates of nothing else.
"""
import asyncio
import base64
import fractions
import hashlib
import math
import os
import re
import struct
import sys
from urllib.parse import urlparse

import av
from aiortc import RTCConfiguration, RTCIceServer, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack

RATE = 48000
DOMAIN = "home.example.net"
USER = os.environ.get("PHONE", "aiortc")
TURN = os.environ.get("TURN", "")
ME = f"sip:{USER}@{DOMAIN}"


class WebSocket:
    """Text frames of RFC 6455 in both directions; the longest one of a server is 64 kB."""

    async def open(self, url):
        at = urlparse(url)
        self.reader, self.writer = await asyncio.open_connection(at.hostname, at.port)
        key = base64.b64encode(os.urandom(16)).decode()
        self.writer.write((f"GET / HTTP/1.1\r\nHost: {at.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                           f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: sip\r\n"
                           "Origin: http://127.0.0.1:8000\r\n\r\n").encode())
        head = await self.reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 101"):
            raise RuntimeError(f"no WebSocket: {head[:60]}")

    def frame(self, op, data):
        mask = os.urandom(4)
        n = len(data)
        head = struct.pack("!BB", 0x80 | op, 0x80 | n) if n < 126 else struct.pack("!BBH", 0x80 | op, 0xFE, n)
        self.writer.write(head + mask + bytes(b ^ mask[i & 3] for i, b in enumerate(data)))

    def send(self, text):
        self.frame(1, text.encode())

    async def receive(self):
        while True:
            op, n = await self.reader.readexactly(2)
            if n == 126:
                (n,) = struct.unpack("!H", await self.reader.readexactly(2))
            data = await self.reader.readexactly(n)
            if op & 15 == 1:
                return data.decode()
            if op & 15 == 9:
                self.frame(10, data)


class Message:
    def __init__(self, text):
        head, _, self.body = text.partition("\r\n\r\n")
        self.start, *lines = head.split("\r\n")
        self.fields = [tuple(part.strip() for part in line.split(":", 1)) for line in lines]
        self.status = int(self.start.split()[1]) if self.start.startswith("SIP/2.0") else 0
        self.method = self["CSeq"].split()[1]

    def __getitem__(self, name):
        return next((value for key, value in self.fields if key.lower() == name.lower()), "")

    def all(self, name):
        return [value for key, value in self.fields if key.lower() == name.lower()]


class Phone:
    """One registration and one call at a time."""

    def __init__(self, ws):
        self.ws = ws
        self.host = f"{os.urandom(6).hex()}.invalid"
        self.contact = f"<sip:{USER}@{self.host};transport=ws>"
        self.cseq = 0
        self.inbox = asyncio.Queue()
        self.servers = []

    async def run(self):
        while True:
            text = await self.ws.receive()
            if text.strip():
                await self.inbox.put(Message(text))

    def request(self, method, uri, to, call_id, *fields, sdp="", cseq=None, from_=None):
        if cseq is None:
            self.cseq += 1
            cseq = self.cseq
        lines = [f"{method} {uri} SIP/2.0", f"Via: SIP/2.0/WSS {self.host};branch=z9hG4bK{os.urandom(8).hex()}", "Max-Forwards: 70",
                 f"From: {from_ or f'<{ME}>;tag={self.host[:8]}'}", f"To: {to}", f"Call-ID: {call_id}", f"CSeq: {cseq} {method}",
                 *fields, *(["Content-Type: application/sdp"] if sdp else []), f"Content-Length: {len(sdp.encode())}", "", sdp]
        self.ws.send("\r\n".join(lines))

    def reply(self, m, status, *fields, sdp=""):
        copied = [f"{key}: {value}" for key, value in m.fields if key.lower() in ("via", "from", "call-id", "cseq", "record-route")]
        to = m["To"] if ";tag=" in m["To"] else f"{m['To']};tag={self.host[:8]}"
        lines = [f"SIP/2.0 {status}", *copied, f"To: {to}", *fields, *(["Content-Type: application/sdp"] if sdp else []),
                 f"Content-Length: {len(sdp.encode())}", "", sdp]
        self.ws.send("\r\n".join(lines))

    async def final(self, method):
        while True:
            m = await self.inbox.get()
            if m.status >= 200 and m.method == method:
                return m

    async def register(self):
        call_id, fields = os.urandom(8).hex(), []
        for _ in range(2):
            self.request("REGISTER", f"sip:{DOMAIN}", f"<{ME}>", call_id, "Supported: path, outbound", "Expires: 600",
                         f"Contact: {self.contact};reg-id=1;+sip.instance=\"<urn:uuid:0f2a6fbe-0000-4000-8000-{hashlib.md5(USER.encode()).hexdigest()[:12]}>\"", *fields)
            m = await self.final("REGISTER")
            if m.status == 200:
                self.servers = relays(m["Turn-Service"])
                return print("registered", flush=True)
            fields = ["Authorization: " + digest(m["WWW-Authenticate"], f"sip:{DOMAIN}")]
        raise RuntimeError(m.start)

    def in_dialog(self, m, method, cseq=None):
        """A request inside the dialog that our INVITE's answer `m` made."""
        routes = [f"Route: {value}" for value in reversed(m.all("Record-Route"))]
        self.request(method, re.search("<(.*?)>", m["Contact"]).group(1), m["To"], m["Call-ID"], *routes, from_=m["From"], cseq=cseq)


def relays(header):
    """Of Turn-Service: those of the transport that was asked for."""
    found = re.findall(r'<([^>]*)>;username="([^"]*)";credential="([^"]*)"', header)
    return [RTCIceServer(urls=uri, username=name, credential=word) for uri, name, word in found if TURN and uri.endswith(f"transport={TURN}")]


def digest(challenge, uri):
    """RFC 2617 with MD5 and qop=auth, or without qop."""
    ask = {key: a or b for key, a, b in re.findall(r'(\w+)=(?:"([^"]*)"|([^\s,]+))', challenge)}
    md5 = lambda text: hashlib.md5(text.encode()).hexdigest()
    realm, nonce = ask["realm"], ask["nonce"]
    ha1, ha2 = md5(f"{USER}:{realm}:{USER}-secret"), md5(f"REGISTER:{uri}")
    out = f'Digest username="{USER}", realm="{realm}", nonce="{nonce}", uri="{uri}", algorithm=MD5'
    if "qop" not in ask:
        response = md5(f"{ha1}:{nonce}:{ha2}")
        return f'{out}, response="{response}"'
    response = md5(f"{ha1}:{nonce}:00000001:abcdef:auth:{ha2}")
    return f'{out}, qop=auth, nc=00000001, cnonce="abcdef", response="{response}"'


class Tone(AudioStreamTrack):
    def __init__(self, hz):
        super().__init__()
        self.hz = hz

    async def recv(self):
        frame = await super().recv()  # paced silence of 20 ms at 8000 Hz
        n, at = RATE // 50, frame.pts * (RATE // 8000)
        out = av.AudioFrame(format="s16", layout="mono", samples=n)
        out.planes[0].update(struct.pack(f"<{n}h", *(int(12000 * math.sin(2 * math.pi * self.hz * (at + i) / RATE)) for i in range(n))))
        out.pts, out.sample_rate, out.time_base = at, RATE, fractions.Fraction(1, RATE)
        return out


def share(samples, rate, hz):
    """Part of the power that lies at one frequency (Goertzel)."""
    c = 2 * math.cos(2 * math.pi * hz / rate)
    s1 = s2 = power = 0.0
    for x in samples:
        s1, s2, power = x + c * s1 - s2, s1, power + x * x
    return (s1 * s1 + s2 * s2 - c * s1 * s2) / (power * len(samples) / 2) if power else 0.0


async def listen(track, hz):
    """Until half a second of what comes in is the tone."""
    while True:
        samples, rate = [], RATE
        while len(samples) < rate // 2:
            frame = await track.recv()
            rate = frame.sample_rate
            channels = len(frame.layout.channels)
            samples += [float(x) for x in frame.to_ndarray().reshape(-1)[::channels]]
        if share(samples, rate, hz) > 0.5:
            return print("heard", flush=True)


def connection(hz, servers):
    if TURN and not servers:
        raise RuntimeError("no such relay was told")
    pc = RTCPeerConnection(RTCConfiguration(iceServers=servers))
    pc.addTrack(Tone(hz))
    track = asyncio.get_running_loop().create_future()
    pc.on("track", lambda t: track.set_result(t))
    return pc, track


async def call(phone, hz, callee):
    pc, track = connection(hz, phone.servers)
    await pc.setLocalDescription(await pc.createOffer())
    if " typ relay" in pc.localDescription.sdp and " typ host" not in pc.localDescription.sdp:
        print("relayed", flush=True)
    to = f"sip:{callee}@{DOMAIN}"
    phone.request("INVITE", to, f"<{to}>", os.urandom(8).hex(), f"Contact: {phone.contact}", "Supported: outbound", sdp=pc.localDescription.sdp)
    m = await phone.final("INVITE")
    if m.status != 200:
        raise RuntimeError(m.start)
    phone.in_dialog(m, "ACK", cseq=phone.cseq)
    await pc.setRemoteDescription(RTCSessionDescription(m.body, "answer"))
    print("established", flush=True)
    await listen(await track, hz)
    phone.in_dialog(m, "BYE")
    await phone.final("BYE")
    await pc.close()


async def answer(phone, hz, _):
    pc, track = connection(hz, phone.servers)
    while (m := await phone.inbox.get()).method != "INVITE":
        pass
    phone.reply(m, "180 Ringing", f"Contact: {phone.contact}")
    await pc.setRemoteDescription(RTCSessionDescription(m.body, "offer"))
    await pc.setLocalDescription(await pc.createAnswer())
    phone.reply(m, "200 OK", f"Contact: {phone.contact}", sdp=pc.localDescription.sdp)
    print("established", flush=True)
    await listen(await track, hz)
    while (m := await phone.inbox.get()).method != "BYE":
        pass
    phone.reply(m, "200 OK")
    await phone.ws.writer.drain()
    await pc.close()


async def main(url, what, hz, callee="echo"):
    ws = WebSocket()
    await ws.open(url)
    phone = Phone(ws)
    reading = asyncio.ensure_future(phone.run())
    await phone.register()
    await {"call": call, "answer": answer}[what](phone, int(hz), callee)
    reading.cancel()
    print("ended", flush=True)


asyncio.run(asyncio.wait_for(main(*sys.argv[1:]), 120))
