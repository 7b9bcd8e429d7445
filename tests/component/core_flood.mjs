// Many connections to one port, each of which sends what it is told to and stays. usage: node core_flood.mjs FROM PORT N [TEXT]
// After 3 s: how many are connected, how many were closed; the same after 9 more seconds with STAY=1.
import net from 'node:net';

const [from, port, n, text = ''] = process.argv.slice(2);
let open = 0, closed = 0;

for (let i = 0; i < Number(n); i++) {
    const s = net.connect({ port: Number(port), host: '127.0.0.1', localAddress: from });
    s.on('connect', () => { open++; if (text) s.write(text); }).on('error', () => {}).on('close', () => { closed++; });
}
const tell = () => console.log(`open=${open} closed=${closed}`);
setTimeout(() => { tell(); if (!process.env.STAY) process.exit(); }, 3000);
setTimeout(() => { tell(); process.exit(); }, 13000);
