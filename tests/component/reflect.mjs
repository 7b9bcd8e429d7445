// What a stranger gets for what he sends, by protocol, in octets of UDP payload (or of TCP data, which he cannot forge the source
// of): the worst of each protocol's cases, each waited for long enough to see repetitions. Prints reflection_NAME=FACTOR lines
// and "ok name" / "not ok name"; a factor above 1 is not ok.
import crypto from 'node:crypto';
import dgram from 'node:dgram';
import fs from 'node:fs';
import net from 'node:net';

import { num } from './tap.mjs';

const env = process.env;
const FROM = env.STRANGER ?? '127.0.0.66';
const WAIT = 4000; // 0.5, 1, 2 s: three repetitions of whoever repeats

function ports(from) { // bound UDP ports of a realm, IPv4
    return fs.readFileSync('/proc/net/udp', 'utf8').split('\n').slice(1).map((l) => l.trim().split(/\s+/)[1])
        .filter(Boolean).map((a) => parseInt(a.split(':')[1], 16)).filter((p) => p >= from && p < from + 200);
}

function ask(port, data, host = '127.0.0.1') {
    return new Promise((resolve) => {
        const s = dgram.createSocket('udp4');
        let out = 0, n = 0, first = '';
        s.on('message', (m) => { out += m.length; n++; first ||= m.toString('latin1').split('\n').slice(0, 3).join(' ').slice(0, 90); });
        s.on('error', () => resolve({ in: data.length, out: 0, n: 0, first: 'not sent' }));
        s.bind(0, FROM, () => s.send(data, port, host));
        setTimeout(() => { s.close(); resolve({ in: data.length, out, n, first }); }, WAIT);
    });
}

// Over TCP, the same: what comes back until the other side closes.
function askTcp(port, data) {
    return new Promise((resolve) => {
        const s = net.connect({ port, host: '127.0.0.1', localAddress: FROM }, () => s.write(data));
        let out = 0, n = 0, first = '';
        const end = () => { s.destroy(); resolve({ in: data.length, out, n, first }); };
        s.on('data', (m) => { out += m.length; n++; first ||= m.toString('latin1').slice(0, 90); });
        s.on('error', end);
        s.on('close', end);
        setTimeout(end, 2 * WAIT);
    });
}

const lines = (...l) => Buffer.from(l.join('\r\n') + '\r\n\r\n');
const sip = (method, uri, extra = [], via = `SIP/2.0/UDP h;rport;branch=z9hG4bK${crypto.randomBytes(3).toString('hex')}`) =>
    lines(`${method} ${uri} SIP/2.0`, `Via: ${via}`, 'From: <sip:a@b>;tag=1', 'To: <sip:c@d>', `Call-ID: ${crypto.randomBytes(4).toString('hex')}`,
        `CSeq: 1 ${method}`, ...extra);
const h248 = (text) => Buffer.from(`!/1 <s>:1\n${text}`);
const stun = (...attributes) => {
    const body = Buffer.concat(attributes), head = Buffer.alloc(20);
    head.writeUInt16BE(1, 0); head.writeUInt16BE(body.length, 2); head.writeUInt32BE(0x2112a442, 4);
    return Buffer.concat([head, body]);
};
const attribute = (type, value) => {
    const out = Buffer.alloc(4 + Math.ceil(value.length / 4) * 4);
    out.writeUInt16BE(type, 0); out.writeUInt16BE(value.length, 2); Buffer.from(value).copy(out, 4);
    return out;
};
const hello = Buffer.concat([Buffer.from([22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 55, 1, 0, 0, 43, 0, 0, 0, 0, 0, 0, 0, 43, 254, 253]),
    crypto.randomBytes(32), Buffer.from([0, 0, 0, 2, 0xc0, 0x2b, 1, 0, 0])]);
const rtp = Buffer.concat([Buffer.from([128, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1]), Buffer.alloc(160)]);
const rtcp = Buffer.from('80c90001000000018100000200000001', 'hex');

