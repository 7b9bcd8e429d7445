// The lab for browser tests: real agw, alg and far end as processes on loopback, headless Chromium, TAP lines.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const BUILD = process.env.BUILD || 'build';
const WEB = 8000;
export const far = `http://127.0.0.1:${WEB}`;
export const sleep = (ms) => new Promise((go) => setTimeout(go, ms));

// What anything may take that has no time of its own: two browsers at once have been seen to stand still for half a minute on a
// machine that pages out code which is not in use.
export const BOUND = 45000;

export async function until(what, check, ms = BOUND) {
  const end = Date.now() + ms;
  for (;;) {
    const value = await check();
    if (value) return value;
    if (Date.now() > end) throw new Error(`${what}: not within ${ms} ms`);
    await sleep(50);
  }
}

// Each on a connection of its own: one that is kept may have been closed by its server while this process, or the machine, stood still.
export const request = (url, how = {}) => fetch(url, { ...how, headers: { connection: 'close' } });
async function ok(url) {
  try { return (await request(url)).ok; } catch { return false; }
}

const labs = []; // of this process

export class Lab {
  constructor() { this.dir = mkdtempSync(join(tmpdir(), 'openiq-e2e-')); this.processes = []; labs.push(this); this.trace = join(this.dir, 'trace'); }
  start(name, args, program = join(BUILD, name)) {
    const log = openSync(join(this.dir, `${name}.log`), 'a');
    const child = spawn(program, args, { stdio: ['ignore', log, log] });
    child.done = new Promise((go) => child.on('exit', (code, signal) => go({ code, signal })));
    this.processes.push({ name, child });
    return child;
  }
  algConf(more = '') { // state of its own: what an earlier test left is not this one's
    const file = join(this.dir, 'alg.yaml');
    writeFileSync(file, `state_dir: ${this.dir}/state\n${more}`);
    return file;
  }
  log(name) { return readFileSync(join(this.dir, `${name}.log`), 'utf8'); }
  async up({ alg = ['-c', this.algConf()], agw = [], farArgs = [] } = {}) {
    this.agw = this.start('agw', agw);
    this.alg = this.start('alg', alg);
    await this.startFar(farArgs);
    const running = (child) => { if (child.exitCode !== null) throw new Error(`${child.spawnargs[0]} ended with ${child.exitCode}`); };
    await until('alg', () => { running(this.alg); return ok('http://127.0.0.1:9101/health'); });
    await until('agw', () => { running(this.agw); return ok('http://127.0.0.1:9102/health'); });
  }
  async startFar(farArgs) {
    this.far = this.start('lab-far', ['--page', 'tests/lab/page', '--jssip', join(BUILD, 'jssip.js'), ...farArgs]);
    await until('far end', () => ok(`${far}/config.json`));
  }
  async restartFar(farArgs) {
    this.far.kill('SIGTERM');
    await this.far.done;
    this.processes = this.processes.filter((p) => p.child !== this.far);
    await this.startFar(farArgs);
  }
  async down() { // returns what did not end with status 0
    const bad = [];
    for (const { name, child } of this.processes.reverse()) {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
      const end = await Promise.race([child.done, sleep(BOUND).then(() => null)]);
      if (!end) { child.kill('SIGKILL'); bad.push(`${name} did not stop`); } else if (end.code !== 0) bad.push(`${name} ended with ${end.code ?? end.signal}`);
    }
    this.processes = [];
    rmSync(this.dir, { recursive: true, force: true });
    return bad;
  }
}

export async function metric(port, name) {
  const text = await (await request(`http://127.0.0.1:${port}/metrics`)).text();
  const m = new RegExp(`^${name} (\\d+)`, 'm').exec(text);
  if (!m) throw new Error(`no metric ${name}`);
  return Number(m[1]);
}

export async function post(path) {
  const r = await request(`${far}${path}`, { method: 'POST' });
  if (!r.ok) throw new Error(`${path}: ${r.status} ${await r.text()}`);
}
export const get = async (path) => (await request(`${far}${path}`)).json();

export function launch(extra = [], program = process.env.CHROMIUM || '/usr/bin/chromium') {
  return chromium.launch({ executablePath: program, headless: true, timeout: 2 * BOUND, args: ['--no-sandbox',
    '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update',
    '--disable-sync', '--allow-loopback-in-peer-connection', '--ignore-certificate-errors', ...extra] });
}

// A phone page that is registered over WSS; `prepare` sees its context first.
export async function phone(browser, user = 'alice', ws = 'wss://127.0.0.1:8443/', prepare = async () => {}) {
  const context = await browser.newContext({ ignoreHTTPSErrors: true });
  context.setDefaultTimeout(BOUND);
  await prepare(context);
  const page = await context.newPage();
  page.on('pageerror', (e) => console.log(`# page: ${e}`));
  await page.goto(`${far}/?ws=${encodeURIComponent(ws)}`);
  await page.fill('#user', user);
  await page.fill('#password', `${user}-secret`);
  await page.click('#register');
  await page.waitForFunction(() => window.phone.registered, null, { timeout: BOUND });
  return page;
}

export async function call(page, callee = 'echo') {
  await page.fill('#callee', callee);
  await page.click('#call');
  await page.waitForFunction(() => !document.getElementById('send').disabled, null, { timeout: BOUND });
}

// What the processes said last, as TAP comments.
function showLogs() {
  for (const { dir } of labs.filter((l) => existsSync(l.dir)))
    for (const name of readdirSync(dir).filter((n) => n.endsWith('.log')))
      console.log(`# --- ${name}\n# ${readFileSync(join(dir, name), 'utf8').trim().split('\n').slice(-25).map((line) => line.slice(0, 300)).join('\n# ')}`);
}

export async function run(tests) {
  let n = 0; let failed = 0;
  process.on('exit', () => { // a suite that ends early leaves no process
    for (const { child } of labs.flatMap((l) => l.processes)) if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
  });
  const limit = setTimeout(() => { console.log(`not ok ${n + 1} - the suite hangs`); showLogs(); process.exit(1); }, 280000);
  for (const [name, test] of tests) {
    n++;
    try { await test(); console.log(`ok ${n} - ${name}`); } catch (e) {
      failed++;
      console.log(`not ok ${n} - ${name}: ${e.message.split('\n')[0]}\n# ${e.stack.replace(/\n/g, '\n# ')}`);
      if (failed === 1) showLogs();
    }
  }
  clearTimeout(limit);
  process.exit(failed ? 1 : 0);
}
