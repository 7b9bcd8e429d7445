// Video with a phone that makes and decodes its own: baresip. It takes RTP/AVP alone, so no picture can be asked for across the
// gateway: each side sees the other's from the next whole one on.
import { join } from 'node:path';
import { Baresip } from './baresip.mjs';
import { Lab, launch, phone, run, until } from './lab.mjs';
import { MIC, agwConf, assert, dial, fakeMedia, frames, hangup, hears, host, report } from './media.mjs';
import { writeTone } from './tone.mjs';

const FAR = 440; // Hz, baresip's
const lab = new Lab();
const tone = join(lab.dir, 'mic.wav');
writeTone(tone, MIC);
const baresip = new Baresip(lab.dir, { hz: FAR, video: true });
let browser; let page;

await run([
  ['the pair, baresip and the browser start', async () => {
    const alg = lab.algConf('core_video: RTP/AVP\n');
    await baresip.up();
    await lab.up({ alg: ['-c', alg], agw: ['-c', agwConf(lab.dir, { core: host })], farArgs: ['--route', 'sip:127.0.0.1:5080;lr'] });
    browser = await launch(fakeMedia(tone));
    page = await phone(browser);
  }],
  ['baresip is called: each hears the other\'s tone and decodes the other\'s picture', async () => {
    await dial(page, { chat: false, audio: true, video: true }, 'phone');
    await hears(page, FAR);
    await baresip.hears(MIC);
    await frames(page);
    const { frameWidth, frameHeight } = await report(page, 'inbound-rtp', 'video');
    assert(frameWidth === 320 && frameHeight === 240, `${frameWidth} x ${frameHeight}: not baresip's`);
    await until('a picture that baresip decoded', () => { baresip.command('snapshot'); return baresip.seen() > 0; });
    await hangup(page);
  }],
  ['alg, agw and the far end stop with status 0', async () => {
    await browser.close();
    await baresip.down();
    const bad = await lab.down();
    assert(bad.length === 0, bad.join('; '));
  }],
]);
