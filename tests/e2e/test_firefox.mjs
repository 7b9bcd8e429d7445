// Firefox: audio in both directions. Its fake microphone is a tone; the far end sends back what it gets.
import { Firefox } from './firefox.mjs';
import { Lab, get, post, run, until } from './lab.mjs';
import { MIC, agwConf, assert, clear, dial, ended, established, farMedia, flows, hangup, hears, host, idle, silent } from './media.mjs';

const lab = new Lab();
const page = new Firefox(lab.dir, { hz: MIC });

await run([
  ['the pair, the far end and Firefox start', async () => { await lab.up({ agw: ['-c', agwConf(lab.dir, { access: host })] }); await page.up(); }],
  ['registers over WSS with digest', () => page.phone('alice', 'wss://127.0.0.1:8443/')],
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
  ['the core calls Firefox: the tone comes back', async () => {
    await clear(page);
    await post('/api/call?to=alice&media=audio');
    await established(page);
    await hears(page, MIC);
    await post('/api/hangup');
    await ended(page);
    await idle();
  }],
  ['hold by Firefox stops the media, resume brings it back', async () => {
    await dial(page, { chat: false, audio: true });
    await flows(page, 'audio');
    await page.click('#hold');
    await until('on hold', () => page.evaluate(() => window.phone.session.isOnHold().local));
    await silent(page, 'audio');
    await page.click('#hold');
    await flows(page, 'audio');
    await hangup(page);
  }],
  ['alg, agw and the far end stop with status 0', async () => {
    await page.down();
    const bad = await lab.down();
    assert(bad.length === 0, bad.join('; '));
  }],
]);
