// coturn with the configuration that is shipped (packaging/coturn), its certificate from a CA of the lab's that Chromium trusts.
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from 'node:net';
import { until } from './lab.mjs';

const REALM = 'turn.example.net';
const run = (program, args, input) => execFileSync(program, args, { input, stdio: ['pipe', 'ignore', 'pipe'] });
const answers = (host, port) => new Promise((go) => {
  const s = connect(port, host, () => { s.destroy(); go(true); });
  s.on('error', () => go(false));
});

// TLS alone, on `host` port 443; peers: what may be reached through it. alg's configuration is in .alg.
export class Coturn {
  constructor(lab, { host, peer }) {
    Object.assign(this, { lab, host, peer });
    this.secret = join(lab.dir, 'turn.secret');
    writeFileSync(this.secret, 'a-secret-of-the-lab\n', { mode: 0o600 });
    this.alg = `turn_servers: ["turns:${host}:443?transport=tcp"]\nturn_secret_file: ${this.secret}\n`;
  }
  // A CA, the server's certificate from it, and the CA in the store that Chromium reads in `home`. TURN over TLS is not under
  // --ignore-certificate-errors: a name or a signer that does not fit ends it without a word.
  certify(home) {
    const at = (name) => join(this.lab.dir, name);
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
    run('openssl', ['req', '-x509', ...key, '-keyout', at('ca.key'), '-out', at('ca.pem'), '-subj', '/CN=openiq lab CA', '-addext', 'basicConstraints=critical,CA:TRUE',
      '-addext', 'keyUsage=critical,keyCertSign']);
    run('openssl', ['req', '-x509', ...key, '-keyout', at('turn.key'), '-out', at('turn.pem'), '-subj', `/CN=${REALM}`, '-CA', at('ca.pem'), '-CAkey', at('ca.key'),
      '-addext', `subjectAltName=IP:${this.host}`, '-addext', 'basicConstraints=critical,CA:FALSE', '-addext', 'extendedKeyUsage=serverAuth']);
    const store = join(home, '.pki', 'nssdb');
    mkdirSync(store, { recursive: true });
    run('certutil', ['-N', '-d', `sql:${store}`, '--empty-password']);
    run('certutil', ['-A', '-d', `sql:${store}`, '-n', 'openiq-lab', '-t', 'C,,', '-i', at('ca.pem')]);
  }
  async up() {
    const dir = this.lab.dir; const conf = join(dir, 'turnserver.conf');
    const policy = execFileSync('cat', ['packaging/coturn/policy.conf'], { encoding: 'utf8' });
    writeFileSync(conf, `listening-ip=${this.host}\nrelay-ip=${this.host}\ntls-listening-port=443\nalt-tls-listening-port=0\nno-udp\nno-tcp
realm=${REALM}\ncert=${dir}/turn.pem\npkey=${dir}/turn.key\nuserdb=${dir}/turn.db\npidfile=${dir}/turn.pid\nallowed-peer-ip=${this.peer}\n${policy}`);
    run('packaging/coturn/turn-secrets', [join(dir, 'turn.db'), REALM], execFileSync('cat', [this.secret]));
    this.child = this.lab.start('coturn', ['-c', conf], '/usr/bin/turnserver');
    await until('coturn', () => answers(this.host, 443));
  }
  async down() { // it has no orderly end: a signal ends it
    this.lab.processes = this.lab.processes.filter((p) => p.child !== this.child);
    this.child.kill('SIGTERM');
    await this.child.done;
  }
}
