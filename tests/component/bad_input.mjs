// Throws bad input of every protocol at the running pair, one piece at a time, while a call is up. After each: the answer that
// the protocol names, one line in the log, and the call passes a message there and back. Prints "ok name" / "not ok name".
import { spawn } from 'node:child_process';
import crypto from 'node:crypto';
import dgram from 'node:dgram';
import fs from 'node:fs';
import net from 'node:net';
import tls from 'node:tls';

import { num, say, sleep, until } from './tap.mjs';

const env = process.env;
const orders = fs.openSync(`${env.TMP}/orders`, 'a');
const read = (name) => fs.readFileSync(`${env.TMP}/${name}.log`, 'utf8');
let serial = 0;

async function callWorks() {
    const text = `still here ${++serial}`;
    fs.writeSync(orders, `send ${text}\n`);
    return until(5000, () => read('wic').includes(`delivered: echo: ${text}\n`));
}

// Ports that are bound or listening on 127.0.0.1, from the kernel's tables.
function ports(table, from, state) {
    return fs.readFileSync(`/proc/net/${table}`, 'utf8').split('\n').slice(1).map((l) => l.trim().split(/\s+/))
        .filter((f) => f[1]?.startsWith('0100007F:') && (!state || f[3] === state))
        .map((f) => parseInt(f[1].split(':')[1], 16)).filter((p) => p >= from && p < from + 200);
}

// --- transports: what comes back, as one string ('' = silence); over when it is clear that no more can come, or after ms: ANSWERED
// where something must come, however busy the machine is ---
const ANSWERED = 3000;

function udp(to, data, ms = 300) {
    return new Promise((resolve) => {
        const s = dgram.createSocket('udp4');
        let got = '', timer;
        const end = () => { s.close(); resolve(got); };
        s.on('message', (m) => { got += m.toString('latin1'); clearTimeout(timer); timer = setTimeout(end, 50); });
        s.bind(0, '127.0.0.1', () => { for (const port of [to].flat()) s.send(data, port, '127.0.0.1'); });
        timer = setTimeout(end, ms);
    });
}

// A refusal of HTTP or SIP, or a close frame: only the peer's own end may follow.
const isFinal = (got) => /^HTTP\/1\.[01] [45]|SIP\/2\.0 [4-6]\d\d/.test(got) || closeCode({ got }) > 0;

function tcp(port, pieces, { ms = ANSWERED, from = '127.0.0.1' } = {}) {
    return new Promise((resolve) => {
        const s = net.connect({ port, host: '127.0.0.1', localAddress: from });
        let got = '', closed = false;
        const end = () => { resolve({ got, closed }); s.destroy(); };
        s.on('connect', async () => { for (const p of pieces) { s.write(p); await sleep(30); } });
        s.on('data', (m) => { got += m.toString('latin1'); if (isFinal(got)) setTimeout(end, 40); });
        s.on('error', () => { closed = true; });
        s.on('close', () => { closed = true; end(); });
        setTimeout(end, ms);
    });
}

