// What media tests ask a phone page, in Chromium and in Firefox alike: reports, tones, frames.
import { writeFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { BOUND, get, metric, post, sleep, until } from './lab.mjs';
import { share } from './tone.mjs';

export const MIC = 1000; // Hz, the browser's microphone
export const assert = (cond, what) => { if (!cond) throw new Error(what); };
export const fakeMedia = (tone) => ['--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream',
  `--use-file-for-fake-audio-capture=${tone}`, '--autoplay-policy=no-user-gesture-required'];

// An address that is not loopback: baresip puts no loopback address in its SDP, Firefox pairs none with its own.
export const host = Object.values(networkInterfaces()).flat().find((i) => i.family === 'IPv4' && !i.internal)?.address ?? '127.0.0.1';
export function agwConf(dir, { core = '127.0.0.1', access = '127.0.0.1', realm = '', more = '' }) {
  const file = join(dir, 'agw.yaml');
  writeFileSync(file, `realms:
  - {name: core.example.net, interface: core, address: ${core}, ports: 24000-31999, peer: core, any_source: true, peers_allow: [127.0.0.0/8]}
  - {name: access.example.net, interface: access, address: ${access}, ports: 16384-23999, peer: wic${realm && `, ${realm}`}}
${more}`);
  return file;
}

export const ended = (p) => p.waitForFunction(() => window.phone.ended, null, { timeout: BOUND });
// Nothing is left of a call, at the far end neither: contexts may be gone before a BYE comes there.
export async function idle() {
  await until('contexts released', async () => await metric(9102, 'agw_contexts') === 0 && await metric(9101, 'alg_iq_contexts') === 0);
  await until('the far end has no call', async () => (await get('/api/calls')).length === 0);
}

// What a failed test left must not spoil the next one.
export const clear = (p) => p.evaluate(() => { if (window.phone.session) window.phone.session.terminate(); });
export const established = (p) => p.waitForFunction(() => window.phone.session && window.phone.session.isEstablished(), null, { timeout: BOUND });

export async function dial(p, what, callee = 'echo') {
  await clear(p);
  await p.fill('#callee', callee);
  await p.evaluate((w) => window.phone.call(w), what);
  await established(p);
}
export async function hangup(p) { await p.click('#hangup'); await ended(p); await idle(); }

// One report of a type: inbound-rtp or remote-inbound-rtp of audio or video.
export const report = (p, type, kind) => p.evaluate(async ([t, k]) => {
  for (const r of (await window.phone.pc.getStats()).values()) if (r.type === t && r.kind === k) return { ...r };
  return null;
}, [type, kind]);
export const inbound = (p, kind) => report(p, 'inbound-rtp', kind);
export const packets = async (p, kind) => (await inbound(p, kind))?.packetsReceived ?? 0;

// Share of the tone in half a second of what the page hears. It is recorded and decoded again: Firefox runs no AudioContext on a
// machine without a sound card, but it does record.
export const heard = (p, hz) => p.evaluate(async ([code, f]) => {
  const goertzel = eval(`(${code})`);
  const track = window.phone.tracks.filter((t) => t.kind === 'audio').pop();
  if (!track) return 0;
  const recorder = new MediaRecorder(new MediaStream([track])); const parts = [];
  recorder.ondataavailable = (ev) => parts.push(ev.data);
  const stopped = new Promise((go) => { recorder.onstop = go; });
  recorder.start();
  await new Promise((go) => setTimeout(go, 600));
  if (recorder.state === 'recording') recorder.stop();
  await stopped;
  const bytes = await new Blob(parts).arrayBuffer();
  const sound = await new OfflineAudioContext(1, 48000, 48000).decodeAudioData(bytes).catch(() => null);
  return sound ? goertzel(sound.getChannelData(0).slice(-24000), 48000, f) : 0; // nothing came: nothing to decode
}, [share.toString(), hz]);
export const hears = (p, hz) => until(`a tone of ${hz} Hz`, async () => await heard(p, hz) > 0.5);
export const frames = (p, more = 10) => until('video frames', async () => ((await inbound(p, 'video'))?.framesDecoded ?? 0) > more); // baresip's next whole picture may be 10 s away

export async function flows(p, kind) {
  const before = await packets(p, kind);
  await until(`${kind} flows`, async () => await packets(p, kind) > before + 10);
}
// What was under way when the hold was agreed may still come; then a second without media.
export async function silent(p, kind) {
  let came;
  await until(`no ${kind}`, async () => {
    const before = await packets(p, kind);
    await sleep(1000);
    came = await packets(p, kind) - before;
    return came <= 3;
  }, 3000).catch((e) => { throw new Error(`${e.message}: ${came} packets in the last second on hold`); });
}

// The far end's counts of the first line of a kind in its first call.
export async function farMedia(kind) {
  const [call] = await get('/api/calls');
  return call?.media.find((m) => m.kind === kind) ?? { rtp: 0, rtcp: 0, octets: 0, strangers: 0 };
}

// A text on the data channel comes back as an echo.
export async function says(p, text) {
  await p.waitForFunction(() => !document.getElementById('send').disabled, null, { timeout: BOUND });
  await p.fill('#text', text);
  await p.click('#send');
  await p.waitForFunction((t) => window.phone.received.some((m) => m.text === t), `echo: ${text}`, { timeout: BOUND });
}

// --- whole calls, the same in every browser ---

// It calls the echo: its tone comes back, the far end had RTP and RTCP from the gateway alone, nothing stays.
export async function echoes(p) {
  await dial(p, { chat: false, audio: true });
  await hears(p, MIC);
  await until('RTP and RTCP at the far end', async () => { const audio = await farMedia('audio'); return audio.rtp > 100 && audio.rtcp > 0; });
  assert((await farMedia('audio')).strangers === 0, 'media from an address that was not signalled');
  await hangup(p);
}
// The core calls it, and hangs up.
export async function isCalled(p, media = 'audio') {
  await clear(p);
  await post(`/api/call?to=alice&media=${media}`);
  await established(p);
  await hears(p, MIC);
  if (media.includes('video')) await frames(p);
  await post('/api/hangup');
  await ended(p);
  await idle();
}
// Whether the last offer is answered and audio comes in by it (the session is on hold as soon as it is asked to be).
const agreed = (comes) => {
  const { session, pc } = window.phone;
  const dir = pc.getTransceivers().find((t) => t.receiver.track.kind === 'audio').currentDirection;
  return pc.signalingState === 'stable' && session.isOnHold().local !== comes && /recv/.test(dir) === comes;
};
// Hold by the browser stops the media, resume brings it back.
export async function holds(p, onHold = () => silent(p, 'audio')) {
  await dial(p, { chat: false, audio: true });
  await flows(p, 'audio');
  await p.click('#hold');
  await until('on hold', () => p.evaluate(agreed, false));
  await onHold();
  await p.click('#hold');
  await until('off hold', () => p.evaluate(agreed, true));
  await flows(p, 'audio');
  await hangup(p);
}
