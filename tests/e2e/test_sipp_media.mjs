// SIPp as the phone in the core: it takes PCMU alone and sends every RTP packet back as it came (-rtp_echo).
import { spawn } from 'node:child_process';
import { openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Lab, launch, phone, run, until } from './lab.mjs';
import { MIC, assert, dial, ended, fakeMedia, hears, idle, inbound } from './media.mjs';
import { writeTone } from './tone.mjs';

const lab = new Lab();
const tone = join(lab.dir, 'mic.wav');
writeTone(tone, MIC);
const log = join(lab.dir, 'sipp.log');
const got = (what) => until(`SIPp got ${what}`, () => readFileSync(log, 'utf8').includes(`got ${what}`));
let browser; let page; let sipp;

function start() { // the component tests' way with scenarios: what they have in common is put in
  const from = (name) => readFileSync(join('tests/component/sipp', name), 'utf8');
  const scenario = join(lab.dir, 'audio.xml');
  writeFileSync(scenario, from('audio.xml').replace('<!--begin-->', from('begin.inc')).replace('<!--end-->', from('end.inc')));
  writeFileSync(log, '');
  const out = openSync(join(lab.dir, 'sipp.out'), 'a');
  sipp = spawn('sipp', ['-sf', scenario, '-i', '127.0.0.1', '-p', '5070', '-mi', '127.0.0.1', '-mp', '12000', '-rtp_echo', '-nostdin', '-trace_logs',
    '-log_file', log, '-timeout', '280'], { stdio: ['ignore', out, out] });
  sipp.done = new Promise((go) => { sipp.on('exit', go); sipp.on('error', (e) => { sipp.failed = `SIPp: ${e.message} (scripts/deps test)`; go(); }); });
}

await run([
  ['the pair, SIPp and the browser start', async () => {
    start();
    await lab.up({ farArgs: ['--sip', '5099'] }); // it serves the page, no more
    assert(!sipp.failed && sipp.exitCode === null, sipp.failed ?? `SIPp ended with ${sipp.exitCode}`);
    browser = await launch(fakeMedia(tone));
    page = await phone(browser);
  }],
  ['audio in PCMU: the tone comes back from SIPp', async () => {
    await dial(page, { chat: false, audio: true });
    await got('ACK');
    await hears(page, MIC);
    const codec = await page.evaluate(async (id) => (await window.phone.pc.getStats()).get(id).mimeType, (await inbound(page, 'audio')).codecId);
    assert(codec === 'audio/PCMU', `it comes in ${codec}`);
  }],
  ['the browser hangs up: SIPp gets BYE, nothing is left', async () => {
    await page.click('#hangup');
    await ended(page);
    await got('BYE');
    await idle();
  }],
  ['alg, agw and the far end stop with status 0', async () => {
    await browser.close();
    if (sipp.exitCode === null && sipp.signalCode === null) { sipp.kill('SIGKILL'); await sipp.done; }
    const bad = await lab.down();
    assert(bad.length === 0, bad.join('; '));
  }],
]);
