// alg between a SIP core and a browser that are both here: messages as latin1 text, one transport a run. PASS: udp, tcp, udp6 (the
// core's side) or ws (a registered browser's). say() prints TAP's "ok name".
import crypto from 'node:crypto';
import dgram from 'node:dgram';
import fs from 'node:fs';
import net from 'node:net';

import { id, say, sleep, until } from './tap.mjs';

export { id, say, sleep, until };
export const env = process.env, pass = env.PASS;
export const here = pass === 'udp6' ? '::1' : '127.0.0.1';

// --- messages, octets as latin1 ---

export const unfold = (text) => text.replace(/\r\n[ \t]+/g, ' ');
export function values(text, name, short) { // of all header fields of that name
    const head = unfold(text.split('\r\n\r\n')[0]);
    return [...head.matchAll(new RegExp(`^(?:${name}${short ? `|${short}` : ''})[ \\t]*:[ \\t]*(.*)$`, 'gmi'))].map((m) => m[1].trim());
}
export const value = (text, name, short) => values(text, name, short)[0] ?? '';
export const statusOf = (text) => /^SIP\/2\.0 (\d+)/.exec(text)?.[1] ?? '';
export const methodOf = (text) => text.split(' ')[0];

function split(stream) { // whole messages of a stream, and what is left
    const out = [];
    stream = stream.replace(/^(\r\n)+/, ''); // a pong
    for (let at; (at = stream.indexOf('\r\n\r\n')) >= 0;) {
        const end = at + 4 + Number(value(stream.slice(0, at), 'Content-Length', 'l') || 0);
        if (stream.length < end) break;
        out.push(stream.slice(0, end));
        stream = stream.slice(end);
    }
    return [out, stream];
}

export function answer(req, status, extra = '', body = '') {
    const to = value(req, 'To', 't'), tag = /;\s*tag\s*=/.test(to) || status.startsWith('100') ? '' : `;tag=${id()}`;
    return `SIP/2.0 ${status}\r\n${values(req, 'Via', 'v').map((v) => `Via: ${v}\r\n`).join('')}From: ${value(req, 'From', 'f')}\r\n` +
        `To: ${to}${tag}\r\nCall-ID: ${value(req, 'Call-ID', 'i')}\r\nCSeq: ${value(req, 'CSeq')}\r\n${extra}Content-Length: ${body.length}\r\n\r\n${body}`;
}
export const ackOf = (sent, got) => `ACK ${/^\S+ +(.*?) +SIP\//.exec(sent)?.[1] ?? 'sip:x@example.com'} SIP/2.0\r\nVia: ${value(got, 'Via', 'v')}\r\n` +
    `From: ${value(got, 'From', 'f')}\r\nTo: ${value(got, 'To', 't')}\r\nCall-ID: ${value(got, 'Call-ID', 'i')}\r\n` +
    `CSeq: ${value(got, 'CSeq').split(' ')[0]} ACK\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n`;

// --- the core behind alg: registrar of one user with all the names the messages call, and whoever the browser calls ---

const names = ['user@example.com', 'vivekg@chair-dnrc.example.com', 'UserB@example.com', 'joe@example.com', 'kumiko@example.org',
    'sips%3Auser%40example.com@example.net', 'user@[2001:db8::10]'];
export const atCore = []; // requests that reached it
export const core = dgram.createSocket(here === '::1' ? 'udp6' : 'udp4');
core.on('message', (m, from) => {
    const text = m.toString('latin1'), method = methodOf(text);
    if (statusOf(text)) return;
    const contacts = values(text, 'Contact', 'm').map((c) => `Contact: ${c}${c.includes('expires') ? '' : ';expires=600'}\r\n`).join('');
    if (!atCore.includes(text)) atCore.push(text); // again, when we were slow
    if (method === 'ACK') return;
    core.send(Buffer.from(method === 'REGISTER' ? answer(text, '200 OK', contacts + `P-Associated-URI: ${names.map((n) => `<sip:${n}>`).join(', ')}\r\n`)
        : answer(text, method === 'INVITE' ? '486 Busy Here' : '200 OK'), 'latin1'), from.port, from.address);
});

// --- the browser ---