const upgrade = ({ origin = 'http://127.0.0.1:8000', protocol = 'sip', extra = '' } = {}) =>
    `GET / HTTP/1.1\r\nHost: 127.0.0.1:${env.WS}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
    `Sec-WebSocket-Key: ${crypto.randomBytes(16).toString('base64')}\r\nSec-WebSocket-Version: 13\r\n` +
    (origin ? `Origin: ${origin}\r\n` : '') + (protocol ? `Sec-WebSocket-Protocol: ${protocol}\r\n` : '') + extra + '\r\n';

function wss(pieces, ms = ANSWERED) {
    return new Promise((resolve) => {
        const s = tls.connect({ port: num('WSS'), host: '127.0.0.1', rejectUnauthorized: false });
        let got = '', closed = false;
        s.on('secureConnect', async () => { for (const p of pieces) { s.write(p); await sleep(30); } });
        s.on('data', (m) => { got += m.toString('latin1'); if (isFinal(got)) setTimeout(end, 40); });
        const end = () => { resolve({ got, closed }); s.destroy(); };
        s.on('error', () => { closed = true; });
        s.on('close', () => { closed = true; end(); });
        setTimeout(end, ms);
    });
}

function frame(payload, { opcode = 1, mask = true, length, fin = true } = {}) {
    const body = Buffer.from(payload), n = length ?? body.length, key = crypto.randomBytes(4);
    const head = n < 126 ? Buffer.from([0x80 | opcode, n]) : n < 65536 ? Buffer.from([0x80 | opcode, 126, n >> 8, n & 255])
        : Buffer.concat([Buffer.from([0x80 | opcode, 127, 0, 0, 0, 0]), Buffer.from([n >>> 24, (n >> 16) & 255, (n >> 8) & 255, n & 255])]);
    if (!fin) head[0] &= 0x7f;
    if (!mask) return Buffer.concat([head, body]);
    head[1] |= 0x80;
    return Buffer.concat([head, key, body.map((c, i) => c ^ key[i & 3])]);
}

const bare = (payload, opcode) => frame(payload, { mask: false, opcode });
const ws = (...frames) => tcp(num('WS'), [upgrade(), ...frames]);
const closeCode = ({ got }) => { // of the close frame behind the handshake
    const at = got.indexOf('\x88', got.indexOf('\r\n\r\n'));
    return at < 0 ? 0 : got.charCodeAt(at + 2) * 256 + got.charCodeAt(at + 3);
};

function stun(attributes) {
    const head = Buffer.alloc(20);
    head.writeUInt16BE(1, 0);
    head.writeUInt16BE(attributes.length, 2);
    head.writeUInt32BE(0x2112a442, 4);
    crypto.randomFillSync(head, 8, 12);
    return Buffer.concat([head, attributes]);
}
const attribute = (type, value) => {
    const out = Buffer.alloc(4 + Math.ceil(value.length / 4) * 4);
    out.writeUInt16BE(type, 0);
    out.writeUInt16BE(value.length, 2);
    Buffer.from(value).copy(out, 4);
    return out;
};

const sipRequest = (method, lines) =>
    `${method} sip:bob@home.example.net SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:9;rport;branch=z9hG4bK${crypto.randomUUID()}\r\n` +
    `From: <sip:x@home.example.net>;tag=1\r\nTo: <sip:bob@home.example.net>\r\nCall-ID: ${crypto.randomUUID()}\r\n${lines}\r\n`;

const h248 = (text) => `MEGACO/2 <mgc.example.net>:1\n${text}`;
const access = () => ports('udp', num('ACCESS'));
const random = crypto.createHash('sha512').update('always the same octets').digest();
const hello = Buffer.from([22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 9, 0, 40, 1, 255, 255, 255, ...random.subarray(0, 36)]);

// name, whose log gets the line ('' = none, because nobody did wrong or SCTP itself is silent), what to throw, what must come back
const cases = [
    ['H.248 to agw: no message', 'agw', () => udp(num('AGW_H248'), 'rubbish'), (r) => r.includes('400') || r === ''],
    ['H.248 to agw from a stranger', 'agw', () => udp(num('AGW_H248'), h248('Transaction = 5 { Context = - { AuditValue = ROOT { Audit { } } } }')),
     (r) => r === '' || /Error *= *(402|504)/.test(r)],
    ['H.248 to alg: no message', 'alg', () => udp(num('ALG_H248'), 'rubbish'), (r) => r.includes('400') || r === ''],
    ['H.248 to alg: braces that never close', 'alg', () => udp(num('ALG_H248'), h248('Transaction = 5 { Context = - { Notify = ROOT {')),
     (r) => /Error *= *4(00|03|22|42)/.test(r) || r === ''],
    ['H.248 to alg: a command of nobody registered', 'alg', () => udp(num('ALG_H248'),
        h248('Transaction = 5 { Context = 1 { Notify = ip/1/core/1 { ObservedEvents = 1 { 20260101T12000000:hangterm/thb } } } }'), ANSWERED),
     (r) => /Error *= *(402|411|430|504|505)/.test(r)],
    ['SIP to alg: octets', 'alg', () => udp(num('ALG_SIP'), random), () => true],
    ['SIP to alg: no CSeq', 'alg', () => udp(num('ALG_SIP'), sipRequest('INVITE', 'Max-Forwards: 70\r\n')), (r) => r === '' || /^SIP\/2\.0 400/.test(r)],
    ['SIP to alg: Max-Forwards 0', 'alg', () => udp(num('ALG_SIP'), sipRequest('OPTIONS', 'CSeq: 1 OPTIONS\r\nMax-Forwards: 0\r\n'), ANSWERED),
     (r) => /^SIP\/2\.0 (483|200|404|405)/.test(r)],
    ['SIP to alg: BYE of no dialog', '', () => udp(num('ALG_SIP'), sipRequest('BYE', 'CSeq: 1 BYE\r\nMax-Forwards: 70\r\n'), ANSWERED), (r) => /^SIP\/2\.0 481/.test(r)],
    ['SIP to alg: unknown callee with broken SDP', 'alg', () => udp(num('ALG_SIP'), sipRequest('INVITE',
        'CSeq: 1 INVITE\r\nMax-Forwards: 70\r\nContact: <sip:x@127.0.0.1:9>\r\nContent-Type: application/sdp\r\nContent-Length: 7\r\n') + 'v=nope\n', ANSWERED),
     (r) => /SIP\/2\.0 4\d\d/.test(r)],
    ['SIP over WebSocket: no SIP', 'alg', () => tcp(num('WS'), [upgrade(), frame('hello, this is no SIP\r\n\r\n')], { ms: 600 }), () => true],
    ['SIP over WebSocket: INVITE without registration', '', () => ws(frame(sipRequest('INVITE', 'CSeq: 1 INVITE\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n').replace('SIP/2.0/UDP', 'SIP/2.0/WS'))),
     ({ got }) => /SIP\/2\.0 4\d\d/.test(got)],
    ['STUN without integrity', 'agw', () => udp(access(), stun(attribute(0x0006, 'who:are'))), (r) => r === ''],
    ['STUN with wrong integrity', 'agw', () => udp(access(), stun(Buffer.concat([attribute(0x0006, 'a:b'), attribute(0x0008, random.subarray(0, 20))]))), (r) => r === ''],
    ['STUN with a length that lies', 'agw', () => udp(access(), Buffer.concat([stun(attribute(0x0006, 'a:b')).subarray(0, 22), random])), (r) => r === ''],
    ['octets to the media port', 'agw', () => udp(access(), random), (r) => r === ''],
    ['DTLS from a stranger', 'agw', () => udp(access(), hello), (r) => r === ''],
    ['DTLS alert from a stranger', 'agw', () => udp(access(), Buffer.from([21, 254, 253, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 2, 40])), (r) => r === ''],
    ['an empty datagram', 'agw', () => udp(access(), Buffer.alloc(0)), (r) => r === ''],
    ['WebSocket: wrong Origin', 'alg', () => tcp(num('WS'), [upgrade({ origin: 'http://evil.example' })]), ({ got }) => /^HTTP\/1\.[01] 403/.test(got)],
    ['WebSocket: no Origin', 'alg', () => tcp(num('WS'), [upgrade({ origin: '' })]), ({ got }) => /^HTTP\/1\.[01] 403/.test(got)],
    ['WebSocket: no subprotocol', 'alg', () => tcp(num('WS'), [upgrade({ protocol: '' })]), ({ got }) => /^HTTP\/1\.[01] 4\d\d/.test(got)],
    ['WebSocket: another subprotocol', 'alg', () => tcp(num('WS'), [upgrade({ protocol: 'chat' })]), ({ got }) => /^HTTP\/1\.[01] 4\d\d/.test(got)],
    ...[['WS', ws], ['WSS', (...frames) => wss([upgrade(), ...frames])]].flatMap(([name, send]) => [
        [`${name}: a text frame without a mask`, 'alg', () => send(bare('REGISTER', 1)), (r) => closeCode(r) === 1002],
        [`${name}: a continuation without a mask`, 'alg', () => send(frame('REG', { fin: false }), bare('ISTER', 0)), (r) => closeCode(r) === 1002],
        [`${name}: a ping without a mask`, 'alg', () => send(bare('x', 9)), (r) => closeCode(r) === 1002],
        [`${name}: an empty pong without a mask`, 'alg', () => send(bare('', 10)), (r) => closeCode(r) === 1002],
        [`${name}: a Close without a mask`, 'alg', () => send(bare(Buffer.from([3, 232]), 8)), (r) => closeCode(r) === 1002],
        [`${name}: masked and not masked in one write`, 'alg', () => send(Buffer.concat([frame('\r\n\r\n'), bare('x', 1)])),
         (r) => closeCode(r) === 1002 && r.got.includes('\x81\x02\r\n')],
    ]),
    ['WebSocket: bad UTF-8', 'alg', () => ws(frame(Buffer.from([0xc3, 0x28, 0xff]))), (r) => r.closed || closeCode(r) === 1007],
    ['WebSocket: a frame longer than any message', 'alg', () => ws(frame(Buffer.alloc(70000, 65))), (r) => r.closed || closeCode(r) === 1009],
    ['WebSocket: a length of four gigabytes', 'alg', () => ws(frame(Buffer.alloc(70000, 65), { length: 0xf0000000 })), (r) => r.closed || [1002, 1009].includes(closeCode(r))],
    ['WebSocket: a reserved opcode', 'alg', () => ws(frame('x', { opcode: 5 })), (r) => r.closed || closeCode(r) === 1002],
    ['WebSocket: no HTTP', 'alg', () => tcp(num('WS'), [random], { ms: 400 }), () => true],
    ['WSS: no TLS', 'alg', () => tcp(num('WSS'), ['GET / HTTP/1.1\r\n\r\n'], { ms: 400 }), ({ got }) => !got.includes('101 Switching')],
];

// A second WIC with a call of its own, which throws things at its own transport.
const hostile = { out: '' };
async function hostileCall() {
    const from = hostile.out.length;
    hostile.child.stdin.write('call sip:echo@home.example.net\n');
    return await until(10000, () => hostile.out.indexOf('channel up', from) >= 0) && logged();
}
// What the processes have to log of a call that is up is logged: nothing new for a while.
async function logged() {
    let had = '', since = Date.now();
    return until(5000, () => {
        const has = read('alg') + read('agw');
        if (has !== had) since = Date.now();
        had = has;
        return Date.now() - since >= 150;
    });
}
async function hostileStart() {
    hostile.child = spawn(`${env.B}/lab-wic`, ['--url', `ws://127.0.0.1:${env.WS}/`, '--orders', '--linger', '1000', '--timeout', '110'],
        { stdio: ['pipe', 'pipe', 'inherit'] });
    hostile.child.stdout.on('data', (d) => { hostile.out += d; });
    return await until(10000, () => hostile.out.includes('registered')) && hostileCall();
}
async function hostileWorks() {
    const text = `not yet dead ${++serial}`;
    hostile.child.stdin.write(`send ${text}\n`);
    return until(5000, () => hostile.out.includes(`delivered: echo: ${text}\n`));
}
// What comes back within a moment: news of the transport, then whether its call still passes messages.
async function throwAt(kind, sid, data, want) {
    const from = hostile.out.length;
    hostile.child.stdin.write(`throw ${kind} ${sid} ${Buffer.from(data).toString('hex')}\n`);
    await until(want === '' ? 300 : 3000, () => hostile.out.slice(from).includes('news: '));
    return /news: (.*)/.exec(hostile.out.slice(from))?.[1] ?? '';
}
const chunk = (type, flags, data, length = 4 + data.length) =>
    Buffer.concat([Buffer.from([type, flags, length >> 8, length & 255]), Buffer.from(data), Buffer.alloc((4 - data.length % 4) % 4)]);
