// IMS UEs of TS 33.203 annex W at the pair: SIP over WebSocket, MSRP as m=message over ICE-TCP; the core is lab-far. Prints
// "ok name" / "not ok name".
import crypto from 'node:crypto';
import net from 'node:net';

import { check, frame } from './stun.mjs';
import { id, request, say, sleep, until } from './tap.mjs';
import { wsOpen } from './ws.mjs';

const env = process.env, HOST = '127.0.0.1', DOOR = Number(env.DOOR);

const far = (what) => request(`http://${HOST}:${env.FAR_WEB}/api/${what}`, { method: what.includes('=') || what === 'hangup' ? 'POST' : 'GET' });
const calls = async () => Number((await request(`http://${HOST}:${env.ALG_OPS}/metrics`)).match(/^alg_calls (\d+)$/m)?.[1]);

// --- SIP ---

const value = (text, name) => text.match(new RegExp(`^${name}: (.*)$`, 'mi'))?.[1].trim() ?? '';
const uriOf = (text) => value(text, 'Contact').replace(/^<|>.*$/g, '');

class Sip { // a registered UE with one dialog
    static async open(user, feature = ';+sip.ice;+sip.message') {
        const u = new Sip();
        Object.assign(u, { user, aor: `sip:${user}@home.example.net`, waiting: new Map(), requests: [], cseq: 1, dialog: null });
        u.contact = `<sip:${user}@${id()}.invalid;transport=ws>`;
        u.ws = await wsOpen({ port: Number(env.WS) }, (text) => u.input(text));
        const at = { user, call: id(), from: `<${u.aor}>;tag=${id()}`, to: `<${u.aor}>` };
        const reg = (more) => u.request('REGISTER', 'sip:home.example.net', at, [`Contact: ${u.contact}${feature};+sip.instance="<urn:uuid:${id()}>";reg-id=1;expires=600`,
            'Supported: path, outbound', ...more]);
        const r = await reg([]), p = (n) => value(r.head, 'WWW-Authenticate').match(new RegExp(`${n}="([^"]*)"`))?.[1];
        const md5 = (text) => crypto.createHash('md5').update(text).digest('hex');
        const ha1 = md5(`${user}:${p('realm')}:${user}-secret`), answer = md5(`${ha1}:${p('nonce')}:00000001:abc:auth:${md5('REGISTER:sip:home.example.net')}`);
        u.registered = r.status === 401 ? (await reg([`Authorization: Digest username="${user}", realm="${p('realm')}", nonce="${p('nonce')}", ` +
            `uri="sip:home.example.net", response="${answer}", algorithm=MD5, qop=auth, nc=00000001, cnonce="abc"`])).status : r.status;
        return u;
    }
    put(first, headers, body = '') {
        this.ws.send(`${[first, ...headers, ...(body ? ['Content-Type: application/sdp'] : []), `Content-Length: ${body.length}`].join('\r\n')}\r\n\r\n${body}`);
    }
    request(method, uri, d, more = [], body = '', cseq = this.cseq++) {
        this.put(`${method} ${uri} SIP/2.0`, [`Via: SIP/2.0/WS ue.invalid;branch=z9hG4bK${id()}`, 'Max-Forwards: 70', `From: ${d.from}`, `To: ${d.to}`,
            `Call-ID: ${d.call}`, `CSeq: ${cseq} ${method}`, ...(method === 'REGISTER' ? [] : [`Contact: ${this.contact}`]), ...more], body);
        if (method === 'ACK') return null;
        return Promise.race([new Promise((resolve) => this.waiting.set(`${d.call} ${cseq}`, resolve)), sleep(8000).then(() => ({ status: 0, head: '', body: '' }))]);
    }
    input(text) {
        const [head, body] = text.split('\r\n\r\n'), first = head.split(' '), [cseq, method] = value(head, 'CSeq').split(' ');
        if (first[0] !== 'SIP/2.0') {
            this.requests.push({ method: first[0], head, body });
            if (first[0] === 'BYE') { this.answer(head, '200 OK'); this.dialog = null; }
        } else if (Number(first[1]) >= 200) {
            const ok = { status: Number(first[1]), head, body };
            if (method === 'INVITE') {
                const to = value(head, 'To'), d = { call: value(head, 'Call-ID'), from: value(head, 'From'), to, target: uriOf(head) || this.target };
                this.request('ACK', ok.status < 300 ? d.target : this.target, d, [], '', Number(cseq));
                if (ok.status < 300) this.dialog = d;
            }
            this.waiting.get(`${value(head, 'Call-ID')} ${cseq}`)?.(ok);
        }
    }
    answer(head, status, body) {
        const to = value(head, 'To');
        this.put(`SIP/2.0 ${status}`, [`Via: ${value(head, 'Via')}`, `To: ${to.includes('tag=') ? to : `${to};tag=ue`}`, `From: ${value(head, 'From')}`,
            `Call-ID: ${value(head, 'Call-ID')}`, `CSeq: ${value(head, 'CSeq')}`, `Contact: ${this.contact}`], body);
    }
    call(callee, sdp) {
        this.target = `sip:${callee}@home.example.net`;
        return this.request('INVITE', this.target, { call: id(), from: `<${this.aor}>;tag=${id()}`, to: `<${this.target}>` }, [], sdp);
    }
    again(sdp) { return this.request('INVITE', this.dialog.target, this.dialog, [], sdp); }
    async hangup() { const d = this.dialog; this.dialog = null; return (await this.request('BYE', d.target, d)).status; }
    async next(method, ms = 5000) {
        await until(ms, () => this.requests.some((r) => r.method === method));
        const at = this.requests.findIndex((r) => r.method === method);
        return at < 0 ? { head: '', body: '' } : this.requests.splice(at, 1)[0];
    }
    accept(req, sdp) {
        this.dialog = { call: value(req.head, 'Call-ID'), from: `${value(req.head, 'To')};tag=ue`, to: value(req.head, 'From'), target: uriOf(req.head) };
        this.answer(req.head, '200 OK', sdp);
    }
}