const frame = (p) => Buffer.concat([Buffer.from([p.length >> 8, p.length & 255]), p]);
const media = (from, data) => ports(from).map((p) => [p, data]);
const one = (port, ...all) => all.map((d) => [port, d]);
const groups = {
    sip: one(num('ALG_SIP'), sip('OPTIONS', 'sip:x'), sip('INVITE', 'sip:x'), sip('REGISTER', 'sip:x'), sip('BYE', 'sip:x'), sip('FOO', 'sip:x'),
        sip('INVITE', 'sip:alice@home.example.net', ['Require: x, y, z', 'Max-Forwards: 0']), sip('INVITE', 'sip:x', ['Contact: <sip:q@r>', 'Max-Forwards: 70']),
        sip('OPTIONS', 'sip:x', ['Require: 100rel']), sip('SUBSCRIBE', 'sip:x', ['Event: x']), Buffer.from('x'), Buffer.from('\r\n\r\n'),
        lines('OPTIONS sip:x SIP/7.0', 'v: SIP/2.0/UDP h;rport', 'f: a', 't: b', 'i: c', 'CSeq: 1 OPTIONS'), lines('INVITE sip:x SIP/2.0', 'v: SIP/2.0/UDP h;rport;branch=z9hG4bKm'),
        sip('MESSAGE', 'sip:x', ['Content-Length: 9999']), sip('REFER', '<sip:x>'), stun(), hello),
    h248_alg: one(num('ALG_H248'), h248('T=1{C=-{AV=ROOT{AT{}}}}'), h248('T=1{C=-{SC=ROOT{SV{MT=RS,RE="901"}}}}'), h248('T=1{C=$}'), h248('T=1{'), h248(''), Buffer.from('x'),
        h248('T=1{C=1{N=a{OE=1{a/b}}}}'), h248(Array.from({ length: 40 }, (_, i) => `T=${i}{C=-{N=r}}`).join('')), h248('P=1{C=-{SC=ROOT}}'), h248('K{1}'), h248('ER=1{}')),
    h248_agw: one(num('AGW_H248'), h248('T=1{C=-{AV=ROOT{AT{}}}}'), h248('T=1{C=*{AV=*{AT{}}}}'), h248('T=1{C=$}'), h248('T=1{'), h248(''), Buffer.from('x'),
        h248('T=1{C=*{W-AV=*{AT{M,SA,OE}}}}'), h248('T=1{C=-{AC=ROOT{AT{}}}}'), h248(Array.from({ length: 40 }, (_, i) => `T=${i}{C=-{S=*}}`).join(''))),
    stun_access: [...media(num('ACCESS'), stun()), ...media(num('ACCESS'), stun(attribute(6, 'a:b'), attribute(8, crypto.randomBytes(20)))),
        ...media(num('ACCESS'), stun(attribute(0x7777, 'x')))],
    door: [stun(), stun(attribute(6, 'a:b'), attribute(8, crypto.randomBytes(20))), stun(attribute(6, `${env.UFRAG}:b`), attribute(8, crypto.randomBytes(20))),
        stun(attribute(6, `${env.UFRAG}:b`), attribute(0x7777, 'x')), hello, rtp, rtcp, Buffer.alloc(0), Buffer.alloc(2000, 65)].map((p) => ['door', frame(p)])
        .concat([Buffer.from('1603010200010001fc0303', 'hex'), Buffer.from('SSH-2.0-x\r\n'), Buffer.alloc(2)].map((p) => ['door', p])),
    dtls_access: media(num('ACCESS'), hello),
    rtp_access: [...media(num('ACCESS'), rtp), ...media(num('ACCESS'), rtcp)],
    rtp_core: [...media(num('CORE'), rtp), ...media(num('CORE'), rtcp), ...media(num('CORE'), stun()), ...media(num('CORE'), hello)],
};

const asked = Object.entries(groups).map(async ([name, cases]) => [name, cases, await Promise.all(cases.map(([port, data]) => (port === 'door' ? askTcp(num('DOOR'), data) : ask(port, data))))]);
for (const [name, cases, got] of await Promise.all(asked)) {
    if (!cases.length) { console.log(`not ok reflection_${name}: nothing to ask`); continue; }
    const worst = got.reduce((a, b) => (b.out / b.in > a.out / a.in ? b : a));
    const all = got.reduce((a, b) => ({ in: a.in + b.in, out: a.out + b.out }), { in: 0, out: 0 });
    console.log(`reflection_${name}=${(worst.out / worst.in).toFixed(2)}`);
    console.log(`${worst.out <= worst.in ? 'ok' : 'not ok'} ${name}: at most what came goes back (${cases.length} cases, worst ${worst.in} in, ` +
        `${worst.out} out in ${worst.n}; all ${all.in} in, ${all.out} out)`);
    if (env.VERBOSE) got.forEach((g, i) => console.log(`  ${cases[i][0]} ${JSON.stringify(cases[i][1].toString('latin1').slice(0, 50))} in=${g.in} out=${g.out} n=${g.n} ${g.first}`));
}
console.log('end');