const survives = (kind, sid, data, want = '') => async () => {
    const news = await throwAt(kind, sid, data, want);
    return { news, alive: await hostileWorks() };
};
const silent = (r) => r.news === '' && r.alive;
const reset = (sid) => (r) => r.news === `channel reset ${sid}` && r.alive;
// Our WIC lingers after the BYE, which may overtake the ABORT: they go by different threads.
// The browser may read the close_notify behind the ABORT in the same turn, and tell of it first.
const aborted = (r) => r.alive && r.news.includes('SCTP lost') && r.ended;
const kills = (data) => async () => {
    const alive = await hostileWorks(), from = hostile.out.length;
    await throwAt('sctp', 0, data, 'abort');
    const ended = await until(5000, () => hostile.out.slice(from).includes('ended'));
    await until(1000, () => hostile.out.slice(from).includes('SCTP lost'));
    return { alive, news: [...hostile.out.slice(from).matchAll(/news: (.*)/g)].map((m) => m[1]), ended };
};
const record = (type, epoch, body, length = body.length) =>
    Buffer.concat([Buffer.from([type, 254, 253, 0, epoch, 0, 0, 0, 0, 1, 0, length >> 8, length & 255]), body]);
const inside = [
    ['DTLS: a record that does not verify', '', survives('datagram', 0, record(23, 1, random)), silent],
    ['DTLS: a record longer than its datagram', '', survives('datagram', 0, record(23, 1, random, 1400)), silent],
    ['DTLS: half a header', '', survives('datagram', 0, record(23, 1, random).subarray(0, 7)), silent],
    ['DTLS: a fatal alert in the clear', '', survives('datagram', 0, record(21, 0, Buffer.from([2, 40]))), silent],
    ['DTLS: handshake octets in the clear', '', survives('datagram', 0, record(22, 0, random)), silent],
    ['SCTP: garbage', '', survives('record', 0, random), silent],
    ['SCTP: less than a header', '', survives('record', 0, random.subarray(0, 5)), silent],
    ['SCTP: bad checksum', '', survives('badsum', 0, chunk(0, 3, random.subarray(0, 32))), silent],
    ['SCTP: bad verification tag', '', survives('badtag', 0, chunk(0, 3, random.subarray(0, 32))), silent],
    ['SCTP: an ABORT with a bad verification tag', '', survives('badtag', 0, chunk(6, 0, [])), silent],
    ['SCTP: ports of no association', '', survives('badport', 0, chunk(0, 3, random.subarray(0, 32))), silent],
    ['SCTP: a truncated chunk', '', survives('sctp', 0, chunk(0, 3, random.subarray(0, 12), 400)), silent],
    ['SCTP: an unknown chunk', '', survives('sctp', 0, chunk(0x3e, 0, random.subarray(0, 12))), silent],
    ['SCTP: no chunk at all', '', survives('sctp', 0, []), silent],
    ['DCEP: a message of no known type', 'agw', survives('dcep', 5, [0x7f, 1, 2, 3], 'reset'), reset(5)],
    ['DCEP: half an OPEN', 'agw', survives('dcep', 7, [3, 0, 0], 'reset'), reset(7)],
    ['DCEP: lengths beyond the end', 'agw', survives('dcep', 9, [3, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255, 0x61], 'reset'), reset(9)],
    ['DCEP: OPEN on a stream that was not negotiated', 'agw', survives('dcep', 11, [3, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 4, 0x61, 0x6d, 0x73, 0x72, 0x70], 'reset'), reset(11)],
    // RFC 9260 3.3.10.9, 3.3.10.13: these end the association, and with it the call
    ['SCTP: DATA without data', 'agw data', kills(chunk(0, 3, [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 51])), aborted],
    ['SCTP: a chunk of length 0', 'agw data', kills(chunk(0, 3, random.subarray(0, 12), 0)), aborted],
];

