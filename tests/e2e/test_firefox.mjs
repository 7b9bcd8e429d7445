// Firefox: audio in both directions. Its fake microphone is a tone; the far end sends back what it gets.
import { Firefox } from './firefox.mjs';
import { Lab, run } from './lab.mjs';
import { MIC, agwConf, assert, echoes, holds, host, isCalled } from './media.mjs';

const lab = new Lab();
const page = new Firefox(lab.dir, { hz: MIC });

await run([
  ['the pair, the far end and Firefox start', async () => { await lab.up({ agw: ['-c', agwConf(lab.dir, { access: host })] }); await page.up(); }],
  ['registers over WSS with digest', () => page.phone('alice', 'wss://127.0.0.1:8443/')],
  ['audio: the tone comes back from the far end', () => echoes(page)],
  ['the core calls Firefox: the tone comes back', () => isCalled(page)],
  ['hold by Firefox stops the media, resume brings it back', () => holds(page)],
  ['alg, agw and the far end stop with status 0', async () => {
    await page.down();
    const bad = await lab.down();
    assert(bad.length === 0, bad.join('; '));
  }],
]);
