// Host and Origin as an attacker's page would make them say (DNS rebinding, cross-site WebSocket hijacking): each row has its
// status, on the plain listener, on TLS with the certificate's names, and on the operations ports.
import crypto from 'node:crypto';
import net from 'node:net';
import tls from 'node:tls';

import { num, say } from './tap.mjs';

const GOOD = 'http://127.0.0.1:8000';

function status(port, head, secure) {
    return new Promise((resolve) => {
        const s = secure ? tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false }) : net.connect({ port, host: '127.0.0.1' });
        let got = '';
        s.on(secure ? 'secureConnect' : 'connect', () => s.write(head));
        s.on('data', (d) => { got += d; if (got.includes('\r\n')) { resolve(got.split(' ')[1]); s.destroy(); } });
        s.on('error', () => resolve('none'));
        s.on('close', () => resolve('none'));
        setTimeout(() => { resolve('none'); s.destroy(); }, 2000);
    });
}
const upgrade = (host, origin) => `GET / HTTP/1.1\r\n${host.map((h) => `Host: ${h}\r\n`).join('')}Upgrade: websocket\r\nConnection: Upgrade\r\n` +
    `Sec-WebSocket-Key: ${crypto.randomBytes(16).toString('base64')}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: sip\r\n` +
    `${origin.map((o) => `Origin: ${o}\r\n`).join('')}\r\n`;
const page = (host) => `GET /health HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;

const hosts = [ // status on WS; [::1] stands in the self-signed certificate
    ['127.0.0.1', '101'], [`127.0.0.1:${num('WS')}`, '101'], ['localhost', '101'], ['LOCALHOST:1', '101'], ['localhost.', '101'],
    ['alg1.example.net', '101'], ['chat.example.net:443', '101'], ['evil.example', '421'], [`evil.example:${num('WS')}`, '421'],
    ['127.0.0.1.evil.example', '421'], ['localhost.evil.example', '421'], ['alg1.example.net.evil.example', '421'], ['evil-alg1.example.net', '421'],
    ['127.0.0.2', '421'], ['[::1]', '101'], ['[::2]', '421'], ['0.0.0.0', '421'], ['2130706433', '421'], ['0x7f.1', '421'], ['chat.example.net@evil.example', '421'],
    ['evil.example, 127.0.0.1', '421'], ['[127.0.0.1', '421'], ['\x00', '421'],
];
const origins = [
    [[GOOD], '101'], [['http://evil.example'], '403'], [['null'], '403'], [[''], '403'], [[], '403'], [[`${GOOD}.evil.example`], '403'],
    [['http://127.0.0.1:8000/'], '403'], [['https://127.0.0.1:8000'], '403'], [['http://127.0.0.1:80000'], '403'], [['http://127.0.0.1'], '403'],
    [['HTTP://127.0.0.1:8000'], '403'], [[`${GOOD} http://evil.example`], '403'], [['*'], '403'], [[GOOD, 'http://evil.example'], '403'],
    [['http://evil.example', GOOD], '400'], [['http://x@127.0.0.1:8000'], '403'], [['http://127.0.0.1:8000\x00'], '403'],
];

for (const [host, want] of hosts) {
    const got = await status(num('WS'), upgrade([host], [GOOD]));
    say(got === want, `Host ${JSON.stringify(host)}: ${want}`, got);
}
for (const [origin, want] of origins) {
    const got = await status(num('WS'), upgrade(['127.0.0.1'], origin));
    say(got === want, `Origin ${JSON.stringify(origin)}: ${want}`, got);
}
say(await status(num('WS'), upgrade([], [GOOD])) === '400', 'no Host: 400');
say(await status(num('WS'), upgrade(['evil.example', '127.0.0.1'], [GOOD])) === '400', 'two Hosts: 400');
say(await status(num('WS'), upgrade(['127.0.0.1', 'evil.example'], [GOOD])) === '421', 'two Hosts, the last of an attacker: 421');
say(await status(num('WS'), upgrade(['evil.example'], ['http://evil.example'])) === '421', 'a rebound page with its own Origin: 421');
for (const [host, want] of [['localhost', '101'], ['evil.example', '421']]) say(await status(num('WSS'), upgrade([host], [GOOD]), true) === want, `TLS, Host ${host}: ${want}`);
for (const ops of ['ALG_OPS', 'AGW_OPS'])
    for (const [host, want] of [['127.0.0.1', '200'], ['localhost', '200'], ['evil.example', '421']]) {
        const got = await status(num(ops), page(host));
        say(got === want, `${ops}, Host ${host}: ${want}`, got);
    }
console.log('end');