// A browser that is registered (digest, RFC 2617) and then sends INVITEs nobody can serve.
const member = { got: '', cseq: 0 };
const md5 = (text) => crypto.createHash('md5').update(text).digest('hex');
function memberSend(method, uri, extra, body = '') {
    const from = member.got.length, id = `${method}-${++member.cseq}`;
    member.socket.write(frame(`${method} ${uri} SIP/2.0\r\nVia: SIP/2.0/WS m.invalid;branch=z9hG4bK${id}\r\nMax-Forwards: 70\r\n` +
        `From: <sip:bob@home.example.net>;tag=${id}\r\nTo: <${method === 'REGISTER' ? 'sip:bob@home.example.net' : uri}>\r\nCall-ID: ${id}\r\n` +
        `CSeq: ${member.cseq} ${method}\r\nContact: <sip:bob@m.invalid;transport=ws>\r\n${extra}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`));
    return until(3000, () => new RegExp(`SIP/2\\.0 [2-6]\\d\\d(?:(?!SIP/2\\.0 \\d)[^])*Call-ID: ${id}`).test(member.got.slice(from)))
        .then(() => new RegExp(`SIP/2\\.0 ([2-6]\\d\\d)((?:(?!SIP/2\\.0 \\d)[^])*)`).exec(member.got.slice(from)) ?? ['', '0', '']);
}
async function memberStart() {
    member.socket = net.connect(num('WS'), '127.0.0.1');
    member.socket.on('data', (d) => { member.got += d.toString('latin1'); });
    member.socket.write(upgrade());
    await until(2000, () => member.got.includes('101 '));
    const uri = 'sip:home.example.net';
    const [, , head] = await memberSend('REGISTER', uri, '');
    const nonce = /nonce="([^"]*)"/.exec(head)?.[1];
    const answer = md5(`${md5('bob:home.example.net:bob-secret')}:${nonce}:00000001:c:auth:${md5(`REGISTER:${uri}`)}`);
    const [, status] = await memberSend('REGISTER', uri, `Authorization: Digest username="bob", realm="home.example.net", nonce="${nonce}", ` +
        `uri="${uri}", response="${answer}", algorithm=MD5, qop=auth, nc=00000001, cnonce="c"\r\n`);
    return status === '200';
}
const invite = (sdp, type = 'application/sdp') => async () =>
    (await memberSend('INVITE', 'sip:echo@home.example.net', type ? `Content-Type: ${type}\r\n` : '', sdp))[1];
