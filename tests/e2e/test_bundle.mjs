// web_profile: browser. Audio, video and the data channel of a browser share one transport, and agw takes them apart; a browser
// that insists (max-bundle), one that offers both ways, and one that is called.
import { join } from 'node:path';
import { Firefox } from './firefox.mjs';
import { Lab, launch, metric, phone, post, run } from './lab.mjs';
import { MIC, agwConf, assert, dial, ended, established, fakeMedia, frames, hangup, hears, host, idle } from './media.mjs';
import { writeTone } from './tone.mjs';

const WSS = 'wss://127.0.0.1:8443/';
const lab = new Lab();
const tone = join(lab.dir, 'mic.wav');
writeTone(tone, MIC);
const firefox = new Firefox(lab.dir, { hz: MIC });
let browser; let chromium;
const bundled = (p) => p.evaluate(() => /^a=group:BUNDLE 0 1/m.test(window.phone.pc.remoteDescription.sdp));

async function calls(page, what) {
  await dial(page, what);
  await hears(page, MIC);
  await frames(page);
  if (what.chat) await page.waitForFunction(() => !document.getElementById('send').disabled);
  assert(await bundled(page), 'no BUNDLE in the answer');
  await hangup(page);
}
async function called(page, user) {
  await post(`/api/call?to=${user}&media=audio,video`);
  await established(page);
  await hears(page, MIC);
  await frames(page);
  assert(await bundled(page), 'no BUNDLE in the offer');
  await post('/api/hangup');
  await ended(page);
  await idle();
}

await run([
  ['the pair, the far end and the browsers start', async () => {
    const alg = lab.algConf('web_profile: browser\n');
    await lab.up({ alg: ['-c', alg], agw: ['-c', agwConf(lab.dir, { access: host })] });
    browser = await launch(fakeMedia(tone));
    chromium = await phone(browser, 'alice', WSS);
    await firefox.up();
    await firefox.phone('bob', WSS);
  }],
  ['Chromium, max-bundle: audio and video', () => calls(chromium, { chat: false, audio: true, video: true, bundle: 'max-bundle' })],
  ['Chromium, max-bundle: audio, video and a data channel', () => calls(chromium, { chat: true, audio: true, video: true, bundle: 'max-bundle' })],
  ['Chromium, balanced: audio, video and a data channel', () => calls(chromium, { chat: true, audio: true, video: true })],
  ['the core calls Chromium', () => called(chromium, 'alice')],
  ['Firefox, max-bundle: audio and video', () => calls(firefox, { chat: false, audio: true, video: true, bundle: 'max-bundle' })],
  ['the core calls Firefox', () => called(firefox, 'bob')],
  ['nothing was dropped for want of a stream', async () => assert(await metric(9102, 'agw_rtp_unmapped_total') === 0, 'unmapped packets')],
  ['alg, agw and the far end stop with status 0', async () => {
    await firefox.down();
    await browser.close();
    const bad = await lab.down();
    assert(bad.length === 0, bad.join('; '));
  }],
]);
