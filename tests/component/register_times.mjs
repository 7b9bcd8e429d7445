// Registers N times with lab-far, on new connections, one after the other: how long each took from connect to 200.
// usage: node register_times.mjs WS N
import crypto from 'node:crypto';
import { wsOpen } from './ws.mjs';

const [port, n] = process.argv.slice(2).map(Number), times = [];
const md5 = (text) => crypto.createHash('md5').update(text).digest('hex');
const run = crypto.randomBytes(6).toString('hex');
const aor = 'sip:bob@home.example.net';

async function once(i) {
    const at = performance.now();
    let done;
    const ws = await wsOpen({ port }, (text) => done(text));
    const ask = (cseq, more) => new Promise((resolve, reject) => {
        done = resolve;
        setTimeout(() => reject(new Error('no answer')), 10000).unref();
        ws.send(`REGISTER sip:home.example.net SIP/2.0\r\nVia: SIP/2.0/WS abc.invalid;branch=z9hG4bK${run}-${i}-${cseq}\r\nMax-Forwards: 70\r\n` +
            `From: <${aor}>;tag=${i}\r\nTo: <${aor}>\r\nCall-ID: ${run}-${i}\r\nCSeq: ${cseq} REGISTER\r\n${more}` +
            'Contact: <sip:bob@abc.invalid;transport=ws>;expires=60\r\nContent-Length: 0\r\n\r\n');
    });
    let text = await ask(1, '');
    const nonce = text.match(/nonce="([^"]*)"/)?.[1];
    if (nonce) {
        const response = md5(`${md5('bob:home.example.net:bob-secret')}:${nonce}:00000001:c:auth:${md5('REGISTER:sip:home.example.net')}`);
        text = await ask(2, `Authorization: Digest username="bob", realm="home.example.net", nonce="${nonce}", uri="sip:home.example.net", ` +
            `qop=auth, nc=00000001, cnonce="c", response="${response}"\r\n`);
    }
    ws.close();
    if (!text.startsWith('SIP/2.0 200')) throw new Error(text.split('\r\n')[0]);
    times.push(performance.now() - at);
}

for (let i = 0; i < n; i++) await once(i);
times.sort((a, b) => a - b);
console.log(`register_p50_ms=${times[n >> 1].toFixed(1)} register_p99_ms=${times[Math.floor((n * 99 - 1) / 100)].toFixed(1)}`);
