// The lab's phone page: JsSIP for SIP over WebSocket, the browser's own data channel, MSRP on it (RFC 8873).
// Browsers write no a=dcmap: the application adds it to the SDP and opens the channel with negotiated: true (RFC 8864).
'use strict';

const CHANNEL = 0;
const CHUNK = 16384; // octets of body in one MSRP chunk, well below every max-message-size
const $ = (id) => document.getElementById(id);
const random = (n) => Array.from(crypto.getRandomValues(new Uint8Array(n)), (b) => (b % 36).toString(36)).join('');

// --- MSRP framing (RFC 4975) ---

function parseMsrp(bytes) {
  const text = new TextDecoder('latin1').decode(bytes);
  const lineEnd = text.indexOf('\r\n');
  const [proto, tid, what] = text.slice(0, lineEnd).split(' ');
  if (proto !== 'MSRP' || !tid) throw new Error('not MSRP');
  const end = text.indexOf(`-------${tid}`, lineEnd);
  if (end < 0) throw new Error('no end line');
  const blank = text.indexOf('\r\n\r\n', lineEnd);
  const hasBody = blank >= 0 && blank < end;
  const headers = {};
  for (const line of text.slice(lineEnd + 2, hasBody ? blank : end).split('\r\n')) {
    const colon = line.indexOf(':');
    if (colon > 0) headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
  }
  return { tid, what, headers, body: hasBody ? bytes.subarray(blank + 4, end - 2) : new Uint8Array(0),
    flag: text[end + 7 + tid.length] };
}

class Msrp {
  constructor(channel, localPath, onMessage) {
    this.channel = channel; this.local = localPath; this.remote = null; this.onMessage = onMessage;
    this.parts = new Map(); this.waiting = new Map();
    channel.binaryType = 'arraybuffer';
    channel.bufferedAmountLowThreshold = 1 << 18;
    channel.onmessage = (ev) => this.input(typeof ev.data === 'string' ? new TextEncoder().encode(ev.data) : new Uint8Array(ev.data));
  }
  input(bytes) {
    const m = parseMsrp(bytes);
    if (m.what !== 'SEND') {
      const waiting = this.waiting.get(m.tid);
      this.waiting.delete(m.tid);
      if (waiting) (m.what === '200' ? waiting.resolve : waiting.reject)(m.what);
      return;
    }
    this.channel.send(`MSRP ${m.tid} 200 OK\r\nTo-Path: ${m.headers['from-path']}\r\nFrom-Path: ${this.local}\r\n-------${m.tid}$\r\n`);
    const id = m.headers['message-id'];
    const parts = this.parts.get(id) || [];
    if (m.body.length) parts.push(m.body.slice());
    this.parts.set(id, parts);
    if (m.flag === '+') return;
    this.parts.delete(id);
    if (m.flag === '$' && parts.length) this.onMessage(m.headers['content-type'], concat(parts));
  }
  async send(type, bytes) {
    const id = random(12);
    const answers = [];
    for (let from = 0; from === 0 || from < bytes.length; from += CHUNK) {
      const body = bytes.subarray(from, from + CHUNK);
      const tid = random(12);
      const last = from + body.length >= bytes.length;
      const head = new TextEncoder().encode(`MSRP ${tid} SEND\r\nTo-Path: ${this.remote}\r\nFrom-Path: ${this.local}\r\n` +
        `Message-ID: ${id}\r\nByte-Range: ${from + 1}-${from + body.length}/${bytes.length}\r\nContent-Type: ${type}\r\n\r\n`);
      const tail = new TextEncoder().encode(`\r\n-------${tid}${last ? '$' : '+'}\r\n`);
      if (this.channel.bufferedAmount > 1 << 20) await new Promise((go) => { this.channel.onbufferedamountlow = go; });
      answers.push(new Promise((resolve, reject) => this.waiting.set(tid, { resolve, reject })));
      this.channel.send(concat([head, body, tail]));
    }
    await Promise.all(answers);
  }
}

function concat(parts) {
  const out = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const p of parts) { out.set(p, at); at += p.length; }
  return out;
}

// --- the phone ---

