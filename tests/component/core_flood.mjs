// Many connections to one port, each of which says what it is told to and stays. usage: node core_flood.mjs FROM PORT N [TEXT]
// A line of how many were connected and how many closed, each second and at the end. TRICKLE=1: TEXT goes an octet a second.
// TIMES: seconds (3). PACE: so many each 50 ms, else at once, and what does not fit into the backlog comes when TCP repeats it.
// FROM a,b: in turn. UNTIL: so many have to be closed at the end, for which a slow machine gets four times as long.
import net from 'node:net';

const [from, port, n, text = ''] = process.argv.slice(2), sources = from.split(',');
const { TRICKLE, TIMES = '3', PACE = n, UNTIL = 0 } = process.env;
let open = 0, closed = 0, begun = 0;

function begin(i) {
    const s = net.connect({ port: Number(port), host: '127.0.0.1', localAddress: sources[i % sources.length] });
    let at = 0;
    const timer = TRICKLE && setInterval(() => s.write(text[at++ % text.length]), 1000);
    s.on('connect', () => { open++; if (text && !TRICKLE) s.write(text); }).on('error', () => {});
    s.on('data', () => {}).on('close', () => { closed++; clearInterval(timer); });
}
const some = () => { for (let i = 0; i < PACE && begun < n; i++) begin(begun++); };
const tell = () => console.log(`open=${open} closed=${closed}`);
some();
setInterval(some, 50);
setInterval(tell, 1000);
const last = Date.now() + TIMES * 4000, end = () => {
    if (closed < UNTIL && Date.now() < last) return;
    tell();
    process.exit();
};
setTimeout(() => setInterval(end, 100), TIMES * 1000);
