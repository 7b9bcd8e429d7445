// Chromium with JsSIP registers over WSS and exchanges MSRP text and files with the far end through alg and agw.
import { BOUND, Lab, launch, phone, call, run, until, post, get, metric, sleep } from './lab.mjs';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

const lab = new Lab();
let browser; let page;
const assert = (cond, what) => { if (!cond) throw new Error(what); };
const ended = (p) => p.waitForFunction(() => window.phone.ended, null, { timeout: BOUND });
const received = (p, text) => p.waitForFunction((t) => window.phone.received.some((m) => m.text === t), text, { timeout: BOUND });
const idle = () => until('contexts released', async () => await metric(9102, 'agw_contexts') === 0 && await metric(9101, 'alg_iq_contexts') === 0);

await run([
  ['the pair and the far end start', async () => { await lab.up(); browser = await launch(); }],
  ['registers over WSS with digest', async () => { page = await phone(browser); }],
  ['a text comes back as an echo', async () => {
    await call(page);
    await page.fill('#text', 'grüße from Chromium');
    await page.click('#send');
    await received(page, 'echo: grüße from Chromium');
    const log = await get('/api/messages');
    assert(log.some((m) => m.text === 'grüße from Chromium' && m.dir === 'in'), 'the far end has no such message');
  }],
  ['a file of 1 MB comes back byte for byte', async () => {
    const file = join(lab.dir, 'file.bin');
    const bytes = Buffer.alloc(1 << 20, 0).map((_, i) => (i * 7 + (i >> 9)) & 255);
    writeFileSync(file, bytes);
    const before = await page.evaluate(() => window.phone.received.length);
    await page.setInputFiles('#file', file);
    await page.waitForFunction((n) => window.phone.received.length > n, before, { timeout: 60000 });
    const sum = await page.evaluate((n) => { const b = window.phone.received[n].bytes; let bad = 0; for (let i = 0; i < b.length; i++) if (b[i] !== ((i * 7 + (i >> 9)) & 255)) bad++; return [b.length, bad]; }, before);
    assert(sum[0] === 1 << 20 && sum[1] === 0, `length ${sum[0]}, wrong octets ${sum[1]}`);
  }],
  ['a file of 1 MB from the far end arrives', async () => {
    const before = await page.evaluate(() => window.phone.received.length);
    await post(`/api/file?size=${1 << 20}`);
    await page.waitForFunction((n) => window.phone.received.length > n, before, { timeout: 60000 });
    const sum = await page.evaluate((n) => { const b = window.phone.received[n].bytes; let bad = 0; for (let i = 0; i < b.length; i++) if (b[i] !== ((i * 31 + (i >> 8)) & 255)) bad++; return [b.length, bad]; }, before);
    assert(sum[0] === 1 << 20 && sum[1] === 0, `length ${sum[0]}, wrong octets ${sum[1]}`);
  }],
  ['the browser hangs up: the far end and the context are released', async () => {
    await page.click('#hangup');
    await until('far end released', async () => (await get('/api/calls')).length === 0);
    await idle();
  }],
  ['the far end hangs up: the browser and the context are released', async () => {
    await call(page);
    await post('/api/hangup');
    await ended(page);
    await idle();
  }],
  ['the far end answers passive: agw connects', async () => {
    await call(page, 'passive');
    await page.fill('#text', 'to a passive end');
    await page.click('#send');
    await received(page, 'echo: to a passive end');
    await page.click('#hangup');
    await idle();
  }],
  ['the core calls the browser', async () => {
    await post('/api/call?to=alice&text=hello%20browser');
    await received(page, 'hello browser');
    await page.fill('#text', 'hello core');
    await page.click('#send');
    await until('delivered', async () => (await get('/api/messages')).some((m) => m.text === 'hello core'));
    await post('/api/hangup');
    await ended(page);
    await idle();
  }],
  ['a busy callee: 486 reaches the page, nothing stays', async () => {
    await page.fill('#callee', 'busy');
    await page.click('#call');
    await ended(page);
    assert(await page.evaluate(() => window.phone.ended) === 'Busy', 'another cause');
    await idle();
  }],
  ['hang up while it rings: CANCEL', async () => {
    await page.fill('#callee', 'ring');
    await page.click('#call');
    await page.waitForFunction(() => document.getElementById('state').textContent === 'ringing', null, { timeout: BOUND });
    await page.click('#hangup');
    await ended(page);
    await until('far end released', async () => (await get('/api/calls')).length === 0);
    await idle();
  }],
  ['two browsers at once, each its own echo', async () => {
    const other = await phone(browser, 'bob');
    await Promise.all([call(page), call(other)]);
    await page.fill('#text', 'from alice'); await other.fill('#text', 'from bob');
    await Promise.all([page.click('#send'), other.click('#send')]);
    await Promise.all([received(page, 'echo: from alice'), received(other, 'echo: from bob')]);
    assert(!(await other.evaluate(() => window.phone.received.some((m) => /alice/.test(m.text)))), 'crossed');
    await Promise.all([page.click('#hangup'), other.click('#hangup')]);
    await idle();
    await other.context().close();
  }],
  ['the browser vanishes in a call: the far end is told and the context released', async () => {
    await call(page);
    await page.context().close();
    await until('far end released', async () => (await get('/api/calls')).length === 0, 60000);
    await idle();
  }],
  ['a wrong Origin is refused before any SIP', async () => {
    const r = await fetch('https://127.0.0.1:8443/', { headers: {} }).catch(() => null);
    assert(!r || !r.ok, 'plain GET was served');
    const context = await browser.newContext({ ignoreHTTPSErrors: true });
    const p = await context.newPage();
    await p.route('http://evil.example/*', (route) => route.fulfill({ body: '<p>x', contentType: 'text/html' }));
    await p.goto('http://evil.example/');
    const state = await p.evaluate(() => new Promise((go) => { const w = new WebSocket('ws://127.0.0.1:8080/', 'sip'); w.onopen = () => go('open'); w.onerror = () => go('refused'); }));
    assert(state === 'refused', state);
    await context.close();
  }],
  ['alg, agw and the far end stop with status 0', async () => {
    await browser.close();
    const bad = await lab.down();
    assert(!bad.length, bad.join(', '));
  }],
]);