const head = 'v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n';
const line = 'm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\n';
const ice = 'a=ice-ufrag:abcd\r\na=ice-pwd:0123456789abcdefghijkl\r\na=setup:actpass\r\na=sctp-port:5000\r\n';
const fingerprint = `a=fingerprint:sha-256 ${Array(32).fill('AB').join(':')}\r\n`;
const offers = [
    ['no SDP at all', invite('v=nope\r\n'), '400'],
    ['no o=', invite('v=0\r\ns=-\r\nt=0 0\r\n'), '400'],
    ['a port of seventy thousand', invite(`${head}m=application 70000 UDP/DTLS/SCTP webrtc-datachannel\r\n`), '400'],
    ['no m= line', invite(head), '488'],
    ['no ICE', invite(head + line + fingerprint), '488'],
    ['no fingerprint', invite(head + line + ice), '488'],
    ['no channel', invite(head + line + ice + fingerprint), '488'],
    ['a dcmap that is none', invite(`${head}${line}${ice}${fingerprint}a=dcmap:seventy subprotocol="MSRP"\r\n`), '488'],
    ['seventeen m= lines', invite(head + (line + ice + fingerprint).repeat(17)), '488'],
    ['a body of another type', invite('hello', 'text/plain'), '415'],
].map(([name, throwIt, status]) => [`SDP from a registered WIC: ${name}`, 'alg', throwIt, (r) => r === status]);