// --- MSRP over ICE-TCP ---

class Msrp { // one session; it connects as often as it is told to
    constructor() { Object.assign(this, { path: `msrp://${HOST}:2855/${id()};tcp`, got: new Map(), texts: [], rest: Buffer.alloc(0), answered: 0, refused: 0, up: false }); }
    lines(more = '', type = 'active') {
        return `m=message 9 TCP/MSRP *\r\nc=IN IP4 ${HOST}\r\na=candidate:5 1 TCP 1518280447 ${HOST} 9 typ host tcptype ${type}\r\na=ice-ufrag:uefr${more.includes('again') ? '2' : '1'}\r\n` +
            `a=ice-pwd:0123456789abcdefghijkl${more.includes('again') ? '2' : '1'}\r\na=setup:active\r\na=msrp-cema\r\na=accept-types:*\r\na=path:${this.path}\r\n${more.includes('again') ? '' : more}`;
    }
    take(sdp) { // of the pair, in an offer or an answer
        this.line = (sdp ?? '').split(/(?=^m=)/m).find((m) => m.startsWith('m=message')) ?? '';
        const at = (name) => this.line.match(new RegExp(`^a=${name}:(\\S+)`, 'm'))?.[1];
        Object.assign(this, { ufrag: at('ice-ufrag'), pwd: at('ice-pwd'), peer: at('path') });
        return this;
    }
    async connect() {
        const last = [...this.line.matchAll(/^a=candidate:\S+ 1 TCP \d+ (\S+) (\d+) typ host tcptype passive/gm)].pop();
        this.up = false; this.frames = Buffer.alloc(0); this.rest = Buffer.alloc(0);
        this.s = net.connect({ port: Number(last?.[2] ?? DOOR), host: last?.[1] ?? HOST });
        for (const ev of ['error', 'close']) this.s.on(ev, () => { this.closed = true; });
        this.closed = false;
        this.s.on('data', (d) => this.data(d));
        clearInterval(this.timer);
        this.timer = setInterval(() => this.check(), 5000);
        this.check();
        return until(3000, () => this.up);
    }
    check() { this.s.write(frame(check(this.ufrag, this.pwd, true))); }
    end() { clearInterval(this.timer); this.s?.destroy(); }
    data(d) {
        this.frames = Buffer.concat([this.frames, d]);
        const parts = [this.rest];
        while (this.frames.length >= 2 && this.frames.length >= 2 + this.frames.readUInt16BE(0)) {
            const p = this.frames.subarray(2, 2 + this.frames.readUInt16BE(0));
            this.frames = this.frames.subarray(2 + p.length);
            if (p.length >= 20 && p[0] < 64 && p.readUInt32BE(4) === 0x2112a442) this.up = this.up || p.readUInt16BE(0) === 0x0101;
            else parts.push(p);
        }
        this.rest = Buffer.concat(parts);
        while (this.chunk());
    }
    chunk() {
        const tid = this.rest.subarray(0, 60).toString('latin1').match(/^MSRP (\S+) (\S+)/), end = tid ? this.rest.indexOf(`-------${tid[1]}`) : -1;
        if (end < 0 || this.rest.length < end + 10 + tid[1].length) return false;
        const raw = this.rest.subarray(0, end), flag = String.fromCharCode(this.rest[end + 7 + tid[1].length]), blank = raw.indexOf('\r\n\r\n');
        const head = (blank < 0 ? raw : raw.subarray(0, blank)).toString('latin1');
        this.rest = this.rest.subarray(end + 10 + tid[1].length);
        if (tid[2] !== 'SEND') { this.answered += tid[2] === '200'; this.refused += /^[3-6]/.test(tid[2]); return true; }
        this.put(`MSRP ${tid[1]} 200 OK\r\nTo-Path: ${value(head, 'From-Path')}\r\nFrom-Path: ${this.path}\r\n-------${tid[1]}$\r\n`);
        const msg = value(head, 'Message-ID'), parts = this.got.get(msg) ?? [];
        if (blank >= 0) parts.push(raw.subarray(blank + 4, raw.length - 2));
        this.got.set(msg, parts);
        if (flag === '$' && parts.length) { this.texts.push(Buffer.concat(parts)); this.got.delete(msg); }
        return true;
    }
    put(octets) { for (let p = Buffer.from(octets); p.length; p = p.subarray(30000)) this.s.write(frame(p.subarray(0, 30000))); }
    send(body, type = 'text/plain', size = 16384) { // in chunks
        const all = Buffer.from(body), msg = id();
        for (let at = 0; at < all.length; at += size) {
            const part = all.subarray(at, at + size), tid = id();
            this.put(Buffer.concat([Buffer.from(`MSRP ${tid} SEND\r\nTo-Path: ${this.peer}\r\nFrom-Path: ${this.path}\r\nMessage-ID: ${msg}\r\n` +
                `Byte-Range: ${at + 1}-${at + part.length}/${all.length}\r\nContent-Type: ${type}\r\n\r\n`), part,
            Buffer.from(`\r\n-------${tid}${at + size < all.length ? '+' : '$'}\r\n`)]));
        }
    }
    heard(body, ms = 5000) { return until(ms, () => this.texts.some((t) => t.equals(Buffer.from(body)))); }
    async echoes(text) { this.send(text); return this.heard(`echo: ${text}`); }
}

