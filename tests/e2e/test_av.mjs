// Audio and video: Chromium with a tone for a microphone and its fake camera, the lab's far end that sends back what it gets,
// and baresip as the phone in the core. A tone is recognised by Goertzel on decoded samples, video by decoded frames.
import { join } from 'node:path';
import { Baresip } from './baresip.mjs';
import { Lab, get, launch, phone, post, run, until } from './lab.mjs';
import { MIC, agwConf, assert, dial, ended, fakeMedia, farMedia, flows, frames, hangup, hears, host, idle, silent } from './media.mjs';
import { lastSecond, share, writeTone } from './tone.mjs';

const FAR = 440; // Hz, baresip's
const lab = new Lab();
const tone = join(lab.dir, 'mic.wav');
writeTone(tone, MIC);
let baresip = new Baresip(lab.dir, { hz: FAR });
let browser; let page; let bound;
const received = (p, text) => p.waitForFunction((t) => window.phone.received.some((m) => m.text === t), text, { timeout: 10000 });

await run([
  ['the pair, the far end and the browser start', async () => {
    await lab.up({ agw: ['-c', agwConf(lab.dir, { core: host })] });
    browser = await launch(fakeMedia(tone));
    page = await phone(browser);
  }],
  ['audio: the tone comes back from the far end', async () => {
    await dial(page, { chat: false, audio: true });
    await hears(page, MIC);
    await until('RTP and RTCP at the far end', async () => {
      const audio = await farMedia('audio');
      return audio.rtp > 100 && audio.rtcp > 0;
    });
    assert((await farMedia('audio')).strangers === 0, 'media from an address that was not signalled');
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
