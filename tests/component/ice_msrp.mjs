// MSRP over ICE-TCP through a running agw (TS 33.203 W.3.4): a controller of H.248, UEs on the shared port, MSRP peers of the core, all
// of it here. Prints "ok name" / "not ok name".
import crypto from 'node:crypto';
import dgram from 'node:dgram';
import fs from 'node:fs';
import net from 'node:net';

import { check, frame } from './stun.mjs';
import { num, request, say, sleep, until } from './tap.mjs';

const env = process.env;
const HOST = '127.0.0.1', DOOR = num('DOOR'), UE_PWD = '0123456789abcdefghijkl';

async function metric(name) {
    const text = await request(`http://${HOST}:${env.AGW_OPS}/metrics`);
    return Number(text.match(new RegExp(`^${name} (\\d+)$`, 'm'))?.[1]);
}

const memory = () => Number(fs.readFileSync(`/proc/${env.AGW_PID}/status`, 'utf8').match(/VmRSS:\s*(\d+)/)[1]); // kB

// Until a count stands still: what the kernels of three hops hold is some MB and nobody's business here.
async function settles(name) {
    let last = -1;
    for (let same = 0; same < 5; await sleep(60)) {
        const now = await metric(name);
        same = now === last ? same + 1 : 0;
        last = now;
    }
    return last;
}

// --- the controller ---