const HEAD = (version = 1) => `v=0\r\no=- 42 ${version} IN IP4 ${HOST}\r\ns=-\r\nt=0 0\r\n`;
const AUDIO = `m=audio 9 RTP/AVP 0\r\nc=IN IP4 ${HOST}\r\na=candidate:5 1 tcp 1518280447 ${HOST} 9 typ host tcptype active\r\na=ice-ufrag:audi\r\n` +
    'a=ice-pwd:0123456789abcdefghijkl\r\na=rtcp-mux\r\na=rtpmap:0 PCMU/8000\r\n';

class Rtp { // plain audio over ICE-TCP (RFC 4571); the core sends all back, SSRCs twisted
    static twist = 0x5a5a5a5a;
    static ssrc = 0x01020304;
    async connect(line) {
        const at = (name) => line.match(new RegExp(`^a=${name}:(\\S+)`, 'm'))?.[1];
        Object.assign(this, { frames: Buffer.alloc(0), up: false, rtp: 0, reports: 0, other: 0, closed: false, seq: 0 });
        this.s = net.connect(DOOR, HOST);
        for (const ev of ['error', 'close']) this.s.on(ev, () => { this.closed = true; });
        this.s.on('data', (d) => this.data(d));
        this.s.write(frame(check(at('ice-ufrag'), at('ice-pwd'), true)));
        return until(3000, () => this.up);
    }
    data(d) {
        this.frames = Buffer.concat([this.frames, d]);
        while (this.frames.length >= 2 && this.frames.length >= 2 + this.frames.readUInt16BE(0)) {
            const p = this.frames.subarray(2, 2 + this.frames.readUInt16BE(0)), back = (Rtp.ssrc ^ Rtp.twist) >>> 0;
            this.frames = this.frames.subarray(2 + p.length);
            if (p[0] < 64) this.up = this.up || p.readUInt16BE(0) === 0x0101;
            else if (p[1] === 200) this.reports += p.readUInt32BE(4) === back;
            else if (p[1] === 0 && p.readUInt32BE(8) === back && p.length === 172 && p.subarray(12).every((x) => x === 0x55)) this.rtp++;
            else if (p[1] < 200 || p[1] > 207) this.other++;
        }
    }
    async speak(n) {
        const had = this.rtp;
        this.reports = 0;
        for (let i = 0; i < n; i++, await sleep(20)) {
            const p = Buffer.alloc(172, 0x55), report = Buffer.alloc(28);
            p.writeUInt16BE(0x8000, 0); p.writeUInt16BE(this.seq++, 2); p.writeUInt32BE(this.seq * 160, 4); p.writeUInt32BE(Rtp.ssrc, 8);
            report.writeUInt32BE(0x80c80006, 0); report.writeUInt32BE(Rtp.ssrc, 4);
            this.s.write(Buffer.concat([frame(p), ...(i % 10 === 5 ? [frame(report)] : [])]));
        }
        return until(3000, () => this.rtp - had >= n - 2 && this.reports > 0);
    }
}

