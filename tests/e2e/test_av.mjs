// Audio and video: Chromium with a tone for a microphone and its fake camera, the lab's far end that sends back what it gets,
// and baresip as the phone in the core. A tone is recognised by Goertzel on decoded samples, video by decoded frames.
import { join } from 'node:path';
import { Baresip } from './baresip.mjs';
import { Lab, get, launch, phone, post, run, until } from './lab.mjs';
import {
  MIC, agwConf, assert, dial, echoes, ended, established, fakeMedia, flows, frames, hangup, hears, holds, host, idle, isCalled, says,
} from './media.mjs';
import { writeTone } from './tone.mjs';

const FAR = 440; // Hz, baresip's
const lab = new Lab();
const tone = join(lab.dir, 'mic.wav');
writeTone(tone, MIC);
let baresip = new Baresip(lab.dir, { hz: FAR });
let browser; let page; let bound;

await run([
  ['the pair, the far end and the browser start', async () => {
    await lab.up({ agw: ['-c', agwConf(lab.dir, { core: host })] });
    browser = await launch(fakeMedia(tone));
    page = await phone(browser);
  }],
  ['audio: the tone comes back from the far end', () => echoes(page)],
  ['audio and video: the tone and the picture come back', async () => {
    await dial(page, { chat: false, audio: true, video: true });
    await hears(page, MIC);
    await frames(page);
    await hangup(page);
  }],
  ['audio, video and a data channel in one call', async () => {
    await dial(page, { chat: true, audio: true, video: true });
    await says(page, 'beside the sound');
    await hears(page, MIC);
    await frames(page);
    await hangup(page);
  }],
  ['the core calls the browser: audio and video', () => isCalled(page, 'audio,video')],
  ['hold by the browser stops the media, resume brings it back', () => holds(page)],
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
    await baresip.hears(MIC);
    await hangup(page);
  }],
  ['baresip calls: each hears the other\'s tone', async () => {
    bound = await get('/api/binding?user=alice');
    assert(bound.path, 'no binding');
    await baresip.down();
    baresip = new Baresip(lab.dir, { hz: FAR, outbound: bound.path.replace(/^<|>$/g, '') }); // what a proxy does with Path
    await baresip.up();
    baresip.command('dial', bound.contact.replace(/;.*/, ''));
    await established(page);
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
