// Chromium behind a firewall that lets nothing out but TCP to the signalling port and to port 80: audio, a data channel, both
// ways, over ICE-TCP on agw's one port 80 (TS 33.203 W.3). Without the firewall it uses UDP.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { BOUND, Lab, call, launch, metric, phone, post, run, until } from './lab.mjs';
import { MIC, agwConf, assert, dial, ended, established, fakeMedia, farMedia, hangup, hears, idle, packets } from './media.mjs';
import { Nat } from './nat.mjs';
import { writeTone } from './tone.mjs';

const lab = new Lab();
const tone = join(lab.dir, 'mic.wav');
writeTone(tone, MIC);
let nat; let browser; let page;
const received = (text) => page.waitForFunction((t) => window.phone.received.some((m) => m.text === t), text, { timeout: BOUND });
const trace = (name) => readFileSync(join(lab.trace, `${name}.trace`), 'utf8').trim().split('\n').map((line) => JSON.parse(line));

// The pair that the browser has chosen.
async function chosen() {
  return page.evaluate(async () => {
    const stats = await window.phone.pc.getStats();
    const all = [...stats.values()];
    const t = all.find((s) => s.type === 'transport' && s.selectedCandidatePairId);
    const pair = t && stats.get(t.selectedCandidatePairId);
    const far = pair && stats.get(pair.remoteCandidateId);
    return far && `${far.protocol} ${far.port}`;
  });
}
const chose = (protocol) => until(`a pair of ${protocol}`, async () => (await chosen())?.startsWith(protocol));

// Connections to port 80 are cut in a call until `seen`; its media go on.
async function breaks(which, seen) {
  await dial(page, { chat: false, audio: true });
  await hears(page, MIC);
  await chose('tcp 80');
  const [before, restarts] = [await metric(9102, 'agw_door_let_in'), await page.evaluate(() => window.net.restarts)];
  const start = Date.now();
  nat.cut(80, which);
  await seen(before);
  nat.mend();
  const had = await packets(page, 'audio');
  await until('the browser hears the core again', async () => await packets(page, 'audio') > had + 10);
  const n = await page.evaluate(() => window.net.restarts) - restarts;
  console.log(`# after ${Date.now() - start} ms; ${await metric(9102, 'agw_door_let_in') - before} connections came, ${n} ICE restarts`);
  assert(which.others || n === 0, `${n} ICE restarts`);
  await hears(page, MIC);
  await hangup(page);
}

await run([
  ['namespaces, the pair, the far end and the browser start', async () => {
    nat = new Nat();
    const alg = lab.algConf(`wss_listen: ["${nat.gateway}:8443"]\n`);
    const agw = agwConf(lab.dir, { access: nat.gateway, realm: 'ice_tcp: [80], ice_tcp_port: true' });
    await lab.up({ alg: ['-c', alg, '--trace', lab.trace], agw: ['-c', agw, '--trace', lab.trace] });
    browser = await launch(fakeMedia(tone), nat.chromium(lab.dir));
    page = await phone(browser, 'alice', `wss://${nat.gateway}:8443/`, (context) => nat.serve(context));
  }],
  ['without a firewall the browser uses UDP', async () => {
    await dial(page, { chat: false, audio: true });
    await hears(page, MIC);
    await chose('udp');
    await hangup(page);
  }],
  ['behind the firewall: audio over TCP port 80', async () => {
    nat.firewall([80, 8443]);
    const start = Date.now();
    await dial(page, { chat: false, audio: true });
    await hears(page, MIC);
    console.log(`# the tone is heard ${Date.now() - start} ms after the call began`);
    await chose('tcp 80');
    assert((await farMedia('audio')).strangers === 0, 'media from an address that was not signalled');
    assert(await metric(9102, 'agw_ice_tcp_connections') === 1, 'not one connection');
    await hangup(page);
    await until('the connection is gone', async () => await metric(9102, 'agw_ice_tcp_connections') === 0);
  }],
  ['behind the firewall: a data channel over TCP port 80', async () => {
    await call(page);
    await page.fill('#text', 'through port 80');
    await page.click('#send');
    await received('echo: through port 80');
    await chose('tcp 80');
    await hangup(page);
  }],
  ['behind the firewall: the core calls the browser', async () => {
    await post('/api/call?to=alice&media=audio');
    await established(page);
    await hears(page, MIC);
    await chose('tcp 80');
    await post('/api/hangup');
    await ended(page);
    await idle();
  }],
  ['the connection breaks in the call: the browser comes back with the same ufrag, media go on', () => breaks({ others: false }, async (before) => {
    await until('another connection', async () => await metric(9102, 'agw_door_let_in') > before);
  })],
  ['... and where new ones are refused for a while, Chromium tries but once: media go on after an ICE restart', () => breaks({ others: true }, async () => {
    await until('the connection is gone', async () => await metric(9102, 'agw_ice_tcp_connections') === 0);
  })],
  ['nothing of it reaches the core', () => {
    const towards = trace('alg').filter((e) => e.proto === 'sip' && e.from === 'alg' && e.to === 'core' && /^m=/m.test(e.body));
    assert(towards.length >= 3, `${towards.length} messages with SDP towards the core`);
    for (const { body } of towards) assert(!/^a=(candidate|ice-)/m.test(body) && !/tcptype/.test(body), body);
  }],
  ['alg, agw and the far end stop with status 0', async () => {
    await browser.close();
    const bad = await lab.down();
    assert(bad.length === 0, bad.join('; '));
  }],
]);
