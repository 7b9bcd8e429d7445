// How the page's media get through a network: TURN servers and credentials from alg (docs/turn.md), the transport that a person
// chose, the candidate pair that won, and a new try (ICE restart) when a path dies in a call.
'use strict';

const OFFER_MS = 500; // the gateway learns candidates from checks: an offer need not wait for all of them
const DEAD_MS = 1500; // of "disconnected", until the path counts as dead

const net = { servers: [], renewed: 0, restarts: 0, ready: Promise.resolve(), pc: null, session: null, transport: 'any', firstMs: null, log: () => {} };

// JsSIP tells of the first registration alone; what each later 200 brings is read as it passes.
class TurnSocket extends JsSIP.WebSocketInterface {
  set ondata(handler) {
    this.handler = (data) => { if (typeof data === 'string') registered(this.url, data); handler(data); };
  }
  get ondata() { return this.handler; }
}

function registered(url, text) {
  const [head] = text.split('\r\n\r\n');
  const value = (name) => new RegExp(`^${name}: *(.*)$`, 'mi').exec(head)?.[1].trim();
  if (!/^SIP\/2\.0 200 /.test(head) || !/ REGISTER$/.test(value('CSeq') ?? '')) return;
  const service = value('Turn-Service'); const key = value('Turn-Key');
  if (service) use(fromHeader(service));
  else if (key) net.ready = fromEndpoint(url, key).then(use).catch((e) => net.log('note', `no TURN: ${e.message}`));
}

function fromHeader(value) { // <uri>;username="...";credential="...";ttl=N, ...
  return value.split(/, *(?=<)/).map((one) => {
    const [, urls, username, credential] = /^<([^>]*)>;username="([^"]*)";credential="([^"]*)"/.exec(one);
    return { urls, username, credential };
  });
}

async function fromEndpoint(url, key) {
  const at = new URL('/turn?service=turn', url.replace(/^ws/, 'http'));
  const r = await fetch(at, { headers: { Authorization: `Bearer ${key}` }, cache: 'no-store' });
  if (!r.ok) throw new Error(`${r.status} ${r.statusText}`);
  const got = await r.json();
  return [{ urls: got.uris, username: got.username, credential: got.password }];
}

// A call that lasts gets the new ones too: for the allocations of its next restart.
function use(servers) {
  net.servers = servers;
  net.renewed++;
  reconfigure();
}
function reconfigure() {
  if (net.pc && net.pc.signalingState !== 'closed') net.pc.setConfiguration({ ...net.pc.getConfiguration(), ...net.config() });
}
net.choose = (transport) => { net.transport = transport; reconfigure(); }; // for the next call, and the next restart of this one

const wanted = () => (net.transport === 'any' || net.transport === 'turn' ? net.servers : []);
net.config = (more = {}) => ({ iceServers: wanted(), iceTransportPolicy: net.transport === 'turn' ? 'relay' : 'all', ...more });

// From its description to the first of it that is heard, seen or open, ms.
net.first = () => { net.firstMs ??= Math.round(performance.now() - net.described); };

// What the far end offers, narrowed to what a person chose: with UDP alone or TCP alone there is nothing else to try.
net.remote = (sdp) => {
  net.described = performance.now(); net.firstMs = null;
  const keep = { udp: 'udp', tcp: 'tcp', turn: 'udp' }[net.transport];
  return keep ? sdp.replace(/^a=candidate:\S+ \d+ (\w+) .*\r\n/gmi, (line, proto) => (proto.toLowerCase() === keep ? line : '')) : sdp;
};

const side = (c) => c && { type: c.candidateType, protocol: c.protocol, address: c.address, port: c.port, relay: c.relayProtocol };
// The pair that carries media now: { local, remote }, null before there is one.
net.pair = async (pc = net.pc) => {
  const stats = await pc.getStats(); const all = [...stats.values()];
  const id = all.find((s) => s.type === 'transport' && s.selectedCandidatePairId)?.selectedCandidatePairId;
  const pair = id ? stats.get(id) : all.find((s) => s.type === 'candidate-pair' && (s.selected || (s.nominated && s.state === 'succeeded')));
  return pair ? { local: side(stats.get(pair.localCandidateId)), remote: side(stats.get(pair.remoteCandidateId)) } : null;
};
net.name = ({ local, remote }) => `${local.type}${local.relay ? ` by ${local.relay}` : ''} ${local.protocol} ${local.address}:${local.port} to ` +
  `${remote.type} ${remote.address}:${remote.port}`;

async function tellPair(pc) {
  const pair = await net.pair(pc).catch(() => null);
  if (pair) net.log('note', `media path: ${net.name(pair)}`);
}

function restart(pc) {
  if (pc !== net.pc || !net.session?.isEstablished() || !/disconnected|failed/.test(pc.iceConnectionState)) return;
  if (net.session.renegotiate({ rtcOfferConstraints: { iceRestart: true } })) {
    net.restarts++;
    net.log('note', 'media path lost: ICE restart');
  } else setTimeout(() => restart(pc), 500); // another offer is under way
}

net.watch = (pc) => {
  let timer = null;
  net.pc = pc;
  pc.addEventListener('iceconnectionstatechange', () => {
    clearTimeout(timer);
    if (/^(connected|completed)$/.test(pc.iceConnectionState)) tellPair(pc);
    else if (pc.iceConnectionState === 'failed') restart(pc);
    else if (pc.iceConnectionState === 'disconnected') timer = setTimeout(() => restart(pc), DEAD_MS);
  });
};

// Of a session: its offers and answers leave as soon as there is something in them.
net.hurry = (session) => {
  let timer = null;
  session.on('icecandidate', ({ ready }) => { clearTimeout(timer); timer = setTimeout(ready, OFFER_MS); });
};
window.net = net; // tests look at it
