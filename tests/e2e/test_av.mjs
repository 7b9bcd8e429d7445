// Audio and video: Chromium with a tone for a microphone and its fake camera, the lab's far end that sends back what it gets,
// and baresip as the phone in the core. A tone is recognised by Goertzel on decoded samples, video by decoded frames.
import { writeFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { Baresip } from './baresip.mjs';
import { Lab, get, launch, metric, phone, post, run, sleep, until } from './lab.mjs';
import { lastSecond, share, writeTone } from './tone.mjs';

const MIC = 1000; // Hz, the browser's microphone
const FAR = 440; // Hz, baresip's
const lab = new Lab();
const tone = join(lab.dir, 'mic.wav');
writeTone(tone, MIC);
let baresip = new Baresip(lab.dir, { hz: FAR });
// baresip puts no loopback address in its SDP: the core realm is on an address that it can send to.
const host = Object.values(networkInterfaces()).flat().find((i) => i.family === 'IPv4' && !i.internal)?.address ?? '127.0.0.1';
const conf = join(lab.dir, 'agw.yaml');
writeFileSync(conf, `realms:
  - {name: core.example.net, interface: core, address: ${host}, ports: 24000-31999, peer: core, any_source: true}
  - {name: access.example.net, interface: access, address: 127.0.0.1, ports: 16384-23999, peer: wic}
`);
let browser; let page; let bound;
const assert = (cond, what) => { if (!cond) throw new Error(what); };
const ended = (p) => p.waitForFunction(() => window.phone.ended, null, { timeout: 10000 });
const idle = () => until('contexts released', async () => await metric(9102, 'agw_contexts') === 0 && await metric(9101, 'alg_iq_contexts') === 0, 8000);
const received = (p, text) => p.waitForFunction((t) => window.phone.received.some((m) => m.text === t), text, { timeout: 10000 });

// What a failed test left must not spoil the next one.
const clear = (p) => p.evaluate(() => { if (window.phone.session) window.phone.session.terminate(); });

async function dial(p, what, callee = 'echo') {
  await clear(p);
  await p.fill('#callee', callee);
  await p.evaluate((w) => window.phone.call(w), what);
  await p.waitForFunction(() => window.phone.session && window.phone.session.isEstablished(), null, { timeout: 15000 });
}
async function hangup(p) { await p.click('#hangup'); await ended(p); await idle(); }

// One report of a kind: inbound-rtp of audio or video.
const inbound = (p, kind) => p.evaluate(async (k) => {
  for (const r of (await window.phone.pc.getStats()).values()) if (r.type === 'inbound-rtp' && r.kind === k) return { ...r };
  return null;
}, kind);
const packets = async (p, kind) => (await inbound(p, kind))?.packetsReceived ?? 0;

// Share of the tone in half a second of what the page hears.
const heard = (p, hz) => p.evaluate(async ([code, f]) => {
  const goertzel = eval(`(${code})`);
  const track = window.phone.tracks.filter((t) => t.kind === 'audio').pop();
  if (!track) return 0;
  window.ears ??= new AudioContext({ sampleRate: 48000 });
  await window.ears.resume();
  const node = window.ears.createAnalyser();
  node.fftSize = 16384;
  window.ears.createMediaStreamSource(new MediaStream([track])).connect(node);
  await new Promise((go) => setTimeout(go, 500));
  const samples = new Float32Array(node.fftSize);
  node.getFloatTimeDomainData(samples);
  return goertzel(samples, 48000, f);
}, [share.toString(), hz]);
const hears = (p, hz) => until(`a tone of ${hz} Hz`, async () => await heard(p, hz) > 0.5, 15000);
const frames = (p, more = 10) => until('video frames', async () => ((await inbound(p, 'video'))?.framesDecoded ?? 0) > more, 15000);
async function flows(p, kind) {
  const before = await packets(p, kind);
  await until(`${kind} flows`, async () => await packets(p, kind) > before + 10);
}
async function silent(p, kind) {
  await sleep(500);
  const before = await packets(p, kind);
  await sleep(1000);
  const after = await packets(p, kind);
  assert(after - before <= 3, `${after - before} packets of ${kind} came in a second on hold`);
}

await run([
  ['the pair, the far end and the browser start', async () => {
    await lab.up({ agw: ['-c', conf] });
    browser = await launch(['--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream',
      `--use-file-for-fake-audio-capture=${tone}`, '--autoplay-policy=no-user-gesture-required']);
    page = await phone(browser);
  }],
  ['audio: the tone comes back from the far end', async () => {
    await dial(page, { chat: false, audio: true });
    await hears(page, MIC);
    await until('RTP and RTCP at the far end', async () => {
      const [{ media: [audio] }] = await get('/api/calls');
      return audio.rtp > 100 && audio.rtcp > 0;
    });
    assert((await get('/api/calls'))[0].media[0].strangers === 0, 'media from an address that was not signalled');
    await hangup(page);
    assert((await get('/api/calls')).length === 0, 'the far end still has a call');
  }],
  ['audio and video: the tone and the picture come back', async () => {
    await dial(page, { chat: false, audio: true, video: true });
    await hears(page, MIC);
    await frames(page);
    await hangup(page);
  }],
  ['audio, video and a data channel in one call', async () => {
    await dial(page, { chat: true, audio: true, video: true });
    await page.waitForFunction(() => !document.getElementById('send').disabled, null, { timeout: 15000 });
    await page.fill('#text', 'beside the sound');
    await page.click('#send');
    await received(page, 'echo: beside the sound');
    await hears(page, MIC);
    await frames(page);
    await hangup(page);
  }],
  ['the core calls the browser: audio and video', async () => {
    await post('/api/call?to=alice&media=audio,video');
    await page.waitForFunction(() => window.phone.session && window.phone.session.isEstablished(), null, { timeout: 15000 });
    await hears(page, MIC);
    await frames(page);
    await post('/api/hangup');
    await ended(page);
    await idle();
  }],
  ['hold by the browser stops the media, resume brings it back', async () => {
    await dial(page, { chat: false, audio: true });
    await flows(page, 'audio');
    await page.click('#hold');
    await until('on hold', () => page.evaluate(() => window.phone.session.isOnHold().local));
    await silent(page, 'audio');
    await page.click('#hold');
    await flows(page, 'audio');
    await hangup(page);
  }],
  ['hold by the core, and resume', async () => {
    await dial(page, { chat: false, audio: true });
    await flows(page, 'audio');
    await post('/api/hold?dir=sendonly');
    await until('held', () => page.evaluate(() => window.phone.session.isOnHold().remote));
    await post('/api/hold?dir=sendrecv');
    await until('resumed', () => page.evaluate(() => !window.phone.session.isOnHold().remote));
    await flows(page, 'audio');
    await hangup(page);
  }],
  ['video is added by the core, and dropped', async () => {
    await dial(page, { chat: false, audio: true });
    await flows(page, 'audio');
    await post('/api/reinvite?add=1&kind=video');
    await until('a video line', () => page.evaluate(() => /^m=video [1-9]/m.test(window.phone.pc.remoteDescription.sdp)));
    await post('/api/reinvite?add=0&kind=video');
    await until('no video line', () => page.evaluate(() => /^m=video 0/m.test(window.phone.pc.remoteDescription.sdp)));
    await flows(page, 'audio');
    await hangup(page);
  }],
  ['baresip is called: each hears the other\'s tone', async () => {
    await baresip.up();
    await browser.contexts()[0].close();
    await lab.restartFar(['--route', 'sip:127.0.0.1:5080;lr']);
    page = await phone(browser);
    await dial(page, { chat: false, audio: true }, 'phone');
    await hears(page, FAR);
    await until('baresip hears the browser', () => {
      const { samples, rate } = lastSecond(baresip.heard());
      return share(samples, rate, MIC) > 0.5;
    });
    await hangup(page);
  }],
  ['baresip calls: each hears the other\'s tone', async () => {
    bound = await get('/api/binding?user=alice');
    assert(bound.path, 'no binding');
    await baresip.down();
    baresip = new Baresip(lab.dir, { hz: FAR, outbound: bound.path.replace(/^<|>$/g, '') }); // what a proxy does with Path
    await baresip.up();
    baresip.command('dial', bound.contact.replace(/;.*/, ''));
    await page.waitForFunction(() => window.phone.session && window.phone.session.isEstablished(), null, { timeout: 15000 });
    await hears(page, FAR);
    baresip.command('hangup');
    await ended(page);
    await idle();
  }],
  ['alg, agw and the far end stop with status 0', async () => {
    await browser.close();
    await baresip.down();
    const bad = await lab.down();
    assert(bad.length === 0, bad.join('; '));
  }],
]);