async function up(sip, callee = 'echo') {
    const m = new Msrp(), r = await sip.call(callee, HEAD() + m.lines());
    m.status = r.status;
    m.take(r.body);
    m.there = r.status === 200 && await m.connect();
    return m;
}

// --- cases ---

async function originating(ue) {
    const m = await up(ue);
    say(m.status === 200 && /^a=setup:passive/m.test(m.line) && /^a=msrp-cema/m.test(m.line) && !/fingerprint|dcmap/.test(m.line) &&
        new RegExp(`^m=message ${DOOR} TCP/MSRP \\*`).test(m.line), 'a UE calls: the answer has the shared port', m.line || m.status);
    say(m.there && await m.echoes('hello'), 'a text and its echo', m.texts.map(String));
    const file = crypto.randomBytes(775000).toString('base64').replace(/.{76}/g, '$&\r\n'); // lines: tshark takes binary for malformed
    m.send(file, 'application/octet-stream');
    say(await m.heard(file, 20000), '1 MB there and back, octet for octet');
    say(m.refused === 0, 'nothing was refused', m.refused);
    say(await ue.hangup() === 200, 'the UE hangs up');
    say(await until(3000, () => m.closed), 'and its connection is closed');
    m.end();
}

async function terminating(ue) {
    await far('call?to=alice&media=message&text=are%20you%20there');
    const req = await ue.next('INVITE'), m = new Msrp().take(req.body);
    say(new RegExp(`^m=message ${DOOR} TCP/MSRP`).test(m.line) && /^a=setup:passive/m.test(m.line) && !/m=application/.test(req.body),
        'the core calls: the UE that registered +sip.message is offered m=message', req.body);
    ue.accept(req, HEAD() + m.lines());
    await ue.next('ACK');
    say(await m.connect() && await m.heard('are you there'), "the core's text", m.texts.map(String));
    m.send('yes, I am');
    say(await until(5000, async () => (await far('messages')).includes('yes, I am')), "and the UE's", await far('messages'));
    await far('hangup');
    say((await ue.next('BYE')).method === 'BYE' && await until(3000, () => m.closed), 'the core hangs up');
    m.end();
    await far('call?to=carol&media=message&text=x');
    const other = await Sip.open('carol', ''), before = other.requests.length;
    await far('call?to=carol&media=message&text=x');
    const web = await other.next('INVITE');
    say(before === 0 && /m=application/.test(web.body) && !/m=message/.test(web.body), 'who did not register it is offered a data channel', web.body);
    other.answer(web.head, '486 Busy Here');
    other.ws.close();
}

