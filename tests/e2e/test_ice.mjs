// `ice: full`: the gateway checks, too, in both roles, with Chromium (candidates hidden behind mDNS names, and told) and aiortc.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { BOUND, Lab, call, metric, phone, post, run, until } from './lab.mjs';
import { MIC, agwConf, assert, dial, ended, established, fakeMedia, flows, frames, hangup, holds, host, idle, says } from './media.mjs';
import { writeTone } from './tone.mjs';

const lab = new Lab();
const tone = join(lab.dir, 'mic.wav');
writeTone(tone, MIC);
let browser; let page;
// Not as lab.mjs does: no loopback candidates, to which a gateway at another address sends nothing.
const launch = () => chromium.launch({ executablePath: process.env.CHROMIUM || '/usr/bin/chromium', headless: true, timeout: 2 * BOUND,
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--ignore-certificate-errors', ...fakeMedia(tone)] });

// What the browser knows of the pair in use and of its role.
const ice = () => page.evaluate(async () => {
  const stats = [...(await window.phone.pc.getStats()).values()];
  const transport = stats.find((s) => s.type === 'transport');
  const pair = stats.find((s) => s.id === transport.selectedCandidatePairId);
  return { role: transport.iceRole, asked: pair.requestsReceived, answered: pair.responsesSent, remote: window.phone.pc.remoteDescription.sdp };
});
const logged = (text) => lab.log('agw').split('\n').filter((l) => l.includes(text)).length;

async function checked(role) {
  const now = await until('checks of the gateway', async () => { const i = await ice(); return i.asked > 0 && i.answered > 0 ? i : null; });
  assert(now.role === role, `the browser is ${now.role}`);
  assert(!/ice-lite/.test(now.remote) && /a=candidate:\S+ 1 UDP/i.test(now.remote) && /a=ice-options:.*ice2/.test(now.remote), now.remote);
  await until('consent is asked for', async () => (await ice()).asked > now.asked, 20000); // 4 to 6 s (RFC 7675 5.1)
}

// As browsers tell their addresses to pages that may not use the microphone: names that only their own network can resolve.
const hidden = (context) => context.addInitScript(() => {
  const own = Object.getOwnPropertyDescriptor(RTCPeerConnection.prototype, 'localDescription');
  const hide = (sdp) => sdp.replace(/^(a=candidate:\S+ \d+ udp \d+ )\S+/gmi, (all, head) => `${head}0a1b2c3d-0000-4000-8000-000000000000.local`);
  Object.defineProperty(RTCPeerConnection.prototype, 'localDescription', {
    get() { const d = own.get.call(this); return d && { type: d.type, sdp: hide(d.sdp) }; } });
});

async function calls() {
  await dial(page, { chat: false, audio: true, video: true });
  await flows(page, 'audio');
  await frames(page);
  await checked('controlling');
  await hangup(page);
}

async function isCalled() {
  await post('/api/call?to=alice&media=audio,video');
  await established(page);
  await flows(page, 'audio');
  await frames(page);
  await checked('controlled');
  await post('/api/hangup');
  await ended(page);
  await idle();
}

function aiortc(what) {
  const child = spawn('/usr/bin/python3', ['tests/e2e/aiortc_call.py', 'ws://127.0.0.1:8080/', what, String(MIC)], { stdio: ['ignore', 'pipe', 'pipe'] });
  const peer = { said: '', end: null };
  for (const from of [child.stdout, child.stderr]) from.on('data', (data) => { peer.said += data; });
  child.on('close', (code, signal) => { peer.end = code ?? signal; });
  peer.says = (line) => until(`aiortc says ${line}`, () => {
    assert(peer.said.includes(`${line}\n`) || peer.end === null, `aiortc ended with ${peer.end}: ${peer.said}`);
    return peer.said.includes(`${line}\n`);
  });
  peer.ends = () => until('aiortc ends', () => peer.end !== null).then(() => assert(peer.end === 0, `status ${peer.end}: ${peer.said}`));
  return peer;
}

await run([
  ['the pair and the far end start', () => lab.up({ alg: ['-c', lab.algConf('ice: full\n')], agw: ['-c', agwConf(lab.dir, { access: host }), '--trace', lab.trace] })],
  ['Chromium calls, its addresses hidden: the gateway learns them from checks', async () => {
    browser = await launch();
    page = await phone(browser, 'alice', 'wss://127.0.0.1:8443/', hidden);
    await call(page);
    await says(page, 'who are you');
    await checked('controlling');
    await hangup(page);
    assert(logged('msg="ICE_PEER"') > 0, 'no peer-reflexive candidate');
  }],
  ['Chromium is called, its addresses hidden: the gateway nominates', async () => {
    const before = logged('msg="ICE_PEER"');
    await post('/api/call?to=alice&text=hello%20browser');
    await page.waitForFunction(() => window.phone.received.some((m) => m.text === 'hello browser'), null, { timeout: BOUND });
    await checked('controlled');
    await post('/api/hangup');
    await ended(page);
    await idle();
    assert(logged('msg="ICE_PEER"') > before, 'no peer-reflexive candidate');
  }],
  ['Chromium calls, its addresses told', async () => {
    await browser.contexts()[0].close();
    page = await phone(browser);
    await calls();
  }],
  ['Chromium is called, its addresses told', isCalled],
  ['Chromium on hold goes on answering, and resumes', () => holds(page, () => checked('controlling'))],
  ['aiortc calls', async () => {
    const peer = aiortc('call');
    await peer.says('heard');
    await peer.ends();
    await idle();
  }],
  ['aiortc is called', async () => {
    const peer = aiortc('answer');
    await peer.says('registered');
    await post('/api/call?to=aiortc&media=audio');
    await peer.says('heard');
    await post('/api/hangup');
    await peer.ends();
    await idle();
  }],
  ['what the gateway sent and told: checks of its own, the pair of each stream, no failure', async () => {
    const text = readFileSync(join(lab.trace, 'agw.trace'), 'utf8');
    assert(/"from":"agw","to":"wic","proto":"ice","title":"Binding request"/.test(text), 'no check of the gateway in the trace');
    assert(/ostuncc\/ccr \{ Stream = 1, result = Success, pair = /.test(text), 'no result on Iq');
    assert(logged('ICE_FAILED') === 0 && logged('ICE_LOST') === 0, lab.log('agw'));
    assert(await metric(9102, 'agw_contexts') === 0, 'contexts left');
  }],
  ['alg, agw and the far end stop with status 0', async () => {
    await browser.close();
    const bad = await lab.down();
    assert(bad.length === 0, bad.join('; '));
  }],
]);