say(await callWorks(), 'the call passes messages before');
say(await memberStart(), 'a browser is registered');
say(await hostileStart(), 'a second call is up');
for (const [name, log, throwIt, good] of [...cases, ...offers, ...inside]) {
    if (log.includes(' ') && !await hostileWorks()) say(await hostileCall(), `${name}: a call to end`);
    const lines = (of) => read(of).split('\n').slice(0, -1);
    const before = { alg: lines('alg').length, agw: lines('agw').length }, answer = await throwIt();
    // as "agw data ..."; when a call ends for it, only the part of the log that is about the input itself
    const more = () => ['alg', 'agw'].flatMap((of) => lines(of).slice(before[of]).map((line) => `${of} ${line.split(' ').slice(2).join(' ')}`))
        .filter((line) => !log.includes(' ') || line.startsWith(log));

    say(good(answer), `${name}: answered as the protocol says`, answer);
    if (log) await until(1000, () => more().length > 0);
    say(await callWorks(), `${name}: the call goes on`);
    if (log) say(more().length === 1 && more()[0].startsWith(log), `${name}: one line in the log of ${log}`, more());
    else say(more().length === 0, `${name}: nothing to log`, more());
}
hostile.child.stdin.end();
member.socket.destroy();
console.log('end');
process.exit(0);
