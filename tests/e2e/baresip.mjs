// An IMS phone: baresip as its package installs it, controlled over its TCP interface (netstrings of JSON).
import { spawn } from 'node:child_process';
import { mkdirSync, openSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { until } from './lab.mjs';
import { lastSecond, share } from './tone.mjs';

const MODULES = '/usr/lib/baresip/modules';

export class Baresip {
  constructor(dir, { sip = 5080, control = 4444, hz = 440, codecs = 'opus/48000/2,pcmu', video = false, outbound = '' } = {}) {
    this.dir = join(dir, 'baresip'); this.sip = sip; this.control = control;
    mkdirSync(this.dir, { recursive: true });
    const names = ['opus', 'g711', 'ausine', 'aubridge', 'sndfile', ...(video ? ['vp8', 'fakevideo', 'snapshot'] : [])];
    const modules = names.map((m) => `module ${m}.so`);
    if (video) modules.push('video_source fakevideo,nil', 'video_display fakevideo,nil', 'video_size 320x240', 'video_fps 15');
    writeFileSync(join(this.dir, 'config'), [`sip_listen 127.0.0.1:${sip}`, 'poll_method epoll', 'call_local_timeout 120',
      'audio_player aubridge,none', `audio_source ausine,${hz}`, 'audio_alert aubridge,none', `snd_path ${this.dir}`,
      'rtp_ports 35000-35998', 'rtcp_mux no', 'jitter_buffer_delay 5-10',
      `module_path ${MODULES}`, ...modules, 'module_tmp uuid.so', 'module_tmp account.so', 'module_app menu.so', 'module_app ctrl_tcp.so',
      `ctrl_tcp_listen 127.0.0.1:${control}`, ''].join('\n'));
    writeFileSync(join(this.dir, 'accounts'), `<sip:phone@127.0.0.1:${sip}>;regint=0;answermode=auto;audio_codecs=${codecs}${outbound ? `;outbound="${outbound}"` : ''}\n`);
    writeFileSync(join(this.dir, 'contacts'), '');
    this.events = [];
  }
  async up() {
    const log = openSync(join(this.dir, 'log'), 'a');
    this.child = spawn('baresip', ['-f', this.dir], { cwd: this.dir, stdio: ['ignore', log, log] });
    this.done = new Promise((go) => this.child.on('exit', (code, signal) => go({ code, signal })));
    this.socket = await until('baresip', () => new Promise((go) => {
      const s = connect(this.control, '127.0.0.1', () => go(s));
      s.on('error', () => go(null));
    }));
    let left = '';
    this.socket.on('data', (data) => {
      left += data;
      for (let m; (m = /^(\d+):/.exec(left)) && left.length > m[0].length + Number(m[1]);) {
        this.events.push(JSON.parse(left.slice(m[0].length, m[0].length + Number(m[1]))));
        left = left.slice(m[0].length + Number(m[1]) + 1);
      }
    });
  }
  log() { return readFileSync(join(this.dir, 'log'), 'utf8'); }
  command(command, params = '') {
    const text = JSON.stringify({ command, params, token: 't' });
    this.socket.write(`${text.length}:${text},`);
  }
  saw(type) { return this.events.filter((e) => e.event && e.type === type).length; }
  hears(hz) { // the tone, at the end of the newest recording, which begins with the first packet
    return until(`baresip hears ${hz} Hz`, () => {
      const name = readdirSync(this.dir).filter((n) => /-dec\.wav$/.test(n)).sort().pop();
      const { samples, rate } = name ? lastSecond(join(this.dir, name)) : { samples: [] };
      return share(samples, rate, hz) > 0.5;
    });
  }
  seen() { // pictures of what it decoded, one for each command `snapshot`
    return readdirSync(this.dir).filter((n) => /^snapshot-recv.*\.png$/.test(n) && statSync(join(this.dir, n)).size > 100).length;
  }
  async down() {
    if (this.socket) this.socket.destroy();
    if (this.child && this.child.exitCode === null) { this.child.kill('SIGTERM'); await this.done; }
  }
}
