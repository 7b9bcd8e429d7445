// Firefox as its package installs it, driven by Marionette (WebDriver commands in netstrings of JSON): playwright has only a
// Firefox of its own. A page has the few methods of playwright's that the phone's tests use.
import { spawn } from 'node:child_process';
import { mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { BOUND, far, sleep, until } from './lab.mjs';

const PREFS = { 'media.navigator.streams.fake': true, 'media.navigator.permission.disabled': true, 'media.peerconnection.ice.loopback': true,
  'media.peerconnection.ice.obfuscate_host_addresses': false, 'media.autoplay.default': 0, 'media.autoplay.blocking_policy': 0,
  'network.proxy.type': 0, 'network.dns.disablePrefetch': true, 'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false, 'browser.shell.checkDefaultBrowser': false, 'browser.startup.page': 0,
  'datareporting.policy.dataSubmissionEnabled': false, 'toolkit.telemetry.enabled': false, 'app.update.enabled': false,
  'app.normandy.enabled': false, 'extensions.update.enabled': false, 'services.settings.server': 'data:,', 'browser.safebrowsing.malware.enabled': false,
  'media.gmp-manager.updateEnabled': false, 'media.gmp-manager.url': 'data:,', 'security.sandbox.warn_unprivileged_namespaces': false };

export class Firefox {
  constructor(dir, { hz = 1000, port = 2828 } = {}) {
    this.dir = join(dir, 'firefox'); this.port = port; this.id = 0; this.waiting = new Map();
    mkdirSync(this.dir, { recursive: true });
    const prefs = { ...PREFS, 'media.navigator.audio.fake_frequency': hz, 'marionette.port': port };
    writeFileSync(join(this.dir, 'user.js'), Object.entries(prefs).map(([k, v]) => `user_pref(${JSON.stringify(k)}, ${JSON.stringify(v)});\n`).join(''));
  }
  async up() {
    const log = openSync(join(this.dir, 'log'), 'a');
    const env = { ...process.env, HOME: this.dir, MOZ_HEADLESS: '1', MOZ_DISABLE_CONTENT_SANDBOX: '1', MOZ_CRASHREPORTER_DISABLE: '1' };
    this.child = spawn(process.env.FIREFOX || 'firefox-esr', ['--marionette', '--headless', '--no-remote', '--profile', this.dir, 'about:blank'],
      { stdio: ['ignore', log, log], env });
    this.child.on('error', (e) => { this.failed = `${e.message} (scripts/deps test)`; });
    this.done = new Promise((go) => this.child.on('exit', (code, signal) => { this.failed ??= `ended with ${code ?? signal}`; go(); }));
    this.socket = await until('Firefox', () => {
      if (this.failed) throw new Error(`Firefox: ${this.failed}`);
      return new Promise((go) => { const s = connect(this.port, '127.0.0.1', () => go(s)); s.on('error', () => go(null)); });
    });
    let left = Buffer.alloc(0);
    this.socket.on('data', (data) => {
      left = Buffer.concat([left, data]);
      for (let colon; (colon = left.indexOf(':')) > 0;) {
        const end = colon + 1 + Number(left.subarray(0, colon));
        if (left.length < end) return;
        this.input(JSON.parse(left.subarray(colon + 1, end)));
        left = left.subarray(end);
      }
    });
    await this.command('WebDriver:NewSession', { acceptInsecureCerts: true, timeouts: { script: 60000, pageLoad: 60000 } });
  }
  input(message) { // the first one is a greeting
    if (!Array.isArray(message)) return;
    const [, id, error, result] = message;
    const waiting = this.waiting.get(id);
    this.waiting.delete(id);
    if (error) waiting?.reject(new Error(`Firefox: ${error.message}`)); else waiting?.resolve(result && 'value' in result ? result.value : result);
  }
  command(name, params = {}) {
    const text = Buffer.from(JSON.stringify([0, ++this.id, name, params]));
    const answer = new Promise((resolve, reject) => this.waiting.set(this.id, { resolve, reject }));
    this.socket.write(Buffer.concat([Buffer.from(`${text.length}:`), text]));
    return answer;
  }
  log() { return readFileSync(join(this.dir, 'log'), 'utf8'); }
  // The code runs as the page's own: a script element, its result on the window.
  evaluate(fn, arg = null) {
    return this.command('WebDriver:ExecuteScript', { script: `return (${fn})(arguments[0]);`, args: [arg], sandbox: null });
  }
  waitForFunction(fn, arg, { timeout = BOUND } = {}) { return until(`${fn}`, () => this.evaluate(`async (a) => !!await (${fn})(a)`, arg), timeout); }
  fill(selector, text) { return this.evaluate(([s, t]) => { document.querySelector(s).value = t; }, [selector, text]); }
  click(selector) { return this.evaluate((s) => { document.querySelector(s).click(); }, selector); }
  async phone(user, ws) { // the phone page, registered
    await this.command('WebDriver:Navigate', { url: `${far}/?ws=${encodeURIComponent(ws)}` });
    await this.fill('#user', user);
    await this.fill('#password', `${user}-secret`);
    await this.click('#register');
    await this.waitForFunction(() => window.phone.registered);
    return this;
  }
  async down() {
    if (!this.child || this.child.exitCode !== null || this.child.signalCode !== null) return;
    if (this.socket) await Promise.race([this.command('Marionette:Quit', { flags: ['eForceQuit'] }).catch(() => {}), sleep(3000)]);
    const left = await Promise.race([this.done, sleep(5000).then(() => 'still there')]);
    if (left) { this.child.kill('SIGKILL'); await this.done; }
    this.socket?.destroy();
  }
}
