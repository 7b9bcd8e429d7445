// A WIC that registers: by digest (MD5 or SHA-256) or web token, takes orders a line each on standard input, says what came of
// them a line each. WS: port. USER, DOMAIN, PASSWORD, NAME (digest username), ALGORITHM, TOKEN, TOKEN_FORM=param, INSTANCE. TLS=1: over WSS.
// LOCAL: its address; DUMP: a file for all that it receives. RINGS=1: a call is answered when it is told to.
import crypto from 'node:crypto';
import fs from 'node:fs';
import readline from 'node:readline';
import { wsOpen } from './ws.mjs';

const env = process.env, id = () => crypto.randomBytes(6).toString('hex');
const { USER = 'alice', DOMAIN = 'home.example.net', PASSWORD = '', NAME = env.USER, ALGORITHM = 'MD5', INSTANCE = '1', LOCAL = '127.0.0.1' } = env;
const aor = `sip:${USER}@${DOMAIN}`, contact = `sip:${USER}-${INSTANCE}@abc.invalid;transport=ws`;
const state = { token: env.TOKEN ?? '', password: PASSWORD, cseq: 1, call: id(), nc: 0, tries: 0, expires: 600, replay: false };
let ws;

const say = (text) => console.log(text);
const hash = (text) => crypto.createHash(ALGORITHM === 'SHA-256' ? 'sha256' : 'md5').update(text).digest('hex');
const value = (text, name) => text.match(new RegExp(`^${name}: (.*)$`, 'mi'))?.[1].trim() ?? '';
const values = (text, name) => [...text.matchAll(new RegExp(`^${name}: (.*)$`, 'gmi'))].map((m) => m[1].trim());

function message(first, headers, body = '', type = 'application/sdp') {
    const extra = body ? `Content-Type: ${type}\r\n` : '';
    ws.send(`${first}\r\n${headers.filter(Boolean).join('\r\n')}\r\n${extra}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
}

const bearer = () => state.token && `Authorization: Bearer ${env.TOKEN_FORM === 'param' ? `access_token="${state.token}"` : state.token}`;

function register(authorization) {
    message(`REGISTER sip:${DOMAIN} SIP/2.0`, [`Via: SIP/2.0/WS abc.invalid;branch=z9hG4bK${id()}`, 'Max-Forwards: 70',
        `From: <${aor}>;tag=${id()}`, `To: <${aor}>`, `Call-ID: ${state.call}`, `CSeq: ${state.cseq++} REGISTER`,
        `Contact: <${contact}>;+sip.instance="<urn:uuid:${INSTANCE}>";reg-id=1;expires=${state.expires}`, authorization || bearer(),
        'Supported: path,gruu,outbound', `Expires: ${state.expires}`]);
}

function digest(challenges) {
    const mine = challenges.find((c) => (c.match(/algorithm=([\w-]+)/)?.[1] ?? 'MD5') === ALGORITHM && c.startsWith('Digest'));
    if (!mine) return '';
    const p = (n) => mine.match(new RegExp(`${n}="([^"]*)"`))?.[1] ?? '';
    const cnonce = id(), nc = String(++state.nc).padStart(8, '0'), uri = `sip:${DOMAIN}`;
    const response = hash(`${hash(`${NAME}:${p('realm')}:${state.password}`)}:${p('nonce')}:${nc}:${cnonce}:auth:${hash(`REGISTER:${uri}`)}`);
    return `Authorization: Digest username="${NAME}", realm="${p('realm')}", nonce="${p('nonce')}", uri="${uri}", ` +
        `response="${response}", algorithm=${ALGORITHM}, cnonce="${cnonce}", qop=auth, nc=${nc}`;
}

const sdp = (setup) => `v=0\r\no=- 1 2 IN IP4 ${LOCAL}\r\ns=-\r\nt=0 0\r\nm=application 54111 UDP/DTLS/SCTP webrtc-datachannel\r\n` +
    `c=IN IP4 ${LOCAL}\r\na=candidate:2 1 udp 1686052607 ${LOCAL} 54111 typ host\r\na=ice-ufrag:4ZcD\r\n` +
    `a=ice-pwd:2/1muCWoOi3uLifh0NuRHlZw\r\na=fingerprint:sha-256 ${Array(32).fill('4F').join(':')}\r\na=setup:${setup}\r\na=mid:0\r\n` +
    'a=sctp-port:5000\r\na=dcmap:0 subprotocol="MSRP"\r\n' +
    `a=dcsa:0 setup:${setup === 'active' ? 'passive' : setup}\r\na=dcsa:0 accept-types:text/plain\r\na=dcsa:0 path:msrps://b7xk.invalid:9/x;dc\r\n`;