const mgc = {
    socket: dgram.createSocket('udp4'), next: 1, waiting: new Map(), told: [], registered: false,
    send(text) { this.socket.send(`!/2 [${HOST}]:${env.ALG_H248}\n${text}`, num('AGW_H248'), HOST); },
    input(text) {
        const [, kind, id] = text.match(/\b(Transaction|T|Reply|P)\s*=\s*(\d+)/) ?? [];
        if (kind === 'Reply' || kind === 'P') {
            this.waiting.get(id)?.(text);
            return;
        }
        if (/ServiceChange\s*=|SC\s*=/.test(text)) {
            this.registered = true;
            this.send(`P=${id}{C=-{SC=ROOT{SV{PF=openiq/1,V=2}}}}`);
        } else if (/Notify|\bN\s*=/.test(text)) {
            const [, context, term] = text.match(/(?:Context|C)\s*=\s*(\d+)[^]*?(?:Notify|N)\s*=\s*([^\s{]+)/);
            this.told.push(text);
            this.send(`P=${id}{C=${context}{N=${term}}}`);
        }
    },
    open() {
        return new Promise((resolve) => {
            this.socket.on('message', (m) => this.input(m.toString()));
            this.socket.bind(num('ALG_H248'), HOST, resolve);
        });
    },
    async ask(body) {
        const id = String(this.next++);
        const reply = new Promise((resolve) => this.waiting.set(id, resolve));
        this.send(`T=${id}{${body}}`);
        const text = await Promise.race([reply, sleep(5000).then(() => '')]);
        this.send(`K{${id}}`);
        return text;
    },
};

// --- the ends of a session ---

class Ue { // one connection on the shared port
    constructor(call) {
        Object.assign(this, { call, got: [], n: 0, answers: 0, closed: false, rest: Buffer.alloc(0), blocked: false });
        this.s = net.connect({ port: DOOR, host: HOST });
        this.s.on('data', (d) => this.data(d));
        this.s.on('drain', () => { this.blocked = false; });
        for (const ev of ['error', 'close']) this.s.on(ev, () => { this.closed = true; });
    }
    data(d) {
        this.rest = Buffer.concat([this.rest, d]);
        while (this.rest.length >= 2 && this.rest.length >= 2 + this.rest.readUInt16BE(0)) {
            const p = this.rest.subarray(2, 2 + this.rest.readUInt16BE(0));
            this.rest = this.rest.subarray(2 + p.length);
            if (p.length >= 20 && p.readUInt32BE(4) === 0x2112a442 && p[0] < 64) { this.answers += p.readUInt16BE(0) === 0x0101; continue; }
            this.got.push(p); this.n += p.length;
        }
    }
    raw(p) { this.blocked = !this.s.write(p); }
    check(nominate = true, ufrag = this.call.ufrag) { this.raw(frame(check(ufrag, this.call.pwd, nominate))); }
    async up(nominate = true) {
        const before = this.answers;
        this.check(nominate);
        return until(3000, () => this.answers > before);
    }
    octets(p, size) { // MSRP in frames of that size, or of any
        for (let at = 0, n; at < p.length; at += n) {
            n = Math.min(p.length - at, size ?? 1 + Math.floor(Math.random() * 65535));
            this.raw(frame(p.subarray(at, at + n)));
        }
    }
    get text() { return Buffer.concat(this.got).toString('latin1'); }
}

class Core { // an MSRP endpoint that agw connects to
    constructor() {
        Object.assign(this, { got: [], n: 0, s: null, conns: 0 });
        this.server = net.createServer((s) => {
            this.s = s; this.conns++;
            s.on('data', (d) => { this.got.push(d); this.n += d.length; });
            s.on('error', () => {});
        });
    }
    listen() { return new Promise((resolve) => this.server.listen(0, HOST, () => resolve(this.server.address().port))); }
    get text() { return Buffer.concat(this.got).toString('latin1'); }
    close() { this.s?.destroy(); this.server.close(); }
}

const LOCAL = (proto = 'TCP/MSRP *', more = '') => `L{\nv=0\nc=IN IP4 $\nm=message $ ${proto}\na=setup:passive\na=ice-ufrag:$\na=ice-pwd:$\n` +
    `a=candidate:$ 1 TCP $ $ $ typ host tcptype passive\n${more}}`;
const ACCESS = (local) => `A=ip/$/access/${'$'}{M{ST=1{O{MO=SR},${local},R{\nv=0\nc=IN IP4 ${HOST}\nm=message 9 TCP/MSRP *\na=setup:active\n` +
    `a=ice-ufrag:uefr\na=ice-pwd:${UE_PWD}\n}}},E=7{tcpbcc/BNCChange{Stream=1},g/cause}}`;

async function call() {
    const core = new Core(), port = await core.listen();
    const reply = await mgc.ask(`C=\${A=ip/$/core/\${M{ST=1{O{MO=SR},L{\nv=0\nc=IN IP4 $\nm=message $ TCP/MSRP *\na=setup:active\n},` +
        `R{\nv=0\nc=IN IP4 ${HOST}\nm=message ${port} TCP/MSRP *\na=setup:passive\n}}}},${ACCESS(LOCAL())}}`);
    const c = { core, reply, context: reply.match(/(?:Context|C)\s*=\s*(\d+)/)?.[1], ufrag: reply.match(/ice-ufrag:(\S+)/)?.[1], pwd: reply.match(/ice-pwd:(\S+)/)?.[1] };
    c.ue = new Ue(c);
    c.end = async () => { c.ue.s.destroy(); c.core.close(); return mgc.ask(`C=${c.context}{W-S=*}`); };
    c.ready = async () => (await c.ue.up()) && until(3000, () => core.s);
    return c;
}

const SEND = (tid, body, flag = '$', id = tid) => Buffer.concat([Buffer.from(`MSRP ${tid} SEND\r\nTo-Path: msrp://core.example.net:2855/a;tcp\r\n` +
    `From-Path: msrp://ue.example.net:80/b;tcp\r\nMessage-ID: ${id}\r\nByte-Range: 1-*/${body.length}\r\nContent-Type: application/octet-stream\r\n\r\n`), body,
    Buffer.from(`\r\n-------${tid}${flag}\r\n`)]);
const OK = (tid) => Buffer.from(`MSRP ${tid} 200 OK\r\nTo-Path: msrp://ue.example.net:80/b;tcp\r\nFrom-Path: msrp://core.example.net:2855/a;tcp\r\n-------${tid}$\r\n`);
function chunks(total) { // chunks of all sizes, so many octets of bodies
    const out = [];
    for (let left = total, i = 0, n; left > 0; left -= n, i++) {
        n = Math.min(left, [1, 100, 2048, 70000, 300000][i % 5]);
        out.push(SEND(`t${crypto.randomBytes(6).toString('hex')}`, crypto.randomBytes(n)));
    }
    return Buffer.concat(out);
}
const same = (got, want) => { const all = Buffer.concat(got); return all.length === want.length && all.equals(want); };

// --- cases ---

async function refusals() {
    const cases = {
        'a candidate of UDP': [501, LOCAL('TCP/MSRP *', 'a=candidate:$\n')], 'no candidate at all': [501, LOCAL().replace(/a=candidate.*\n/, '')],
        'an active one': [501, LOCAL().replace('setup:passive', 'setup:active')], 'IPv6 without a listener': [501, LOCAL().replace('IP4', 'IP6')],
    };
    for (const [name, [code, local]] of Object.entries(cases)) {
        const reply = await mgc.ask(`C=\${${ACCESS(local)}}`);
        say(new RegExp(`(Error|ER)\\s*=\\s*${code}`).test(reply), `Local with ${name} is refused, ${code}`, reply);
    }
}

async function both_ways() {
    const c = await call(), up = chunks(1 << 20), down = chunks(1 << 20);
    say(new RegExp(`m=message ${DOOR} TCP/MSRP`).test(c.reply) && /a=candidate:2 1 TCP \d+ 127.0.0.1 \d+ typ host tcptype passive/.test(c.reply),
        'Local tells the port and its candidates', c.reply);
    say(await c.ready(), 'a UE comes in on the shared port, the core is connected');
    const hello = SEND('first1', Buffer.from('hello'));
    c.ue.octets(hello);
    say(await until(3000, () => c.core.text === hello.toString('latin1')), 'a message reaches the core as it was', c.core.text);
    c.core.s.write(OK('first1'));
    say(await until(3000, () => c.ue.text === OK('first1').toString()), 'and its answer the UE', c.ue.text);
    c.core.got = []; c.ue.got = []; c.core.n = c.ue.n = 0;
    c.ue.octets(up); c.core.s.write(down);
    const done = await until(20000, () => c.core.n >= up.length && c.ue.n >= down.length);
    say(done && same(c.core.got, up) && same(c.ue.got, down), `1 MB each way, octet for octet (${up.length}, ${down.length})`, [c.core.n, c.ue.n]);
    say(/Context|C\s*=/.test(await c.end()), 'Subtract ends it');
}

// One of the core reads nothing: its UE is stopped, by TCP alone, and nobody else notices.
const LOTS = 40 << 20;
async function core_slow() {
    const c = await call(), other = await call(), up = chunks(LOTS), rested = await metric('agw_ice_tcp_rested');
    say(await c.ready() && await other.ready(), 'two sessions are up');
    const held = memory(), before = await metric('agw_octets_to_core_total');
    c.core.s.pause();
    c.ue.octets(up, 16384);
    await until(5000, async () => (await metric('agw_ice_tcp_rested')) > rested);
    const gone = await settles('agw_octets_to_core_total') - before, more = memory() - held;
    say(gone < up.length - (1 << 20) && await metric('agw_ice_tcp_rested') > rested, 'the UE of a core that does not read is not read', [gone, up.length]);
    say(more < (num('HOLDS') || 2048), `and agw holds no more for it than it may (${more} kB)`);
    const hello = chunks(200000);
    other.ue.octets(hello);
    say(await until(3000, () => other.core.n === hello.length) && same(other.core.got, hello), 'another session goes on');
    c.core.s.write(OK('back12'));
    say(await until(3000, () => c.ue.text === OK('back12').toString()), 'and the other direction of this one', c.ue.text);
    c.core.s.resume();
    say(await until(30000, () => c.core.n >= up.length) && same(c.core.got, up), 'then the core reads, and has all of it', [c.core.n, up.length]);
    say(await c.ue.up(), 'and checks are answered again');
    await c.end(); await other.end();
}

async function ue_slow() {
    const c = await call(), other = await call(), down = chunks(LOTS);
    await c.ready(); await other.ready();
    const held = memory(), before = await metric('agw_octets_to_wic_total');
    c.ue.s.pause();
    for (let at = 0; at < down.length; at += 1 << 16) c.core.s.write(down.subarray(at, at + (1 << 16)));
    const gone = await settles('agw_octets_to_wic_total') - before, more = memory() - held;
    say(gone < down.length - (1 << 20) && c.core.s.writableLength > 1 << 20, 'the core of a UE that does not read is not read', [gone, down.length]);
    say(more < (num('HOLDS') || 2048), `and agw holds no more for it than it may (${more} kB)`);
    const hello = chunks(200000);
    other.core.s.write(hello);
    say(await until(3000, () => other.ue.n === hello.length) && same(other.ue.got, hello), 'another session goes on');
    const back = SEND('back34', Buffer.from('still here'));
    c.ue.octets(back);
    say(await until(3000, () => c.core.text === back.toString('latin1')), 'and the other direction of this one', c.core.text);
    c.ue.s.resume();
    say(await until(30000, () => c.ue.n >= down.length) && same(c.ue.got, down), 'then the UE reads, and has all of it', [c.ue.n, down.length]);
    await c.end(); await other.end();
}

const told = (what, c) => mgc.told.some((t) => new RegExp(`(Context|C)\\s*=\\s*${c.context}\\b`).test(t) && what.test(t));
const REL = /BNCChange[^]*Type\s*=\s*"?Rel/i, EST = /BNCChange[^]*Type\s*=\s*"?Est/i;

// A connection ends in the middle of a message each way; the UE comes back on another and both go on at a border of chunks.
async function cut() {
    const c = await call(), half = SEND('half12', Buffer.alloc(50000, 'x')), whole = SEND('next12', Buffer.from('whole'));
    await c.ready();
    c.core.s.write(half.subarray(0, 30000));
    c.ue.octets(half.subarray(0, 30000));
    await until(3000, () => c.ue.n > 29000 && c.core.n > 29000);
    const before = c.core.n;
    c.ue.s.destroy();
    say(await until(3000, () => c.core.text.endsWith('\r\n-------half12+\r\n')), 'half a message ends with + at the core', c.core.text.slice(-40));
    const head = half.toString('latin1').split('\r\n\r\n')[0] + '\r\n\r\n', body = c.core.text.slice(head.length, -'\r\n-------half12+\r\n'.length);
    say(c.core.text.startsWith(head) && /^x+$/.test(body), `with octets of its own alone (${before}, body ${body.length} of 30000)`);
    say(await until(3000, () => told(REL, c)), 'the controller is told', mgc.told);
    c.core.s.write(Buffer.concat([half.subarray(30000), whole])); // the rest of a message that the UE has lost, and one it has not
    c.ue = new Ue(c); c.core.got = []; c.core.n = 0;
    say(await c.ue.up(false) && await until(3000, () => c.ue.text === whole.toString('latin1')), 'back on another connection, the UE gets the next message, not the rest', c.ue.text.slice(0, 60));
    c.ue.octets(whole);
    say(await until(3000, () => c.core.text === whole.toString('latin1')), 'and the core, too', c.core.text);
    say(await until(3000, () => told(EST, c)), 'and the controller is told', mgc.told);
    say(c.core.conns === 1, "the core's connection stayed");
    await c.end();
}

async function core_cut() {
    const c = await call(), half = SEND('half34', Buffer.alloc(50000, 'y')), whole = SEND('next34', Buffer.from('whole'));
    await c.ready();
    c.core.s.write(half.subarray(0, 30000));
    c.ue.octets(half.subarray(0, 30000));
    await until(3000, () => c.ue.n > 29000 && c.core.n > 29000);
    c.core.s.destroy();
    say(await until(3000, () => c.ue.text.endsWith('\r\n-------half34+\r\n')), 'half a message of the core ends with + at the UE', c.ue.text.slice(-40));
    await until(5000, () => c.core.conns === 2);
    c.core.got = []; c.core.n = 0;
    c.ue.octets(Buffer.concat([half.subarray(30000), whole]));
    say(await until(3000, () => c.core.text === whole.toString('latin1')), 'on its next connection the core gets the next message, not the rest', c.core.text.slice(0, 60));
    await c.end();
}

async function orderly_end() { // what came before the end counts, whoever is slow
    const c = await call(), up = chunks(300000);
    await c.ready();
    c.core.s.pause();
    c.ue.octets(up);
    await until(5000, () => c.ue.s.writableLength === 0);
    c.ue.s.end();
    await until(5000, () => c.ue.closed);
    c.core.s.resume();
    say(await until(5000, () => c.core.n >= up.length) && same(c.core.got, up), 'a UE that says all and leaves has said all', [c.core.n, up.length]);
    await c.end();
}

async function hostile() {
    const bad = await metric('agw_msrp_bad_total');
    const answerable = 'MSRP badone1 SEND\r\nTo-Path: msrp://a/b;tcp\r\nFrom-Path: msrp://c/d;tcp\r\nno colon\r\n\r\n';
    const cases = { 'HTTP': 'GET / HTTP/1.1\r\n\r\n', 'random octets': crypto.randomBytes(5000), 'a line without end': `MSRP aaaa${'b'.repeat(8000)}`, 'a head with rubbish in it': answerable };
    for (const [name, octets] of Object.entries(cases)) {
        const c = await call();
        await c.ready();
        c.ue.octets(Buffer.from(octets));
        say(await until(3000, () => c.ue.closed) && c.core.n === 0, `${name} for MSRP: closed, the core sees nothing`, c.core.text);
        if (octets === answerable) say(/MSRP badone1 400/.test(c.ue.text), 'and 400 where it can be said', c.ue.text);
        c.ue = new Ue(c);
        const text = SEND('again1', Buffer.from('again'));
        await c.ue.up();
        c.ue.octets(text);
        say(await until(3000, () => c.core.text === text.toString('latin1')), 'and it may come back and be good', c.core.text);
        await c.end();
    }
    say((await metric('agw_msrp_bad_total')) === bad + 4, 'each is counted');
    const c = await call();
    await c.ready();
    let closed = false;
    c.core.s.on('close', () => { closed = true; });
    c.core.s.write('HTTP/1.1 200 OK\r\n\r\n');
    say(await until(5000, () => closed) && c.ue.n === 0, "junk of the core's: closed, the UE sees nothing", c.ue.text);
    await c.end();
    const dribble = await call(), text = SEND('slow56', Buffer.from('one by one'));
    await dribble.ready();
    for (const x of text) { dribble.ue.raw(frame(Buffer.from([x]))); dribble.ue.raw(frame(Buffer.alloc(0))); }
    say(await until(3000, () => dribble.core.text === text.toString('latin1')), 'octets in frames of one, empty ones between them, are a message', dribble.core.text);
    await dribble.end();
}

async function doors() {
    const c = await call(), before = [await metric('agw_door_unknown'), await metric('agw_door_oversized'), await metric('agw_ice_tcp_refused'), await metric('agw_ice_tcp_oversized')];
    const stranger = new Ue(c);
    stranger.check(true, 'nobody99');
    say(await until(3000, () => stranger.closed) && (await metric('agw_door_unknown')) === before[0] + 1, 'an unknown ufrag: closed, counted');
    const long = new Ue(c);
    long.octets(Buffer.alloc(3000, 'M'), 3000);
    say(await until(3000, () => long.closed) && (await metric('agw_door_oversized')) === before[1] + 1, 'a first frame too long: closed, counted');
    const early = new Ue(c);
    say(await early.up(false), 'a check that nominates nothing is answered');
    early.octets(SEND('early1', Buffer.from('too early')));
    say(await until(3000, () => early.closed) && c.core.n === 0 && (await metric('agw_ice_tcp_refused')) === before[2] + 1, 'MSRP on a pair that is not nominated: closed, counted');
    await c.ready();
    const stun = Buffer.alloc(4000);
    stun.writeUInt16BE(1, 0); stun.writeUInt16BE(3980, 2); stun.writeUInt32BE(0x2112a442, 4);
    c.ue.octets(stun, 4000);
    say(await until(3000, () => c.ue.closed) && (await metric('agw_ice_tcp_oversized')) === before[3] + 1, 'STUN longer than any: closed, counted');
    await c.end();
}

async function late() {
    const c = await call(), before = await metric('agw_door_late'), at = Date.now();
    say(await until(8000, () => c.ue.closed) && (await metric('agw_door_late')) === before + 1, `no STUN in 5 s: closed, counted (${Date.now() - at} ms)`);
    await c.end();
}

async function subtract() {
    const c = await call(), up = chunks(8 << 20);
    await c.ready();
    c.ue.octets(up, 30000);
    c.core.s.write(up);
    await until(5000, () => c.core.n > 1 << 20);
    await mgc.ask(`C=${c.context}{W-S=*}`);
    say(await until(3000, () => c.ue.closed), 'Subtract in the middle of a transfer closes the connection');
    say(await until(3000, async () => (await metric('agw_endpoints')) === 0), 'and leaves nothing');
    c.ue.s.destroy(); c.core.close();
}

async function restart() { // RFC 8445 9: other credentials, another connection, the same session
    const c = await call(), one = SEND('before1', Buffer.from('before')), two = SEND('after12', Buffer.from('after'));
    await c.ready();
    c.ue.octets(one);
    await until(3000, () => c.core.n === one.length);
    const reply = await mgc.ask(`C=${c.context}{MF=${c.reply.match(/ip\/1\/access\/\d+/)[0]}{M{ST=1{${LOCAL()}}}}}`), old = c.ue, ufrag = c.ufrag;
    c.ufrag = reply.match(/ice-ufrag:(\S+)/)?.[1]; c.pwd = reply.match(/ice-pwd:(\S+)/)?.[1];
    c.ue = new Ue(c);
    say(c.ufrag && c.ufrag !== ufrag && await c.ue.up() && await until(3000, () => old.closed), 'ICE restart: another connection is nominated, the one before is closed', reply);
    c.ue.octets(two);
    say(await until(3000, () => c.core.text === Buffer.concat([one, two]).toString('latin1')) && c.core.conns === 1, "the session and the core's connection stay", c.core.text);
    await c.end();
}

// With an `ice_timeout` of 3 s: what is a sign of life and what is not.
async function life() {
    const up = chunks(LOTS), c = await call(), other = await call(), LOST = /cause[^]*FT/;
    await c.ready(); await other.ready();
    c.core.s.pause();
    for (let i = 0; i < 14; i++) {
        c.ue.octets(up.subarray(i * (3 << 20), (i + 1) * (3 << 20)), 16384);
        other.ue.octets(SEND('alive1', Buffer.from('x')));
        await sleep(300);
    }
    say(!told(LOST, other), 'a UE that says something and checks nothing lives');
    say(await metric('agw_ice_tcp_rested') > 0 && !told(LOST, c), 'so does one that is not read');
    c.core.s.resume();
    say(await until(20000, () => c.core.n >= up.length) && same(c.core.got, up), 'and when it is again all is there', [c.core.n, up.length]);
    say(await until(10000, () => told(LOST, c) && told(LOST, other)), 'silence is told as lost', mgc.told);
    say(await c.ue.up(), 'and a check brings it back');
    const again = SEND('again1', Buffer.from('again'));
    c.core.got = [];
    c.ue.octets(again);
    say(await until(3000, () => c.core.text === again.toString('latin1')), 'with its session');
    await c.end(); await other.end();
}

// Figures of docs/ice-tcp.md: CPU of agw for 100 MB one way. By name only.
async function speed() {
    const cpu = () => fs.readFileSync(`/proc/${env.AGW_PID}/stat`, 'utf8').split(' ').slice(13, 15).reduce((sum, ticks) => sum + Number(ticks) * 10, 0); // ms
    for (const way of ['up', 'down']) {
        const c = await call(), octets = chunks(100 << 20);
        await c.ready();
        const before = cpu();
        if (way === 'up') c.ue.octets(octets, 16384);
        else c.core.s.write(octets);
        say(await until(60000, () => (way === 'up' ? c.core.n : c.ue.n) >= octets.length), `100 MB ${way}: ${cpu() - before} ms of CPU`);
        await c.end();
    }
}

await mgc.open();
const CASES = { restart, refusals, both_ways, core_slow, ue_slow, cut, core_cut, orderly_end, hostile, doors, subtract, late };
say(await until(15000, () => mgc.registered), 'agw registers');
for (const name of process.argv.length > 2 ? process.argv.slice(2) : Object.keys(CASES)) await ({ ...CASES, life, speed })[name]();
say(await until(5000, async () => (await metric('agw_contexts')) + (await metric('agw_endpoints')) + (await metric('agw_ice_tcp_connections')) === 0), 'nothing is left');
console.log('end');
process.exit(0);