export const browser = { got: [], asked: [], buf: Buffer.alloc(0), open: false, closed: false, answers: false, rings: false }; // takes calls, lets them ring; else it is busy
export function frame(text) { // one masked frame, binary where the octets are no UTF-8
    const data = Buffer.from(text, 'latin1'), utf8 = Buffer.compare(Buffer.from(data.toString('utf8'), 'utf8'), data) === 0, n = data.length;
    const head = n < 126 ? [0x80 | n] : [0x80 | 126, n >> 8, n & 255];
    return Buffer.concat([Buffer.from([utf8 ? 0x81 : 0x82, ...head, 0, 0, 0, 0]), data]);
}
const audio = (offer) => 'v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=audio 54111 UDP/TLS/RTP/SAVPF 0\r\nc=IN IP4 127.0.0.1\r\na=rtcp-mux\r\n' +
    `a=mid:${/a=mid:(\S+)/.exec(offer)?.[1] ?? 0}\r\na=ice-ufrag:4ZcD\r\na=ice-pwd:2/1muCWoOi3uLifh0NuRHlZw\r\na=setup:active\r\n` +
    `a=fingerprint:sha-256 ${Array(32).fill('4F').join(':')}\r\na=candidate:2 1 udp 1686052607 127.0.0.1 54111 typ host\r\n`;
function onBrowser(text) {
    if (statusOf(text)) { browser.got.push(text); return; }
    browser.asked.push(text);
    if (methodOf(text) === 'ACK') return;
    if (methodOf(text) === 'INVITE' && browser.rings) return;
    if (methodOf(text) !== 'INVITE' || !browser.answers) browser.socket.write(frame(answer(text, methodOf(text) === 'INVITE' ? '486 Busy Here' : '200 OK')));
    else browser.socket.write(frame(answer(text, '200 OK', 'Contact: <sip:user@b.invalid;transport=ws>\r\nContent-Type: application/sdp\r\n', audio(text))));
}
function onFrames(data) {
    browser.buf = Buffer.concat([browser.buf, data]);
    if (!browser.open) {
        const end = browser.buf.indexOf('\r\n\r\n');
        if (end < 0) return;
        browser.open = browser.buf.toString('latin1', 0, 12) === 'HTTP/1.1 101';
        browser.buf = browser.buf.subarray(end + 4);
    }
    for (;;) {
        const b = browser.buf, n = b.length < 2 ? 0 : b[1] & 127, head = n === 126 ? 4 : 2;
        if (b.length < head) return;
        const length = n === 126 ? b.readUInt16BE(2) : n;
        if (b.length < head + length) return;
        browser.buf = b.subarray(head + length);
        if ((b[0] & 15) < 3) onBrowser(b.toString('latin1', head, head + length));
    }
}
export async function browserStart() {
    browser.socket = net.connect(Number(env.WS), '127.0.0.1');
    browser.socket.on('data', onFrames).on('close', () => { browser.closed = true; }).on('error', () => { browser.closed = true; });
    browser.socket.write(`GET / HTTP/1.1\r\nHost: 127.0.0.1:${env.WS}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n` +
        `Sec-WebSocket-Key: ${crypto.randomBytes(16).toString('base64')}\r\nOrigin: http://127.0.0.1:8000\r\nSec-WebSocket-Protocol: sip\r\n\r\n`);
    await until(2000, () => browser.open);
    browser.socket.write(frame(`REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/WS b.invalid;branch=z9hG4bK${id()}\r\nMax-Forwards: 70\r\n` +
        `From: <sip:user@example.com>;tag=${id()}\r\nTo: <sip:user@example.com>\r\nCall-ID: ${id()}\r\nCSeq: 1 REGISTER\r\n` +
        'Contact: <sip:user@b.invalid;transport=ws>\r\nContent-Length: 0\r\n\r\n'));
    return until(3000, () => browser.got.some((t) => statusOf(t) === '200'));
}

// --- ways to send: { finals: statuses, texts, closed } ---

export const port = Number(env.ALG_SIP);
// what Sofia-SIP refuses by itself is stateless and needs no ACK, which would be malformed for the same reason
const wantsAck = (text) => /INVITE$/.test(value(text, 'CSeq')) && value(text, 'Server').startsWith('openiq');
export const isFinal = (text) => Number(statusOf(text)) >= 200;

function overUdp(text, patience) {
    // RFC 3261 18.2.2: the answer goes to where the request came from, at the port of the Via's sent-by
    const at = /^\S+\s*\/\s*\S+\s*\/\s*\S+\s+(?:\[[^\]]*\]|[^\s:;,]+)(?::(\d+))?/.exec(value(text, 'Via', 'v'));
    return new Promise((resolve) => {
        const s = dgram.createSocket(here === '::1' ? 'udp6' : 'udp4'), texts = [], sent = Date.now();
        const end = () => { s.close(); resolve({ texts, closed: false }); };
        let timer = setTimeout(end, patience);
        s.on('message', (m) => {
            const got = m.toString('latin1');
            if (Date.now() - sent > 400 && texts.includes(got)) return; // T1: we were slow
            texts.push(got);
            if (!isFinal(got)) return;
            if (wantsAck(got)) s.send(Buffer.from(ackOf(text, got), 'latin1'), port, here);
            clearTimeout(timer);
            timer = setTimeout(end, 12);
        });
        s.bind(Number(at?.[1] ?? 5060), here, () => s.send(Buffer.from(text, 'latin1'), port, here));
    });
}

