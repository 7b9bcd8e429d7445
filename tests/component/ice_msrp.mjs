// MSRP over ICE-TCP through a running agw (TS 33.203 W.3.4): a controller of H.248, UEs on the shared port, MSRP peers of the core, all
// of it here. Prints "ok name" / "not ok name".
import crypto from 'node:crypto';
import dgram from 'node:dgram';
import net from 'node:net';

const env = process.env;
const num = (name) => Number(env[name]);
const sleep = (ms) => new Promise((r) => setTimeout(r, ms));
const HOST = '127.0.0.1', DOOR = num('DOOR'), UE_PWD = '0123456789abcdefghijkl';

function say(good, name, why) {
    console.log(`${good ? 'ok' : 'not ok'} ${name}`);
    if (!good && why !== undefined) console.log(`  ${JSON.stringify(why).slice(0, 300)}`);
}

async function until(ms, check) {
    for (const end = Date.now() + ms; Date.now() < end; await sleep(10)) if (await check()) return true;
    return false;
}

async function metric(name) {
    const text = await (await fetch(`http://${HOST}:${env.AGW_OPS}/metrics`)).text();
    return Number(text.match(new RegExp(`^${name} (\\d+)$`, 'm'))?.[1]);
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

// --- STUN (RFC 8489) ---

const TABLE = Array.from({ length: 256 }, (_, n) => { for (let k = 0; k < 8; k++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1; return n >>> 0; });
const crc32 = (b) => { let c = 0xffffffff; for (const x of b) c = TABLE[(c ^ x) & 255] ^ (c >>> 8); return (c ^ 0xffffffff) >>> 0; };
const attribute = (type, value) => {
    const out = Buffer.alloc(4 + Math.ceil(value.length / 4) * 4);
    out.writeUInt16BE(type, 0); out.writeUInt16BE(value.length, 2); Buffer.from(value).copy(out, 4);
    return out;
};
function check(ufrag, pwd, nominate) {
    const head = Buffer.alloc(20), priority = Buffer.alloc(4), crc = Buffer.alloc(4);
    let body = Buffer.concat([attribute(6, `${ufrag}:uefr`), attribute(0x24, priority), attribute(0x802a, crypto.randomBytes(8)),
        ...(nominate ? [attribute(0x25, '')] : [])]);
    head.writeUInt16BE(1, 0); head.writeUInt32BE(0x2112a442, 4); crypto.randomFillSync(head, 8);
    head.writeUInt16BE(body.length + 24, 2);
    body = Buffer.concat([body, attribute(8, crypto.createHmac('sha1', pwd).update(head).update(body).digest())]);
    head.writeUInt16BE(body.length + 8, 2);
    crc.writeUInt32BE((crc32(Buffer.concat([head, body])) ^ 0x5354554e) >>> 0);
    return Buffer.concat([head, body, attribute(0x8028, crc)]);
}
const frame = (p) => Buffer.concat([Buffer.from([p.length >> 8, p.length & 255]), p]);

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

await mgc.open();
const CASES = { refusals, both_ways };
say(await until(15000, () => mgc.registered), 'agw registers');
for (const name of process.argv.length > 2 ? process.argv.slice(2) : Object.keys(CASES)) await CASES[name]();
say(await until(5000, async () => (await metric('agw_contexts')) + (await metric('agw_endpoints')) + (await metric('agw_ice_tcp_connections')) === 0), 'nothing is left');
console.log('end');
process.exit(0);
