// Throws bad input of every protocol at the running pair, one piece at a time, while a call is up. After each: the answer that
// the protocol names, one line in the log, and the call passes a message there and back. Prints "ok name" / "not ok name".
import crypto from 'node:crypto';
import dgram from 'node:dgram';
import fs from 'node:fs';
import net from 'node:net';

const env = process.env;
const num = (name) => Number(env[name]);
const sleep = (ms) => new Promise((r) => setTimeout(r, ms));
const orders = fs.openSync(`${env.TMP}/orders`, 'a');
const read = (name) => fs.readFileSync(`${env.TMP}/${name}.log`, 'utf8');
let serial = 0;

function say(good, name, why) {
    console.log(`${good ? 'ok' : 'not ok'} ${name}`);
    if (!good && why !== undefined) console.log(`  ${JSON.stringify(why).slice(0, 300)}`);
}

async function until(ms, check) {
    for (const end = Date.now() + ms; Date.now() < end; await sleep(20)) if (await check()) return true;
    return false;
}

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

// --- transports: what comes back, as one string ('' = silence) ---

function udp(to, data, ms = 300) {
    return new Promise((resolve) => {
        const s = dgram.createSocket('udp4');
        let got = '';
        s.on('message', (m) => { got += m.toString('latin1'); });
        s.bind(0, '127.0.0.1', () => { for (const port of [to].flat()) s.send(data, port, '127.0.0.1'); });
        setTimeout(() => { s.close(); resolve(got); }, ms);
    });
}

function tcp(port, pieces, { ms = 400, from = '127.0.0.1' } = {}) {
    return new Promise((resolve) => {
        const s = net.connect({ port, host: '127.0.0.1', localAddress: from });
        let got = '', closed = false;
        const end = () => { resolve({ got, closed }); s.destroy(); };
        s.on('connect', async () => { for (const p of pieces) { s.write(p); await sleep(30); } });
        s.on('data', (m) => { got += m.toString('latin1'); });
        s.on('error', () => { closed = true; });
        s.on('close', () => { closed = true; });
        setTimeout(end, ms);
    });
}

