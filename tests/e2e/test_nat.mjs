// Chromium behind a NAT calls through; the NAT gives it another port in the call; and its access network loses packets.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { BOUND, Lab, launch, phone, run, until } from './lab.mjs';
import { MIC, agwConf, assert, dial, fakeMedia, farMedia, hangup, hears, idle, inbound, isCalled, packets, report } from './media.mjs';
import { Nat } from './nat.mjs';
import { writeTone } from './tone.mjs';

const lab = new Lab();
const tone = join(lab.dir, 'mic.wav');
writeTone(tone, MIC);
let nat; let browser; let page;
const trace = (name) => readFileSync(join(lab.trace, `${name}.trace`), 'utf8').trim().split('\n').map((line) => JSON.parse(line));

await run([
  ['namespaces, the pair, the far end and the browser start', async () => {
    nat = new Nat();
    const alg = lab.algConf(`wss_listen: ["${nat.gateway}:8443"]\n`);
    await lab.up({ alg: ['-c', alg, '--trace', lab.trace], agw: ['-c', agwConf(lab.dir, { access: nat.gateway, more: 'ice_timeout: 8000\n' }), '--trace', lab.trace] });
    browser = await launch(fakeMedia(tone), nat.chromium(lab.dir));
    page = await phone(browser, 'alice', `wss://${nat.gateway}:8443/`, (context) => nat.serve(context));
  }],
  ['a call through the NAT: the tone comes back', async () => {
    await dial(page, { chat: false, audio: true });
    await hears(page, MIC);
    assert((await farMedia('audio')).strangers === 0, 'media from an address that was not signalled');
    await hangup(page);
  }],
  ['the core calls the browser behind the NAT', () => isCalled(page)],
  ['the core sees the gateway, not the browser nor its NAT', () => {
    const towards = trace('alg').filter((e) => e.proto === 'sip' && e.from === 'alg' && e.to === 'core' && /^m=audio/m.test(e.body));
    assert(towards.length >= 2, `${towards.length} messages with SDP towards the core`);
    for (const { body } of towards) assert(!body.includes('10.97.') && !body.includes('203.0.113.') && !/^a=candidate/m.test(body), body);
    const checks = trace('agw').filter((e) => e.proto === 'ice' && e.from === 'wic');
    assert(checks.length > 0 && checks.every((e) => e.src.startsWith(`${nat.outside}:4`)), 'a check from elsewhere than the NAT');
  }],
  ['the NAT changes its ports in the call: media go on after the next check', async () => {
    await dial(page, { chat: false, audio: true });
    await hears(page, MIC);
    const start = Date.now();
    nat.ports('50000-59999');
    const [up, down] = [(await farMedia('audio')).rtp, await packets(page, 'audio')];
    await until('the core hears the browser again', async () => (await farMedia('audio')).rtp > up + 10, 12000);
    const upAfter = Date.now() - start;
    await until('the browser hears the core again', async () => await packets(page, 'audio') > down + 10, 12000);
    console.log(`# after ${upAfter} ms the core hears the browser again, after ${Date.now() - start} ms the browser the core`);
    assert(trace('agw').some((e) => e.proto === 'ice' && e.from === 'wic' && e.src.startsWith(`${nat.outside}:5`)), 'no check came from a new port');
    await hears(page, MIC);
    await hangup(page);
  }],
  ['5 % of the packets are lost, each way: the tone is heard, the reports tell', async () => {
    await dial(page, { chat: false, audio: true });
    await hears(page, MIC);
    nat.loss(5);
    const before = await inbound(page, 'audio');
    await until('300 packets more', async () => await packets(page, 'audio') > before.packetsReceived + 300);
    await hears(page, MIC);
    const after = await inbound(page, 'audio');
    const lost = after.packetsLost - before.packetsLost;
    const part = lost / (lost + after.packetsReceived - before.packetsReceived);
    assert(part > 0.02 && part < 0.25, `${lost} packets, ${part} of them, counted as lost`); // they pass the NAT twice
    const theirs = await until('a report of losses', async () => { const r = await report(page, 'remote-inbound-rtp', 'audio'); return r?.packetsLost > 0 && r; });
    console.log(`# the browser lost ${lost} (${(100 * part).toFixed(1)} %), was told of ${theirs.packetsLost} and ${(100 * theirs.fractionLost).toFixed(1)} %`);
    nat.loss(0);
    await hangup(page);
  }],
  ['the browser\'s media cannot pass any more: consent is lost, the call is cleared on both sides', async () => {
    await dial(page, { chat: false, audio: true });
    await hears(page, MIC);
    const lost = () => lab.log('agw').split('\n').filter((line) => line.includes('msg="ICE_LOST"')).length;
    const before = lost();
    nat.loss(100);
    const start = Date.now();
    await page.waitForFunction(() => window.phone.ended, null, { timeout: BOUND });
    await idle();
    console.log(`# after ${Date.now() - start} ms`); // of the 8 s some had passed: the last check was before
    assert(lost() === before + 1, 'it was cleared by something else');
    nat.loss(0);
  }],
  ['alg, agw and the far end stop with status 0', async () => {
    await browser.close();
    const bad = await lab.down();
    assert(bad.length === 0, bad.join('; '));
  }],
]);
