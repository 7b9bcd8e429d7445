// Chromium behind firewalls that let nothing out but TCP to 80 and 443, then to 443 alone: it registers over WSS on 443, audio and
// a data channel reach the core by agw's TCP port 80 with no relay, then by coturn over TLS on 443 of its own address. Without
// rules it takes UDP, and a path that dies in a call is replaced (ICE restart).
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { Coturn } from './coturn.mjs';
import { Lab, launch, metric, phone, run, sleep, until } from './lab.mjs';
import { MIC, agwConf, assert, dial, fakeMedia, farMedia, flows, hangup, hears, isCalled, packets, says } from './media.mjs';
import { Nat } from './nat.mjs';
import { writeTone } from './tone.mjs';

process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'; // alg's certificate is its own
const lab = new Lab();
const tone = join(lab.dir, 'mic.wav');
writeTone(tone, MIC);
let nat; let turn; let browser; let page;

const pair = () => page.evaluate(async () => { const p = await window.net.pair(); return p && { name: window.net.name(p), ...p.local, at: p.remote.port, remote: p.remote.type }; });
const by = { // what is in use: no relay and UDP; agw's port 80; coturn's TLS
  udp: (p) => p.protocol === 'udp' && p.type !== 'relay',
  tcp: (p) => p.protocol === 'tcp' && p.type !== 'relay' && p.at === 80,
  turn: (p) => p.type === 'relay' && p.relay === 'tls',
};
async function uses(way) {
  const p = await until(`a pair by ${way}`, async () => { const now = await pair(); return now && by[way](now) ? now : null; }).catch(async (e) => {
    throw new Error(`${e.message}: ${(await pair())?.name}`);
  });
  console.log(`# ${p.name}`);
}
async function first(what) {
  const ms = await until('the first media', () => page.evaluate(() => window.net.firstMs));
  console.log(`# ${what}: ${ms} ms from the answer to the first media`);
}
async function audio(way) {
  await dial(page, { chat: false, audio: true });
  await hears(page, MIC);
  await first(`audio by ${way}`);
  await uses(way);
  assert((await farMedia('audio')).strangers === 0, 'media from an address that was not signalled');
  await hangup(page);
}
async function data(way) {
  await dial(page, { chat: true });
  await says(page, `by ${way}`);
  await first(`data channel by ${way}`);
  await uses(way);
  await hangup(page);
}
// UDP carries a call, then it is dropped on the way: another path takes over in the same call. Where the browser has checked others
// from the start it changes by itself; where it knew UDP alone (told: `known`) the page restarts ICE with a re-INVITE.
// With `chat` the call has a data channel, too, whose transport comes along with its association and channel.
// UDP that comes up `late` finds a connection in use, which agw keeps for the browser.
// Chromium does not check TCP beside UDP that works, and agw closes a connection that has no check in 5 s: where UDP died too late
// for that, on a slow machine, a relay takes over, and the call is placed again.
// What it has afterwards (`then`) is told where more than one way works: in a restart Chromium ends its gathering with the first
// candidate that connects, and the relay's, checked by what it knew of the gateway before the restart, may come before TCP's.
async function takesOver(way, { known = 'any', then = 'any', ports = [80, 443], chat = false, late = false, tries = 4 } = {}) {
  await page.evaluate((t) => window.net.choose(t), known);
  const closed = await metric(9102, 'agw_door_late');
  if (late) nat.firewall(ports);
  await dial(page, { chat, audio: true });
  if (chat) await says(page, 'by udp');
  await hears(page, MIC);
  if (late) { await uses(way); nat.firewall([]); }
  await uses('udp');
  const had = await packets(page, 'audio');
  if (late) await until('4 s by UDP', async () => await packets(page, 'audio') > had + 200);
  await page.evaluate((t) => window.net.choose(t), then);
  const restarts = await page.evaluate(() => window.net.restarts); const start = Date.now();
  nat.firewall(ports);
  const [up, down] = [(await farMedia('audio')).rtp, await packets(page, 'audio')];
  await until('the core hears the browser again', async () => { const p = await pair(); return p && !by.udp(p) && (await farMedia('audio')).rtp > up + 25; }, 60000);
  await until('the browser hears the core again', async () => await packets(page, 'audio') > down + 25);
  console.log(`# media again ${Date.now() - start} ms after UDP died`);
  if (way === 'tcp' && tries > 1 && by.turn(await pair()) && await metric(9102, 'agw_door_late') > closed) {
    console.log('# TCP was closed before its first check: once more');
    await hangup(page);
    nat.firewall([]);
    return takesOver(way, { known, then, ports, chat, late, tries: tries - 1 });
  }
  const n = await page.evaluate(() => window.net.restarts) - restarts;
  assert(known === 'any' ? n === 0 : n > 0, `${n} ICE restarts`);
  await hears(page, MIC);
  if (chat) await says(page, `by ${way}, the same channel`);
  await uses(way);
  await hangup(page);
}
// A call that fails leaves no rules to the next one. Of a page that stands still nothing is to be had: that is told, too.
const dies = (way, how) => takesOver(way, how).catch(async (e) => {
  const saw = async () => { const { pc } = window.phone;
    return [pc?.iceConnectionState, pc?.iceGatheringState, pc?.signalingState, ...(pc?.localDescription?.sdp.match(/^a=candidate.*/gm) ?? []),
      ...[...document.querySelectorAll('#log li')].slice(-12).map((li) => li.textContent)].join('; '); };
  const soon = (what) => Promise.race([what.catch(() => 'gone'), sleep(5000).then(() => 'no answer')]);
  console.log(`# page: ${await soon(page.evaluate(saw))}; now ${await soon(pair().then((p) => p?.name))}`);
  throw e;
}).finally(() => nat.firewall([]));

