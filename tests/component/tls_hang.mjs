// A next hop that takes connections and says nothing to the first N; those behind them go to the TLS server at PORT2.
// usage: node tls_hang.mjs PORT N PORT2
import net from 'node:net';

const [port, hangs, on] = process.argv.slice(2).map(Number);
let n = 0;

net.createServer((s) => {
    s.on('error', () => {});
    if (n++ < hangs)
        return console.log('silent');
    const far = net.connect(on, '127.0.0.1');
    far.on('error', () => {}).on('close', () => s.destroy());
    s.on('close', () => far.destroy());
    s.pipe(far).pipe(s);
}).listen(port, '127.0.0.1');