async function slow_ue(ue, bob) {
    const m = await up(ue), second = await up(bob), file = crypto.randomBytes(24 << 20);
    m.s.pause();
    m.send(file, 'application/octet-stream', 65536);
    await sleep(1700);
    say(second.there && await second.echoes('not in the way') && !m.texts.length, 'while a UE does not read, another call goes on', [second.there, second.texts.map(String), m.texts.length]);
    m.s.resume();
    say(await m.heard(file, 60000), 'then it reads, and has all 24 MB octet for octet');
    say(await ue.hangup() === 200 && await bob.hangup() === 200, 'both hang up');
    m.end(); second.end();
}

async function slow_core(ue) {
    const m = await up(ue), file = crypto.randomBytes(24 << 20);
    await m.echoes('before');
    process.kill(Number(env.FAR), 'SIGSTOP');
    m.send(file, 'application/octet-stream', 65536);
    await sleep(2000);
    const waits = m.s.writableLength;
    process.kill(Number(env.FAR), 'SIGCONT');
    say(waits > 1 << 20, `while the core does not read, the UE waits (${waits} octets)`);
    say(await m.heard(file, 60000), 'then it reads, and the UE has all of it back');
    await ue.hangup();
    m.end();
}

async function cut(ue, bob) {
    const m = await up(ue), second = await up(bob);
    await m.echoes('one');
    m.s.destroy();
    await sleep(300);
    say(await second.echoes('two') && await calls() === 2, 'a connection that is cut: the call lives, the other one does not notice', await calls());
    say(await m.connect() && await m.echoes('three'), 'the UE connects again and goes on', m.texts.map(String));
    const r = await ue.again(HEAD(2) + m.lines('again')), before = m.ufrag;
    m.take(r.body);
    say(r.status === 200 && m.ufrag !== before, 'ICE starts anew by re-INVITE: other credentials of the gateway', [r.status, m.line]);
    m.s.destroy();
    say(await m.connect() && await m.echoes('four'), 'and the session goes on', m.texts.map(String));
    await ue.hangup(); await bob.hangup();
    m.end(); second.end();
}

async function beside_audio(ue) {
    const m = new Msrp(), r = await ue.call('echo', HEAD() + AUDIO + m.lines());
    m.take(r.body);
    say(r.status === 200 && /^m=audio [1-9]/m.test(r.body) && await m.connect() && await m.echoes('beside audio'), 'MSRP beside audio', r.body || r.status);
    const hold = await ue.again(HEAD(2) + AUDIO + m.lines('a=inactive\r\n'));
    say(hold.status === 200 && await m.echoes('held'), 'held, the connection stays', hold);
    const off = await ue.again(HEAD(3) + AUDIO + 'm=message 0 TCP/MSRP *\r\n');
    say(off.status === 200 && /^m=message 0 /m.test(off.body) && await until(3000, () => m.closed), 'the line is taken away: its connection is closed', off.body);
    const n = new Msrp(), on = await ue.again(HEAD(4) + AUDIO + n.lines());
    n.take(on.body);
    say(on.status === 200 && await n.connect() && await n.echoes('again'), 'and put there again', on.body || on.status);
    await ue.hangup();
    m.end(); n.end();
}

// The default candidate of UDP, of TCP, and one after the other in a call.
async function plain_rtp(ue) {
    const tcp = AUDIO.replace('RTP/AVP', 'TCP/RTP/AVP').replace('a=rtcp-mux', 'a=setup:active\r\na=connection:new\r\na=rtcp-mux');
    for (const [name, audio, want] of [['RTP/AVP', AUDIO, /^m=audio (?!9 |0 )\d+ RTP\/AVP 0/m],
        ['TCP/RTP/AVP', tcp, new RegExp(`^m=audio ${DOOR} TCP/RTP/AVP 0\r\n(?:(?!m=)[^]*)^a=setup:passive`, 'm')]]) {
        const r = await ue.call('echo', HEAD() + audio), m = new Rtp();
        say(r.status === 200 && want.test(r.body) && !/fingerprint|crypto/.test(r.body), `${name}: answered so`, r.body || r.status);
        say(await m.connect(r.body) && await m.speak(25) && m.other === 0, `${name}: RTP and RTCP there and back over one connection`, [m.up, m.rtp, m.reports, m.other]);
        const other = audio === tcp ? AUDIO : tcp, again = await ue.again(HEAD(2) + other);
        say(again.status === 200 && (other === tcp ? new RegExp(`^m=audio ${DOOR} TCP/RTP/AVP 0`, 'm').test(again.body) && /^a=setup:passive/m.test(again.body)
            : /^m=audio \d+ RTP\/AVP 0/m.test(again.body) && !again.body.includes(`m=audio ${DOOR} `) && !/^a=setup/m.test(again.body)),
        `${name}: the other one in the call`, again.body || again.status);
        const had = m.rtp;
        say(await m.speak(25) && !m.closed, `${name}: and it goes on`, [m.rtp - had, m.reports]);
        await ue.hangup();
        say(await until(3000, () => m.closed), `${name}: the connection ends with the call`);
    }
}

