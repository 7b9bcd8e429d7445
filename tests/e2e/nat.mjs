// A browser behind a NAT: namespaces browser | nat | this one (the gateway's), nftables masquerade between them.
// Only inside netns.sh: what is made here ends with it. Outside addresses look public: Chromium keeps pages from local networks.
import { execFileSync } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { far, request } from './lab.mjs';

const ip = (...args) => execFileSync('ip', args, { stdio: ['ignore', 'pipe', 'inherit'], encoding: 'utf8' });
const nft = (rules) => execFileSync('ip', ['netns', 'exec', 'nat', 'nft', '-f', '-'], { input: rules, stdio: ['pipe', 'pipe', 'inherit'], encoding: 'utf8' });

export class Nat {
  constructor() {
    if (process.env.OPENIQ_NETNS !== 'yes') throw new Error('needs namespaces: run it by tests/e2e/netns.sh');
    this.gateway = '203.0.113.1'; this.outside = '203.0.113.2'; this.inside = '10.97.0.2';
    for (const name of ['nat', 'browser']) { ip('netns', 'add', name); ip('-n', name, 'link', 'set', 'lo', 'up'); }
    this.wire('gw0', null, `${this.gateway}/24`, 'out0', 'nat', `${this.outside}/24`);
    this.wire('in0', 'nat', '10.97.0.1/24', 'eth0', 'browser', `${this.inside}/24`);
    ip('-n', 'browser', 'route', 'add', 'default', 'via', '10.97.0.1');
    ip('netns', 'exec', 'nat', 'sh', '-c', 'echo 1 >/proc/sys/net/ipv4/ip_forward');
    nft('table ip own { chain input { type filter hook input priority filter; iifname "out0" counter drop\n }\n}\n'); // as NATs do
    this.ports('40000-49999');
  }
  wire(a, nsA, addrA, b, nsB, addrB) {
    const at = (ns, ...args) => ip(...(ns ? ['-n', ns] : []), ...args);
    ip('link', 'add', a, 'type', 'veth', 'peer', 'name', b);
    for (const [dev, ns, addr] of [[a, nsA, addrA], [b, nsB, addrB]]) {
      if (ns) ip('link', 'set', dev, 'netns', ns);
      at(ns, 'addr', 'add', addr, 'dev', dev);
      at(ns, 'link', 'set', dev, 'up');
    }
  }
  // The NAT gives UDP ports of this range from now on, and forgets all it knew: its outer link going down empties the table.
  // TCP keeps its ports, so the WebSocket goes on: what comes for it from outside (a ping) before the browser speaks again is not
  // the NAT's, which would reset it; it is dropped, and sent again.
  ports(range) {
    nft(`table ip nat\ndelete table ip nat\ntable ip nat { chain post { type nat hook postrouting priority srcnat;
      oifname "out0" ip protocol udp masquerade to :${range}
      oifname "out0" masquerade\n }\n}\n`);
    ip('-n', 'nat', 'link', 'set', 'out0', 'down');
    ip('-n', 'nat', 'link', 'set', 'out0', 'up');
  }
  // So many of a hundred UDP packets are lost, each way. (Not netem: kernels of small machines are built without it.)
  loss(percent) {
    nft(`table ip lossy\ndelete table ip lossy\ntable ip lossy { chain forward { type filter hook forward priority filter;
      ip protocol udp ${percent < 100 ? `numgen random mod 100 < ${percent}` : ''} counter drop\n }\n}\n`);
  }
  // A firewall before the browser: out goes TCP to these ports alone, in what answers it. Empty: no firewall.
  firewall(ports) {
    nft('table ip firewall\ndelete table ip firewall\n');
    if (ports.length) nft(`table ip firewall { chain forward { type filter hook forward priority filter - 1; policy accept;
      iifname "in0" tcp dport { ${ports.join(', ')} } accept
      iifname "in0" counter reject
      iifname "out0" ip protocol tcp accept
      iifname "out0" counter drop\n }\n}\n`);
  }
  // TCP connections through it to this port of the gateway are reset at both ends until mended; new ones are, too, or are let through.
  cut(port, { others = true } = {}) {
    const lines = execFileSync('ss', ['-Htn', `sport = :${port}`], { encoding: 'utf8' }).trim().split('\n');
    const those = others ? '0-65535' : lines.map((line) => line.trim().split(/[:\s]+/).pop()).join(', ');
    nft(`table ip cut { chain forward { type filter hook forward priority filter - 2;
      tcp dport ${port} tcp sport { ${those} } counter reject with tcp reset
      tcp sport ${port} tcp dport { ${those} } counter reject with tcp reset\n }\n}\n`);
  }
  mend() { nft('delete table ip cut\n'); }
  // Another address on the gateway's side.
  another(addr) { ip('addr', 'add', `${addr}/24`, 'dev', 'gw0'); return addr; }
  // Chromium starts in the browser's namespace; what it keeps of its user (certificates) is in dir.
  chromium(dir) {
    const file = join(dir, 'chromium');
    writeFileSync(file, `#!/bin/sh\nHOME="${dir}" exec ip netns exec browser "${process.env.CHROMIUM || '/usr/bin/chromium'}" "$@"\n`);
    chmodSync(file, 0o755);
    return file;
  }
  // The page keeps the far end's address, a secure context: this process fetches what the browser cannot reach.
  async serve(context) {
    await context.route(`${far}/**`, async (route) => {
      const r = await request(route.request().url());
      await route.fulfill({ status: r.status, contentType: r.headers.get('content-type') ?? undefined, body: Buffer.from(await r.arrayBuffer()) });
    });
  }
}
