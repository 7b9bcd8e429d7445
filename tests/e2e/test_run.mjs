// What `make run` leaves a person with: scripts/run itself, its page in Chromium, every way to register, every way of media, and
// the pair of each call told on its output.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BOUND, far, launch, run, until } from './lab.mjs';
import { MIC, assert, dial, ended, fakeMedia, hears, says } from './media.mjs';
import { writeTone } from './tone.mjs';

const dir = mkdtempSync(join(tmpdir(), 'openiq-run-'));
const tone = join(dir, 'mic.wav');
writeTone(tone, MIC);
let said = ''; let script; let browser; let page;
const told = (what) => until(`"${what}" on the output`, () => what.test(said));

async function by(transport, pair) {
  said = '';
  await page.selectOption('#transport', transport);
  await dial(page, { chat: false, audio: true });
  await hears(page, MIC);
  await told(pair); // while the call lasts: what is chosen first may not be what stays
  await page.click('#hangup');
  await ended(page);
}

await run([
  ['scripts/run places its calls and offers the page', async () => {
    script = spawn('scripts/run', { env: { ...process.env, RUN_DIR: join(dir, 'run') }, stdio: ['ignore', 'pipe', 'pipe'] });
    script.done = new Promise((go) => script.on('exit', (code) => go(code)));
    for (const from of [script.stdout, script.stderr]) from.on('data', (data) => { said += data; });
    await told(/Ctrl-C stops everything/);
    assert(/ice pair selected .*udp: wic host 127\.0\.0\.1:\d+, agw host 127\.0\.0\.1:\d+/.test(said), `no pair in the ladder: ${said}`);
    assert(/the chart matched/.test(said), said);
    browser = await launch(fakeMedia(tone));
    page = await (await browser.newContext()).newPage();
    page.setDefaultTimeout(BOUND);
    await page.goto(far);
  }],
  ...[['alice', 'own IMS credentials'], ['bob', 'PBX'], ['carol', 'by password'], ['dave', 'by token']].map(([user, name], i) => [`registers and chats: ${user}, ${name}`, async () => {
    await page.waitForFunction(() => document.querySelectorAll('#way option').length === 4);
    assert((await page.textContent(`#way option:nth-child(${i + 1})`)).includes(name), 'another way');
    await page.selectOption('#way', String(i));
    assert(await page.inputValue('#user') === user, 'another user');
    const had = await page.evaluate(() => window.net.renewed);
    await page.click('#register');
    await until(`${user} is registered`, async () => await page.textContent('#state') === `registered as ${user}`).catch(async (e) => {
      throw new Error(`${e.message}; the page says "${await page.textContent('#state')}", alg: ${readFileSync(join(dir, 'run/alg.log'), 'utf8').split('\n').slice(-6).join(' | ')}`);
    });
    await until('TURN servers of its own', () => page.evaluate((n) => window.net.renewed > n && window.net.servers.length > 0, had));
    await page.click('#call');
    await says(page, `hello of ${user}`);
    await page.click('#hangup');
    await ended(page);
  }]),
  ['audio by UDP, and told', () => by('udp', /media by udp: wic \w+ [\d.]+:\d+, agw host 127\.0\.0\.1:\d{5}\b/)],
  ['audio by TCP, and told', () => by('tcp', /media by tcp: wic \w+ [\d.]+:\d+, agw host 127\.0\.0\.1:8880\b/)],
  ['audio by TURN, and told', () => by('turn', /media by udp: wic relay 127\.0\.0\.1:\d+, agw host 127\.0\.0\.1:\d{5}\b/)],
  ['whatever gets through: UDP', () => by('any', /media by udp: wic (host|prflx) [\d.]+:\d+, agw host/)],
  ['Ctrl-C stops everything, status 0', async () => {
    await browser.close();
    script.kill('SIGINT');
    const code = await until('its end', () => script.exitCode !== null && { code: script.exitCode });
    assert(code.code === 0 && /stopped cleanly/.test(said), `status ${code.code}: ${said}`);
    rmSync(dir, { recursive: true, force: true });
  }],
]);
