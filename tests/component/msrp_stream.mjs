// Octets of a connection as `tshark -z follow,tcp,raw,N` says them, on standard input: is each direction nothing but whole messages of
// MSRP (RFC 4975 9)? Prints "messages octets" of each; exit 1: it is not.
import fs from 'node:fs';

const sides = [[], []];
for (const line of fs.readFileSync(0, 'utf8').split('\n')) if (/^\t?[0-9a-f]+$/.test(line)) sides[line[0] === '\t' ? 1 : 0].push(Buffer.from(line.trim(), 'hex'));
for (const parts of sides) {
    const text = Buffer.concat(parts).toString('latin1');
    let at = 0, n = 0;
    for (; at < text.length; n++) {
        const first = text.slice(at, at + 200).match(/^MSRP ([A-Za-z0-9][A-Za-z0-9.\-+%=]{3,31}) (?:[A-Z]+|\d{3}(?: [^\r\n]*)?)\r\nTo-Path: \S+\r\nFrom-Path: /);
        const end = first ? text.indexOf(`\r\n-------${first[1]}`, at) : -1, tail = end < 0 ? '' : text.slice(end + 9 + first[1].length, end + 12 + first[1].length);
        if (!/^[$+#]\r\n$/.test(tail)) {
            console.log(`not MSRP at octet ${at} of ${text.length}: ${JSON.stringify(text.slice(at, at + 80))}`);
            process.exit(1);
        }
        at = end + 12 + first[1].length;
    }
    console.log(`${n} ${text.length}`);
}