// The core calls with audio: the UE is offered what it speaks.
async function plain_called(ue) {
    await far('call?to=alice&media=audio');
    const req = await ue.next('INVITE'), m = new Rtp();
    say(/^m=audio \d+ RTP\/AVP /m.test(req.body) && new RegExp(`^a=candidate:.* TCP .* ${DOOR} typ host tcptype passive`, 'm').test(req.body) &&
        /^a=rtcp-mux/m.test(req.body) && !/fingerprint|a=setup|tls-id|crypto/.test(req.body), 'the core calls with audio: plain RTP with ICE is offered', req.body);
    ue.accept(req, HEAD() + AUDIO);
    await ue.next('ACK');
    say(await m.connect(req.body) && await m.speak(25) && m.other === 0, 'and passes there and back', [m.up, m.rtp, m.reports, m.other]);
    await far('hangup');
    say((await ue.next('BYE')).method === 'BYE' && await until(3000, () => m.closed), 'until the core hangs up');
    const other = await Sip.open('carol', '');
    await far('call?to=carol&media=audio');
    const web = await other.next('INVITE');
    say(/^m=audio \d+ UDP\/TLS\/RTP\/SAVPF /m.test(web.body) && /fingerprint/.test(web.body), 'a browser is offered DTLS-SRTP', web.body);
    other.answer(web.head, '486 Busy Here');
    other.ws.close();
}

async function refusals(ue) {
    const m = new Msrp(), cases = {
        'no candidate that connects': m.lines('', 'passive'), 'no ICE credentials': m.lines().replace(/a=ice.*\r\n/g, ''),
        'no path': m.lines().replace(/a=path.*\r\n/, ''), 'TLS': m.lines().replace('TCP/MSRP', 'TCP/TLS/MSRP'),
        'a=setup:passive': m.lines().replace('setup:active', 'setup:passive'),
    };
    for (const [name, line] of Object.entries(cases)) say((await ue.call('echo', HEAD() + line)).status === 488, `${name}: 488`);
    const r = await ue.call('echo', HEAD() + AUDIO + cases['no path']);
    say(r.status === 200 && /^m=message 0 /m.test(r.body), 'and port 0 beside a line that can be served', r.body || r.status);
    await ue.hangup();
    say((await ue.call('busy', HEAD() + m.lines())).status === 486, "the core's refusal");
}

async function off(ue) {
    const m = new Msrp();
    say((await ue.call('echo', HEAD() + m.lines())).status === 488, 'without the key: 488');
    const r = await ue.call('echo', HEAD() + AUDIO + m.lines());
    say(r.status === 200 && /^m=message 0 /m.test(r.body), 'and port 0 beside audio', r.body || r.status);
    await ue.hangup();
    await far('call?to=alice&media=message&text=x');
    const req = await ue.next('INVITE');
    say(/m=application/.test(req.body) && !/m=message/.test(req.body), 'and a data channel is offered', req.body);
    ue.answer(req.head, '486 Busy Here');
}

const CASES = { originating, terminating, slow_ue, slow_core, cut, beside_audio, plain_rtp, plain_called, refusals, off };
const ue = await Sip.open('alice'), bob = await Sip.open('bob');
say(ue.registered === 200 && bob.registered === 200, 'two UEs register', [ue.registered, bob.registered]);
for (const name of process.argv.slice(2)) await CASES[name](ue, bob);
console.log('end');
process.exit(0);
