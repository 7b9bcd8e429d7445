// Registers alice at the lab's far end by digest, with these Path header fields. usage: node far_register.mjs PORT PATH...
import crypto from 'node:crypto';
import dgram from 'node:dgram';

const [port, ...paths] = process.argv.slice(2);
const md5 = (text) => crypto.createHash('md5').update(text).digest('hex');
const s = dgram.createSocket('udp4'), uri = 'sip:home.example.net', call = crypto.randomUUID();
let cseq = 0;

function register(authorization) {
    s.send([`REGISTER ${uri} SIP/2.0`, `Via: SIP/2.0/UDP 127.0.0.1:${s.address().port};branch=z9hG4bK${crypto.randomBytes(5).toString('hex')}`,
        'Max-Forwards: 70', 'From: <sip:alice@home.example.net>;tag=1', 'To: <sip:alice@home.example.net>', `Call-ID: ${call}`,
        `CSeq: ${++cseq} REGISTER`, 'Contact: <sip:alice@127.0.0.1:9>;expires=60', 'Supported: path', ...paths.map((p) => `Path: ${p}`),
        ...(authorization ? [authorization] : []), 'Content-Length: 0', '', ''].join('\r\n'), port, '127.0.0.1');
}

s.on('message', (m) => {
    const text = String(m), status = Number(text.split(' ')[1]), nonce = /nonce="([^"]*)"/.exec(text)?.[1];
    if (status === 401 && cseq === 1) {
        const response = md5(`${md5('alice:home.example.net:alice-secret')}:${nonce}:${md5(`REGISTER:${uri}`)}`);
        return register(`Authorization: Digest username="alice", realm="home.example.net", nonce="${nonce}", uri="${uri}", response="${response}"`);
    }
    if (status < 200)
        return;
    console.log(status);
    process.exit();
});
s.bind(0, '127.0.0.1', () => register());
setTimeout(() => process.exit(1), 5000);