const upgrade = ({ origin = 'http://127.0.0.1:8000', protocol = 'sip', extra = '' } = {}) =>
    `GET / HTTP/1.1\r\nHost: 127.0.0.1:${env.WS}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
    `Sec-WebSocket-Key: ${crypto.randomBytes(16).toString('base64')}\r\nSec-WebSocket-Version: 13\r\n` +
    (origin ? `Origin: ${origin}\r\n` : '') + (protocol ? `Sec-WebSocket-Protocol: ${protocol}\r\n` : '') + extra + '\r\n';

function frame(payload, { opcode = 1, mask = true, length } = {}) {
    const body = Buffer.from(payload), n = length ?? body.length, key = crypto.randomBytes(4);
    const head = n < 126 ? Buffer.from([0x80 | opcode, n]) : n < 65536 ? Buffer.from([0x80 | opcode, 126, n >> 8, n & 255])
        : Buffer.concat([Buffer.from([0x80 | opcode, 127, 0, 0, 0, 0]), Buffer.from([n >>> 24, (n >> 16) & 255, (n >> 8) & 255, n & 255])]);
    if (!mask) return Buffer.concat([head, body]);
    head[1] |= 0x80;
    return Buffer.concat([head, key, body.map((c, i) => c ^ key[i & 3])]);
}

const ws = (...frames) => tcp(num('WS'), [upgrade(), ...frames], { ms: 600 });
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
const core = () => ports('tcp', num('CORE'), '0A');
const random = crypto.createHash('sha512').update('always the same octets').digest();
const hello = Buffer.from([22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 9, 0, 40, 1, 255, 255, 255, ...random.subarray(0, 36)]);

// name, which log gets its line ('' = neither), what to throw, what must come back, a known limit that excuses another answer
const cases = [
    ['H.248 to agw: no message', 'agw', () => udp(num('AGW_H248'), 'rubbish'), (r) => r.includes('400') || r === ''],
    ['H.248 to agw from a stranger', 'agw', () => udp(num('AGW_H248'), h248('Transaction = 5 { Context = - { AuditValue = ROOT { Audit { } } } }')),
     (r) => r === '' || /Error *= *(402|504)/.test(r)],
    ['H.248 to alg: no message', 'alg', () => udp(num('ALG_H248'), 'rubbish'), (r) => r.includes('400') || r === ''],
    ['H.248 to alg: braces that never close', 'alg', () => udp(num('ALG_H248'), h248('Transaction = 5 { Context = - { Notify = ROOT {')),
     (r) => /Error *= *4(00|03|22|42)/.test(r) || r === ''],
    ['H.248 to alg: a command of nobody registered', 'alg', () => udp(num('ALG_H248'),
        h248('Transaction = 5 { Context = 1 { Notify = ip/1/core/1 { ObservedEvents = 1 { 20260101T12000000:hangterm/thb } } } }')),
     (r) => /Error *= *(402|411|430|504|505)/.test(r)],
    ['SIP to alg: octets', '', () => udp(num('ALG_SIP'), random), () => true],
    ['SIP to alg: no CSeq', '', () => udp(num('ALG_SIP'), sipRequest('INVITE', 'Max-Forwards: 70\r\n')), (r) => r === '' || /^SIP\/2\.0 400/.test(r)],
    ['SIP to alg: Max-Forwards 0', '', () => udp(num('ALG_SIP'), sipRequest('OPTIONS', 'CSeq: 1 OPTIONS\r\nMax-Forwards: 0\r\n')),
     (r) => /^SIP\/2\.0 (483|200|404|405)/.test(r)],
    ['SIP to alg: BYE of no dialog', '', () => udp(num('ALG_SIP'), sipRequest('BYE', 'CSeq: 1 BYE\r\nMax-Forwards: 70\r\n')), (r) => /^SIP\/2\.0 481/.test(r)],
    ['SIP to alg: unknown callee with broken SDP', '', () => udp(num('ALG_SIP'), sipRequest('INVITE',
        'CSeq: 1 INVITE\r\nMax-Forwards: 70\r\nContact: <sip:x@127.0.0.1:9>\r\nContent-Type: application/sdp\r\nContent-Length: 7\r\n') + 'v=nope\n'),
     (r) => /SIP\/2\.0 4\d\d/.test(r)],
    ['SIP over WebSocket: no SIP', '', () => ws(frame('hello, this is no SIP\r\n\r\n')), () => true],
    ['SIP over WebSocket: INVITE without registration', '', () => ws(frame(sipRequest('INVITE', 'CSeq: 1 INVITE\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n').replace('SIP/2.0/UDP', 'SIP/2.0/WS'))),
     ({ got }) => /SIP\/2\.0 4\d\d/.test(got)],
    ['STUN without integrity', '', () => udp(access(), stun(attribute(0x0006, 'who:are'))), (r) => r === ''],
    ['STUN with wrong integrity', '', () => udp(access(), stun(Buffer.concat([attribute(0x0006, 'a:b'), attribute(0x0008, random.subarray(0, 20))]))), (r) => r === ''],
    ['STUN with a length that lies', '', () => udp(access(), Buffer.concat([stun(attribute(0x0006, 'a:b')).subarray(0, 22), random])), (r) => r === ''],
    ['octets to the media port', '', () => udp(access(), random), (r) => r === ''],
    ['DTLS from a stranger', '', () => udp(access(), hello), (r) => r === ''],
    ['DTLS alert from a stranger', '', () => udp(access(), Buffer.from([21, 254, 253, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 2, 40])), (r) => r === ''],
    ['an empty datagram', '', () => udp(access(), Buffer.alloc(0)), (r) => r === ''],
    ['MSRP garbage from another address', '', () => Promise.all(core().map((p) => tcp(p, [random], { from: '127.0.0.2' }))), (all) => all.every((r) => r.got === '')],
    ['WebSocket: wrong Origin', 'alg', () => tcp(num('WS'), [upgrade({ origin: 'http://evil.example' })]), ({ got }) => /^HTTP\/1\.[01] 403/.test(got)],
    ['WebSocket: no Origin', 'alg', () => tcp(num('WS'), [upgrade({ origin: '' })]), ({ got }) => /^HTTP\/1\.[01] 403/.test(got)],
    ['WebSocket: no subprotocol', 'alg', () => tcp(num('WS'), [upgrade({ protocol: '' })]), ({ got }) => /^HTTP\/1\.[01] 4\d\d/.test(got)],
    ['WebSocket: another subprotocol', 'alg', () => tcp(num('WS'), [upgrade({ protocol: 'chat' })]), ({ got }) => /^HTTP\/1\.[01] 4\d\d/.test(got)],
    ['WebSocket: an unmasked frame', '', () => ws(frame('REGISTER', { mask: false })), (r) => r.closed || closeCode(r) === 1002,
     'libwebsockets takes unmasked frames of clients and does not tell (RFC 6455 5.1 wants a close)'],
    ['WebSocket: bad UTF-8', '', () => ws(frame(Buffer.from([0xc3, 0x28, 0xff]))), (r) => r.closed || closeCode(r) === 1007],
    ['WebSocket: a frame longer than any message', '', () => ws(frame(Buffer.alloc(70000, 65))), (r) => r.closed || closeCode(r) === 1009],
    ['WebSocket: a length of four gigabytes', '', () => ws(frame(Buffer.alloc(70000, 65), { length: 0xf0000000 })), (r) => r.closed || [1002, 1009].includes(closeCode(r))],
    ['WebSocket: a reserved opcode', '', () => ws(frame('x', { opcode: 5 })), (r) => r.closed || closeCode(r) === 1002],
    ['WebSocket: no HTTP', '', () => tcp(num('WS'), [random]), () => true],
    ['WSS: no TLS', '', () => tcp(num('WSS'), ['GET / HTTP/1.1\r\n\r\n']), ({ got }) => !got.includes('101 Switching')],
];

say(await callWorks(), 'the call passes messages before');
for (const [name, log, throwIt, good, limit] of cases) {
    const lines = () => ({ alg: read('alg').split('\n').length, agw: read('agw').split('\n').length });
    const before = lines(), answer = await throwIt();

    if (limit && !good(answer)) console.log(`skip ${name}: answered as the protocol says # SKIP ${limit}`);
    else say(good(answer), `${name}: answered as the protocol says`, answer);
    if (log) {
        const one = await until(1000, () => lines()[log] > before[log]);
        say(one && lines()[log] - before[log] === 1, `${name}: one line in the log of ${log}`, lines()[log] - before[log]);
    } else {
        say(lines().alg - before.alg + lines().agw - before.agw <= 3, `${name}: the log is not flooded`);
    }
    say(await callWorks(), `${name}: the call goes on`);
}
console.log('end');
process.exit(0);