const phone = { ua: null, session: null, msrp: null, received: [], tracks: [], registered: false, path: null };
window.phone = phone; // tests look at it

function log(kind, text) {
  const li = document.createElement('li');
  li.className = kind; li.textContent = text;
  $('log').append(li);
}
function state(text) { $('state').textContent = text; }

function addDcmap(sdp, setup) {
  return sdp.replace(/(m=application [^\r\n]*webrtc-datachannel\r\n(?:(?!m=)[^\r\n]*\r\n)*)/,
    `$1a=dcmap:${CHANNEL} label="chat";subprotocol="MSRP";ordered=true\r\n` +
    `a=dcsa:${CHANNEL} setup:${setup}\r\na=dcsa:${CHANNEL} accept-types:*\r\n` +
    `a=dcsa:${CHANNEL} path:${phone.path}\r\n`);
}
function remotePath(sdp) {
  const m = new RegExp(`a=dcsa:${CHANNEL} path:([^\\r\\n]+)`).exec(sdp);
  return m && m[1];
}

function onMessage(type, bytes) {
  const text = /^text\//.test(type) ? new TextDecoder().decode(bytes) : null;
  phone.received.push({ type, text, bytes });
  log('in', text ?? `${type}, ${bytes.length} octets`);
}

function openChannel(pc) {
  const channel = pc.createDataChannel('chat', { negotiated: true, id: CHANNEL, protocol: 'MSRP', ordered: true });
  phone.msrp = new Msrp(channel, phone.path, onMessage);
  channel.onopen = () => { net.first(); log('note', 'channel open'); $('send').disabled = $('file').disabled = false; };
  channel.onclose = () => { // that of a call before may tell it late
    log('note', 'channel closed');
    if (phone.msrp?.channel !== channel) return;
    $('send').disabled = $('file').disabled = true;
  };
}

function prepare() {
  phone.path = `msrps://${random(10)}.invalid:9/${random(12)};dc`;
  phone.remotePath = null;
  phone.msrp = null;
  phone.tracks = [];
}

// What is heard and seen: one stream for each kind, whatever the transports are.
function onTrack(ev) {
  const element = ev.track.kind === 'audio' ? $('sound') : $('picture');
  element.srcObject = new MediaStream([ev.track]);
  if (ev.track.kind === 'video') element.hidden = false;
  phone.tracks.push(ev.track);
  ev.track.onunmute = net.first;
  log('note', `${ev.track.kind} from the other side`);
}

function watch(session) {
  phone.session = net.session = session;
  net.hurry(session);
  session.on('sdp', (ev) => {
    if (ev.originator === 'local') ev.sdp = addDcmap(ev.sdp, ev.type === 'offer' ? 'actpass' : 'passive');
    else { ev.sdp = net.remote(ev.sdp); phone.msrp ? (phone.msrp.remote = remotePath(ev.sdp)) : (phone.remotePath = remotePath(ev.sdp)); }
    if (phone.msrp && !phone.msrp.remote) phone.msrp.remote = phone.remotePath;
  });
  session.on('progress', () => state('ringing'));
  session.on('confirmed', () => { state('in a call'); $('hold').disabled = !phone.tracks.length; if (phone.msrp && !phone.msrp.remote) phone.msrp.remote = phone.remotePath; });
  const over = (ev) => {
    state(`call ended: ${ev.cause}`); phone.session = null; phone.ended = ev.cause;
    $('hangup').disabled = $('hold').disabled = true; callable(true); $('picture').hidden = true; $('send').disabled = $('file').disabled = true;
  };
  session.on('ended', over);
  session.on('failed', over);
  $('hangup').disabled = false; callable(false); phone.ended = null;
}

function callable(yes) { $('call').disabled = $('audio').disabled = $('video').disabled = !yes; }

async function readConfig() {
  phone.config = await (await fetch('/config.json')).json();
  const ways = phone.config.ways ?? [];
  $('way').replaceChildren(...ways.map((way, i) => new Option(way.name, i)));
  $('ways').hidden = !ways.length;
  $('turn').hidden = !phone.config.turn;
  $('tcp').hidden = !phone.config.tcp;
  if (phone.config.tcp) $('tcp').textContent = `TCP ${phone.config.tcp}`;
}
function chooseWay() {
  const way = phone.config.ways[$('way').value];
  $('user').value = way.user; $('password').value = way.password ?? '';
}