await run([
  ['namespaces, coturn, the pair, the far end and the browser start', async () => {
    nat = new Nat();
    turn = new Coturn(lab, { host: nat.another('203.0.113.30'), peer: nat.gateway });
    turn.certify(lab.dir);
    await turn.up();
    const alg = lab.algConf(`wss_listen: ["${nat.gateway}:443"]\nws_listen: ["${nat.gateway}:8080"]\n${turn.alg}`);
    await lab.up({ alg: ['-c', alg], agw: ['-c', agwConf(lab.dir, { access: nat.gateway, realm: 'ice_tcp: [80]', more: 'ice_timeout: 90000\n' })] });
    browser = await launch(fakeMedia(tone), nat.chromium(lab.dir));
  }],
  ['only TCP 80 and 443 leave: the browser registers over WSS on 443 and has its TURN credential', async () => {
    nat.firewall([80, 443]);
    page = await phone(browser, 'alice', `wss://${nat.gateway}:443/`, (context) => nat.serve(context));
    await until('TURN servers', () => page.evaluate(() => window.net.servers.length > 0));
  }],
  ['audio by TCP port 80, no relay', () => audio('tcp')],
  ['a data channel by TCP port 80, no relay', () => data('tcp')],
  ['only TCP 443 leaves: audio by TURN over TLS', async () => { nat.firewall([443]); await audio('turn'); }],
  ['a data channel by TURN over TLS', () => data('turn')],
  ['the core calls the browser, by TURN over TLS', () => isCalled(page)],
  ['a registration renewed in a call renews the TURN credential of the call', async () => {
    await dial(page, { chat: false, audio: true });
    await flows(page, 'audio');
    const had = await page.evaluate(() => ({ n: window.net.renewed, name: window.phone.pc.getConfiguration().iceServers[0].username }));
    await until('another second', () => page.evaluate((name) => Date.now() / 1000 + 1200 > parseInt(name, 10) + 1, had.name)); // names differ by the second
    await page.evaluate(() => window.phone.ua.register());
    await until('another credential', () => page.evaluate((n) => window.net.renewed > n, had.n));
    assert(await page.evaluate(() => window.phone.pc.getConfiguration().iceServers[0].username) !== had.name, 'the call has the old one');
    await flows(page, 'audio');
    await hangup(page);
  }],
  ['no rules: UDP', async () => { nat.firewall([]); await audio('udp'); await data('udp'); }],
  ['UDP dies in a call: TCP port 80, connected before, takes over', () => dies('tcp')],
  ['... and where UDP came up later than that', () => dies('tcp', { late: true })],
  ['UDP dies in a call that knew nothing else, audio and a data channel: ICE restart to TCP port 80', () => dies('tcp', { known: 'udp', then: 'tcp', chat: true })],
  ['... and to TURN over TLS where port 80 is shut, too', () => dies('turn', { known: 'udp', ports: [443], chat: true })],
  ['without TLS, and not on loopback: no credential, no key, no endpoint', async () => {
    assert((await fetch(`https://${nat.gateway}/turn`).catch((e) => e)).status === 401, 'not 401 with TLS');
    assert((await fetch(`http://${nat.gateway}:8080/turn`)).status === 404, 'an endpoint without TLS');
    const wic = spawn('node', ['tests/component/wic_reg.mjs'], { env: { ...process.env, WSHOST: nat.gateway, WS: '8080', USER: 'bob', PASSWORD: 'bob-secret' } });
    let said = '';
    wic.stdout.on('data', (data) => { said += data; });
    wic.stdin.write('connect\n');
    await until('a WebSocket', () => /^open$/m.test(said));
    wic.stdin.write('register\n');
    await until('bob is registered', () => /^REGISTER 200/m.test(said));
    wic.stdin.write('message sip:nobody@home.example.net x\n'); // its answer comes behind whatever the 200 had
    await until('an answer', () => /^MESSAGE \d/m.test(said));
    wic.kill();
    assert(!/^turn /m.test(said), said);
  }],
  ['nothing of a credential is in a log', () => {
    for (const name of ['alg', 'coturn']) assert(!/a-secret-of-the-lab|credential="|Bearer [A-Za-z0-9]/.test(lab.log(name)), name);
  }],
  ['alg, agw, coturn and the far end stop with status 0', async () => {
    await browser.close();
    await turn.down();
    const bad = await lab.down();
    assert(bad.length === 0, bad.join('; '));
  }],
]);
