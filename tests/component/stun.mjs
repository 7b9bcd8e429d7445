// A UE's checks (RFC 8489, RFC 8445 7.1) and what they travel in over TCP (RFC 4571).
import crypto from 'node:crypto';

const TABLE = Array.from({ length: 256 }, (_, n) => { for (let k = 0; k < 8; k++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1; return n >>> 0; });
const crc32 = (b) => { let c = 0xffffffff; for (const x of b) c = TABLE[(c ^ x) & 255] ^ (c >>> 8); return (c ^ 0xffffffff) >>> 0; };
const attribute = (type, value) => {
    const out = Buffer.alloc(4 + Math.ceil(value.length / 4) * 4);
    out.writeUInt16BE(type, 0); out.writeUInt16BE(value.length, 2); Buffer.from(value).copy(out, 4);
    return out;
};
export function check(ufrag, pwd, nominate) {
    const head = Buffer.alloc(20), priority = Buffer.alloc(4), crc = Buffer.alloc(4);
    let body = Buffer.concat([attribute(6, `${ufrag}:uefr`), attribute(0x24, priority), attribute(0x802a, crypto.randomBytes(8)),
        ...(nominate ? [attribute(0x25, '')] : [])]);
    head.writeUInt16BE(1, 0); head.writeUInt32BE(0x2112a442, 4); crypto.randomFillSync(head, 8);
    head.writeUInt16BE(body.length + 24, 2);
    body = Buffer.concat([body, attribute(8, crypto.createHmac('sha1', pwd).update(head).update(body).digest())]);
    head.writeUInt16BE(body.length + 8, 2);
    crc.writeUInt32BE((crc32(Buffer.concat([head, body])) ^ 0x5354554e) >>> 0);
    return Buffer.concat([head, body, attribute(0x8028, crc)]);
}
export const frame = (p) => Buffer.concat([Buffer.from([p.length >> 8, p.length & 255]), p]);
