// The messages of RFC 4475 and RFC 5118 (tests/data/torture) against the running alg (sip_ends.mjs). After each: the answer of the table in
// tests/data/torture/CASES.md, one line in the log for what is malformed and none for what is not, an OPTIONS and a call that work.
import fs from 'node:fs';
import { atCore, begin, body, browser, isFinal, log, logged, methodOf, pass, say, send, statusOf, token, value, values, works } from './sip_ends.mjs';

const dir = 'tests/data/torture';

// --- what must differ from the RFC's text for a message to be taken at all ---

const seen = new Set(), miscounted = ['ipv6-in-sdp', 'mult-ip-in-sdp', 'ipv4-mapped-ipv6'];
function sentAs(name, text) {
    const did = [];
    // 18.1.1: the topmost Via names the transport that is used
    let out = text.replace(/^((?:via|v)[ \t]*:\s*SIP\s*\/\s*[\d.]+\s*\/\s*)([^\s]+)/mi, (all, head, was) => {
        if (was !== token) did.push(`Via says ${token} instead of ${was}`);
        return head + token;
    });
    // a Via and method that came before would be a repetition, Call-ID and CSeq that came before a request that forked and merged
    const key = `${methodOf(out)} ${value(out, 'Via', 'v')}`, other = `${value(out, 'Call-ID', 'i')} ${value(out, 'CSeq')}`;
    if (!statusOf(out) && (seen.has(key) || seen.has(other))) {
        out = out.replace(/;branch=[^\s;,]+/i, `$&.${seen.size}`).replace(/^(Call-ID:.*)@/mi, `$1.${seen.size}@`);
        did.push('branch and Call-ID of its own');
    }
    seen.add(key).add(other);
    const at = out.indexOf('\r\n\r\n') + 4;
    if (miscounted.includes(name)) {
        out = out.replace(/^(Content-Length: )\d+/m, `$1${out.length - at}`);
        did.push('true Content-Length');
    }
    return [out, did];
}

// --- the table ---

const rows = fs.readFileSync(`${dir}/CASES.md`, 'latin1').split('\n').filter((l) => /^\| [\w-]+ \| \d{4} /.test(l)).map((line) => {
    const [id_, rfc, , udp, tcp, ws, passes] = line.split(/ ?\| ?/).slice(1);
    const cell = { udp, udp6: udp, tcp, ws }[pass], [, status, loud, closed] = /^(\d+|none|-)(!?)( x)?$/.exec(cell);
    return { name: id_, rfc, status, loud: loud === '!', closed: Boolean(closed), passes: passes.replace(/`/g, '') };
}).filter((r) => r.status !== '-' && (pass !== 'udp6' || r.rfc.startsWith('5118')));

// what only one message has: what must be in its answer
const inAnswer = {
    bext01: (t) => ['nothingSupportsThis', 'nothingSupportsThisEither', 'noProxiesSupportThis', 'norDoAnyProxiesSupportThis'].every((tag) => value(t, 'Unsupported').split(/, */).includes(tag)),
    invut: (t) => value(t, 'Accept') !== '',
    intmeth: (t) => value(t, 'CSeq') === "139122385 !interesting-Method0123456789_*+`.%indeed'~" && value(t, 'Allow') !== '',
    esc02: (t) => value(t, 'CSeq') === '29344 RE%47IST%45R',
    escnull: (t) => pass === 'ws' || value(t, 'Allow') !== '',
    transports: (t) => values(t, 'Via', 'v').join().includes('SIP/2.0/UNKNOWN t4.example.com;branch=z9hG4bKasd0f3en'),
    wsinv: (t) => values(t, 'Via', 'v').join().includes('spindle.example.com'),
};

async function torture(row) {
    const [text, did] = sentAs(row.name, fs.readFileSync(`${dir}/${row.name}.sip`, 'latin1'));
    const at = { browser: browser.asked.length, core: atCore.length, log: log().length };
    const r = await send(text, row.status === 'none' && !row.closed ? 250 : 2000, row.closed);
    const finals = r.texts.filter(isFinal), what = `${pass} ${row.name} (RFC ${row.rfc})`;
    const arrived = [...browser.asked.slice(at.browser), ...atCore.slice(at.core)].filter((t) => methodOf(t) === methodOf(text));

    if (did.length) console.log(`${row.name}: ${did.join(', ')}`);
    say((finals.map(statusOf).join(' ') || 'none') === row.status && (!inAnswer[row.name] || inAnswer[row.name](finals[0])),
        `${what}: ${row.status}`, r.texts);
    if (pass === 'tcp') say(r.closed === row.closed, `${what}: the connection ${row.closed ? 'is closed' : 'stays'}`);
    if (pass === 'ws') say(!r.closed, `${what}: the WebSocket stays`);
    await logged(at.log, row.loud, what);
    if (row.status === '486') say(arrived.length === 1, `${what}: it arrived`, arrived);
    if (row.passes && row.status === '200') {
        say(arrived.length === 1 && (row.passes === 'body' ? body(arrived[0]) === body(text) : arrived[0].includes(row.passes)),
            `${what}: ${row.passes} passes`, arrived);
    }
    const bad = await works();
    say(!bad, `${what}: OPTIONS and a call work`, bad);
}

await begin();
const files = fs.readdirSync(dir).filter((f) => f.endsWith('.sip')).length;
if (pass === 'udp') say(rows.length === files && files === 61, `as many rows as messages: ${rows.length}, ${files}`);
for (const row of rows) await torture(row);
console.log('end');
process.exit(0);