function overTcp(text, patience, ends) { // or pieces of it, a moment between; ends: it is to be closed, which is waited for
    return new Promise((resolve) => {
        const s = net.connect(port, here), texts = [], whole = [text].flat().join('');
        let stream = '', raw = '', closed = false;
        const end = () => { resolve({ texts, raw, closed }); s.destroy(); };
        let timer = setTimeout(end, patience);
        s.setNoDelay(true);
        s.on('connect', async () => { for (const piece of [text].flat()) { s.write(Buffer.from(piece, 'latin1')); if (piece !== text) await sleep(10); } });
        s.on('data', (m) => {
            const [more, left] = split(stream + m.toString('latin1'));
            raw += m.toString('latin1');
            stream = left;
            texts.push(...more);
            for (const got of more.filter(isFinal)) if (wantsAck(got)) s.write(Buffer.from(ackOf(whole, got), 'latin1'));
            if (!more.some(isFinal) || ends) return;
            clearTimeout(timer);
            timer = setTimeout(end, 25);
        });
        s.on('close', () => { closed = true; clearTimeout(timer); end(); }).on('error', () => { closed = true; });
    });
}

async function overWs(text, patience) {
    const from = browser.got.length, texts = () => browser.got.slice(from);
    browser.socket.write(frame(text));
    await until(patience, () => texts().some(isFinal));
    await sleep(15);
    for (const got of texts().filter(isFinal)) if (wantsAck(got)) browser.socket.write(frame(ackOf(text, got)));
    return { texts: texts(), closed: browser.closed };
}
const ways = { udp: overUdp, udp6: overUdp, tcp: overTcp, ws: overWs };
export const token = { udp: 'UDP', udp6: 'UDP', tcp: 'TCP', ws: 'WS' }[pass];
export const send = ways[pass];

// --- that all is well ---

export const good = (method, extra, body = '') => `${method} sip:user@example.com SIP/2.0\r\nVia: SIP/2.0/${token} probe.invalid;branch=z9hG4bK${id()}\r\nMax-Forwards: 70\r\n` +
    `From: <sip:probe@example.net>;tag=${id()}\r\nTo: <sip:user@example.com>\r\nCall-ID: ${id()}\r\nCSeq: 1 ${method}\r\n${extra}Content-Length: ${body.length}\r\n\r\n${body}`;
export const sdp = 'v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 49170 RTP/AVP 0\r\n';
export async function works() {
    const options = await send(good('OPTIONS', ''), 2000), asked = browser.asked.length;
    const call = pass === 'ws' ? await overUdp(good('INVITE', 'Contact: <sip:probe@127.0.0.1:5060>\r\nContent-Type: application/sdp\r\n', sdp).replace('/WS ', '/UDP '), 2000)
        : await send(good('INVITE', 'Contact: <sip:probe@127.0.0.1:5060>\r\nContent-Type: application/sdp\r\n', sdp), 2000);
    const statuses = [options, call].map((r) => statusOf(r.texts.find(isFinal) ?? '')).join(' ');
    return statuses === '200 486' && browser.asked.slice(asked).some((t) => methodOf(t) === 'INVITE') ? '' : statuses || 'nothing';
}

export const log = () => fs.readFileSync(`${env.TMP}/alg.log`, 'utf8').split('\n').slice(0, -1);
export const body = (text) => text.slice(text.indexOf('\r\n\r\n') + 4);
// The lines about what was done since: one where it is worth one, else nothing above info.
export async function logged(from, loud, name) {
    const lines = () => log().slice(from).filter((l) => loud || !/^\S+ [DI] /.test(l));
    await until(loud ? 1000 : 0, () => lines().length);
    say(lines().length === (loud ? 1 : 0), `${name}: ${loud ? 'one line' : 'no warning'} in the log`, lines());
}
export async function begin() {
    await new Promise((r) => core.bind(Number(env.FAR_SIP), here, r));
    say(await browserStart(), `${pass}: a browser is registered`);
    say(!await works(), `${pass}: OPTIONS and a call work before`);
}
