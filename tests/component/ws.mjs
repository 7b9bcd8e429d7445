// A WebSocket client for SIP (RFC 7118): masked frames out, whole messages in.
import net from 'node:net';
import tls from 'node:tls';

// at: as net.connect takes it, with `secure` over TLS. When it is open: { send, close }; the server's close frame goes to onCode.
export function wsOpen({ secure = false, host = '127.0.0.1', ...at }, onText, { onClose = () => {}, onCode = () => {} } = {}) {
    const s = (secure ? tls : net).connect({ host, rejectUnauthorized: false, ...at });
    let buf = Buffer.alloc(0), open = false, ready;
    const send = (text, op = 1) => {
        const data = Buffer.from(text), head = data.length < 126 ? Buffer.from([0x80 | op, 0x80 | data.length])
            : Buffer.from([0x80 | op, 0x80 | 126, data.length >> 8, data.length & 255]);
        s.write(Buffer.concat([head, Buffer.alloc(4), data]));
    };
    s.on(secure ? 'secureConnect' : 'connect', () => s.write('GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
        'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nOrigin: http://127.0.0.1:8000\r\n' +
        'Sec-WebSocket-Protocol: sip\r\n\r\n'));
    s.on('error', () => {});
    s.on('close', onClose);
    s.on('data', (more) => {
        buf = Buffer.concat([buf, more]);
        if (!open) {
            const end = buf.indexOf('\r\n\r\n');
            if (end < 0) return;
            buf = buf.subarray(end + 4);
            open = true;
            ready();
        }
        while (buf.length >= 2) {
            const long = (buf[1] & 127) === 126, head = long ? 4 : 2;
            if (buf.length < head) return;
            const n = long ? buf.readUInt16BE(2) : buf[1] & 127;
            if (buf.length < head + n) return;
            const op = buf[0] & 15, data = buf.subarray(head, head + n);
            buf = buf.subarray(head + n);
            if (op === 1 || op === 2) onText(data.toString());
            else if (op === 8) onCode(data.readUInt16BE(0));
            else if (op === 9) send(data, 10);
        }
    });
    return new Promise((resolve) => { ready = () => resolve({ send, close: () => s.destroy() }); });
}