async function register() {
  const { config } = phone;
  const user = $('user').value;
  const way = config.ways?.[$('way').value];
  const url = new URLSearchParams(location.search).get('ws') || config.ws;
  if (phone.ua) phone.ua.stop();
  const ua = phone.ua = new JsSIP.UA({ sockets: [new TurnSocket(url)], uri: `sip:${user}@${way?.domain ?? config.domain}`,
    authorization_user: user, password: $('password').value, register: true, session_timers: true,
    ...(way?.token && { authorization_jwt: `Bearer ${way.token}` }), ...(phone.expires && { register_expires: phone.expires }) });
  phone.domain = config.domain;
  const on = (event, then) => ua.on(event, (ev) => { if (ua === phone.ua) then(ev); }); // the one before may still say goodbye
  on('connected', () => state('connected'));
  on('disconnected', () => { phone.registered = false; state('no connection'); callable(false); });
  on('registered', () => { phone.registered = true; state(`registered as ${user}`); callable(true); });
  on('unregistered', () => { phone.registered = false; state('not registered'); });
  on('registrationFailed', (ev) => state(`registration failed: ${ev.cause}`));
  on('newRTCSession', ({ session, originator }) => {
    if (originator === 'remote' && phone.session) { session.terminate({ status_code: 486 }); return; }
    if (originator === 'remote') prepare();
    watch(session);
    if (originator === 'remote') {
      const offer = session._request.body || '';
      const has = (kind) => offer.split(/^(?=m=)/m).some((m) => m.startsWith(`m=${kind} `) && (!m.startsWith(`m=${kind} 0 `) || /^a=bundle-only/m.test(m)));
      session.on('peerconnection', (ev) => peer(ev.peerconnection, has('application')));
      log('note', `call from ${session.remote_identity.uri.user}: answered`);
      net.ready.then(() => session.answer({ mediaConstraints: { audio: has('audio'), video: has('video') }, pcConfig: net.config() }));
    }
  });
  state('connecting');
  phone.ua.start();
}

function peer(pc, chat) {
  phone.pc = pc;
  net.watch(pc);
  pc.addEventListener('track', onTrack);
  if (chat) openChannel(pc);
}

// chat: a data channel with MSRP; audio and video may be beside it in the same call.
async function call({ chat = true, audio = false, video = false, bundle = 'balanced' } = {}) {
  await net.ready;
  prepare();
  phone.ua.call(`sip:${$('callee').value}@${phone.domain}`, {
    // JsSIP makes the connection of an outgoing call before it tells of the session
    eventHandlers: { peerconnection: (ev) => peer(ev.peerconnection, chat) }, mediaConstraints: { audio, video },
    pcConfig: net.config({ bundlePolicy: bundle }), rtcOfferConstraints: { offerToReceiveAudio: audio, offerToReceiveVideo: video } });
}
phone.call = call;

function hold() {
  const held = phone.session.isOnHold().local;
  (held ? phone.session.unhold : phone.session.hold).call(phone.session);
  $('hold').textContent = held ? 'Hold' : 'Resume';
}

async function sendText(ev) {
  ev.preventDefault();
  const text = $('text').value;
  log('out', text);
  await phone.msrp.send('text/plain', new TextEncoder().encode(text));
}

async function sendFile(ev) {
  const file = ev.target.files[0];
  if (!file) return;
  log('out', `${file.name}, ${file.size} octets`);
  await phone.msrp.send(file.type || 'application/octet-stream', new Uint8Array(await file.arrayBuffer()));
}

net.log = log;
const configured = readConfig();
$('way').onchange = chooseWay;
$('transport').onchange = () => net.choose($('transport').value);
$('register').onclick = () => configured.then(register);
$('call').onclick = () => call();
$('audio').onclick = () => call({ chat: false, audio: true });
$('video').onclick = () => call({ chat: false, audio: true, video: true });
$('hold').onclick = hold;
$('hangup').onclick = () => phone.session && phone.session.terminate();
$('talk').onsubmit = sendText;
$('file').onchange = sendFile;