function request(method, uri, body = '', type = 'application/sdp') {
    message(`${method} ${uri} SIP/2.0`, [`Via: SIP/2.0/WS abc.invalid;branch=z9hG4bK${id()}`, 'Max-Forwards: 70', `From: <${aor}>;tag=${id()}`,
        `To: <${uri}>`, `Call-ID: ${id()}`, `CSeq: 1 ${method}`, `Contact: <${contact}>`, bearer()], body, type);
}

function answer(text, status, body = '') {
    const to = value(text, 'To');

    message(`SIP/2.0 ${status}`, [`Via: ${value(text, 'Via')}`, `To: ${to.includes('tag=') ? to : `${to};tag=wic`}`, `From: ${value(text, 'From')}`,
        `Call-ID: ${value(text, 'Call-ID')}`, `CSeq: ${value(text, 'CSeq')}`, `Contact: <${contact}>`], body);
}

function onRequest(first, text, body) {
    say(`got ${first[0]} ${first[1]} from ${value(text, 'From').replace(/;tag.*/, '')}${first[0] === 'MESSAGE' ? ` saying ${body}` : ''}`);
    if (first[0] === 'ACK') return;
    if (first[0] === 'INVITE') state.ringing = text;
    if (first[0] === 'INVITE' && env.RINGS) {
        answer(text, '180 Ringing');
        return;
    }
    answer(text, '200 OK', first[0] === 'INVITE' ? sdp('active') : '');
    if (first[0] === 'CANCEL') answer(state.ringing, '487 Request Terminated');
}

function onAnswer(status, text) {
    const [cseq, method] = value(text, 'CSeq').split(' ');
    if (status < 200) return;
    if (method === 'REGISTER' && status === 401 && state.tries++ < (env.TRIES ?? 1) && state.password) {
        state.nc = state.replay ? state.nc - 1 : 0;
        register(digest(values(text, 'WWW-Authenticate')));
        return;
    }
    const stale = /stale=true/.test(text) ? ' stale' : '';
    say(`${method} ${status}${stale} contact=${values(text, 'Contact').join(', ')} impu=${value(text, 'P-Associated-URI')} ` +
        `challenge=${values(text, 'WWW-Authenticate').map((c) => c.replace(/nonce="[^"]*"/, 'nonce=*')).join('|')} retry=${value(text, 'Retry-After')}`);
    const [key, service] = [value(text, 'Turn-Key'), value(text, 'Turn-Service')];
    if (key || service) say(`turn key=${key} service=${service}`);
    if (method === 'INVITE') {
        message(`ACK ${status === 200 ? value(text, 'Contact').replace(/[<>]/g, '') : aor} SIP/2.0`, [`Via: ${value(text, 'Via')}`, 'Max-Forwards: 70',
            `From: ${value(text, 'From')}`, `To: ${value(text, 'To')}`, `Call-ID: ${value(text, 'Call-ID')}`, `CSeq: ${cseq} ACK`]);
        if (status === 200) state.dialog = text;
    }
}

function inside(method, body = '') { // a request in the dialog
    const t = state.dialog, cseq = ++state.inside;
    message(`${method} ${value(t, 'Contact').replace(/[<>]/g, '')} SIP/2.0`, [`Via: SIP/2.0/WS abc.invalid;branch=z9hG4bK${id()}`, 'Max-Forwards: 70',
        `From: ${value(t, 'From')}`, `To: ${value(t, 'To')}`, `Call-ID: ${value(t, 'Call-ID')}`, `CSeq: ${cseq} ${method}`, `Contact: <${contact}>`,
        bearer()], body);
}

async function connect() {
    const at = { port: Number(env.WS), host: env.WSHOST, localAddress: env.LOCAL, secure: Boolean(env.TLS) };
    ws = await wsOpen(at, onText, { onClose: () => say('closed'), onCode: (code) => say(`close ${code}`) });
    say('open');
}

function onText(text) {
    if (env.DUMP) fs.appendFileSync(env.DUMP, `${text}\n`);
    const [head, body] = text.split('\r\n\r\n'), first = head.split(' ');
    if (first[0] === 'SIP/2.0') onAnswer(Number(first[1]), head);
    else onRequest(first, head, body);
}

const orders = {
    connect,
    bye: () => inside('BYE'),
    reinvite: () => inside('INVITE', sdp('actpass')),
    answer: () => answer(state.ringing, '200 OK', sdp('active')),
    register: (expires = '600') => { state.expires = Number(expires); state.tries = 0; state.nc = 0; register(); },
    password: (text) => { state.password = text; },
    token: (text) => { state.token = text ?? ''; },
    message: (uri, ...text) => request('MESSAGE', uri, text.join(' '), 'text/plain'),
    invite: (uri) => {
        state.inside = 1;
        request('INVITE', uri, sdp('actpass'));
    },
    drop: () => ws.close(),
    quit: () => process.exit(0),
};
readline.createInterface({ input: process.stdin }).on('line', (line) => {
    const [verb, ...rest] = line.split(' ');
    orders[verb](...rest);
}).on('close', () => process.exit(0));
