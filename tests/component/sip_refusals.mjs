// What alg answers to requests of the core that cannot be served (RFC 3261 8.2, 12.2.2, 17.2, 18.3, 20.14, 21.4, 21.5), outside and inside of a
// dialog, by PASS: udp or tcp. After each one line in the log where it is worth one, an OPTIONS and a call that work.
import { answer, begin, browser, frame, good, id, isFinal, log, logged, methodOf, pass, say, sdp, send, statusOf, token, until, value, works }
    from './sip_ends.mjs';

const without = (name, text) => text.replace(new RegExp(`^${name}:.*\r\n`, 'm'), '');
const withLine = (line, text) => text.replace('\r\n\r\n', `\r\n${line}\r\n\r\n`);
const contact = 'Contact: <sip:probe@127.0.0.1:5060>\r\n';
const invite = (extra = '', b = sdp, type = 'application/sdp') => good('INVITE', `${contact}${b ? `Content-Type: ${type}\r\n` : ''}${extra}`, b);
const lost = (method, build = good) => build(method, '').replace(/^(To: .*)$/m, '$1;tag=nobody');
const to = (uri, text) => text.replace('sip:user@example.com', uri);
const has = (name, want) => (t) => want.test(value(t, name));
const allow = has('Allow', /INVITE, ACK, CANCEL, BYE/);
const sdpOnly = (t) => value(t, 'Accept') === 'application/sdp';
const tcp = pass === 'tcp', bad = { loud: true, closed: true }, loud = { loud: true };

// name, the request, statuses of its final answers, then: loud, closed (of a TCP connection), and what must be in the answer
const cases = [
    ['no Via', without('Via', good('OPTIONS', '')), 'none', bad],
    ...['From', 'To', 'Call-ID', 'CSeq'].map((h) => [`no ${h}`, without(h, good('OPTIONS', '')), '400', bad]),
    ['no Max-Forwards, as in RFC 2543', without('Max-Forwards', good('OPTIONS', '')), '200'],
    ['no tag in From, as in RFC 2543', good('OPTIONS', '').replace(/;tag=\w+/, ''), '200'],
    ['no Contact in an INVITE, as in RFC 2543', without('Contact', invite()), '486'],
    ['no Content-Length', without('Content-Length', good('OPTIONS', '')), tcp ? '400' : '200', tcp ? bad : {}],
    ['two From', withLine('From: <sip:x@y>;tag=3', good('OPTIONS', '')), '400', bad],
    ['a Contact that is none', invite().replace(/^Contact:.*/m, 'Contact: <>'), '400', bad],
    ['a CSeq of another method', good('OPTIONS', '').replace('1 OPTIONS', '1 INFO'), '400', bad],
    ['a CSeq beyond 2**32', good('OPTIONS', '').replace('1 OPTIONS', '4294967296 OPTIONS'), '400', bad],
    ['a CSeq below 0', good('OPTIONS', '').replace('1 OPTIONS', '-1 OPTIONS'), '400', bad],
    ['an Expires below 0', invite('Expires: -5\r\n'), '400', bad],
    ['no version', good('OPTIONS', '').replace(' SIP/2.0\r\n', '\r\n'), '400', bad],
    ['a bare NUL', good('OPTIONS', 'Subject: a\x00b\r\n'), '400', bad],
    ['SIP/1.0', good('OPTIONS', '').replace('SIP/2.0\r\n', 'SIP/1.0\r\n'), '505', loud],
    ['SIP/2.1', invite().replace('SIP/2.0\r\n', 'SIP/2.1\r\n'), '505', loud],
    ['a Via of a transport that is not the one it came by', good('OPTIONS', '').replace(`SIP/2.0/${token}`, 'SIP/2.0/SCTP'), 'none', loud],
    ['lines that end with LF', good('OPTIONS', '').replace(/\r\n/g, '\n'), '200'],
    ['a line that is no header, left aside', withLine('nonsense', good('OPTIONS', '')), '200'],
    ['1000 headers', withLine(Array.from({ length: 1000 }, (_, i) => `H-${i}: y`).join('\r\n'), good('OPTIONS', '')), '200'],
    ['a URI of 20 000 octets', to(`sip:${'u'.repeat(20000)}@example.com`, good('OPTIONS', '')), '200'],
    ['octets', '\x80\x01\x02\xff\xfe garbage \r\n\r\n', 'none', loud],
    ['Max-Forwards 0', invite().replace('Forwards: 70', 'Forwards: 0'), '483', loud],
    ['Max-Forwards 0 of a MESSAGE', good('MESSAGE', 'Content-Type: text/plain\r\n', 'hello').replace('Forwards: 70', 'Forwards: 0'), '483', loud],
    ...['REGISTER', 'SUBSCRIBE', 'PUBLISH', 'REFER', 'NOTIFY', 'INFO', 'UPDATE'].map((m) => [m, good(m, ''), '405', { check: allow }]),
    ...['FOO', 'invite', "+`!%*_.'~-"].map((m) => [m, good(m, ''), '501', { check: (t) => allow(t) && value(t, 'CSeq') === `1 ${m}` }]),
    ...['PRACK', 'BYE', 'CANCEL'].map((m) => [`${m} of nothing`, good(m, ''), '481']),
    ...['BYE', 'INFO', 'UPDATE', 'PRACK', 'MESSAGE', 'OPTIONS', 'NOTIFY'].map((m) => [`${m} of no dialog`, lost(m), '481']),
    ['INVITE of no dialog', lost('INVITE', () => invite()), '481'],
    ['ACK of nothing', good('ACK', ''), 'none'],
    ['Require', invite('Require: foo, 100rel, bar\r\n'), '420', { loud: true, check: has('Unsupported', /^foo, bar$/) }],
    ['Require: replaces', invite('Require: replaces\r\nReplaces: a;to-tag=b;from-tag=c\r\n'), '420', { loud: true, check: has('Unsupported', /^replaces$/) }],
    ['Require in a CANCEL, left aside', good('CANCEL', 'Require: foo\r\n'), '481'],
    ['a body of another type', invite('', 'hello', 'text/plain'), '415', { loud: true, check: sdpOnly }],
    ['a body without a type', without('Content-Type', invite()), '415', { loud: true, check: sdpOnly }],
    ['a body in parts', invite('', '--x\r\n\r\nhello\r\n--x--\r\n', 'multipart/mixed;boundary=x'), '415', { loud: true, check: sdpOnly }],
    ['a body that is encoded', invite('Content-Encoding: gzip\r\n'), '415', { loud: true, check: has('Accept-Encoding', /^identity$/) }],
    ['a body for something else', invite('Content-Disposition: icon\r\n'), '415', { loud: true, check: sdpOnly }],
    ['a body for the session', invite('Content-Disposition: session\r\n'), '486'],
    ['SDP that is none', invite('', 'v=nope\r\n'), '400', loud],
    ['no SDP taken', invite('Accept: text/plain\r\n'), '406', loud],
    ['all taken', invite('Accept: */*\r\n'), '486'],
    ['a Session-Expires of 10 s', invite('Session-Expires: 10\r\nSupported: timer\r\n'), '422', { loud: true, check: has('Min-SE', /^90$/) }],
    ['http:', to('http://example.com/', good('OPTIONS', '')), '416', loud],
    ['a URI with headers', to('sip:user@example.com?Route=%3Csip:evil.example%3E', good('MESSAGE', 'Content-Type: text/plain\r\n', 'hello')), '400', loud],
    ['nobody we know', to('sip:nobody@example.org', invite()), '404', loud],
];

async function one(name, text, want, { loud: line, closed, check } = {}) {
    const from = log().length, r = await send(text, want === 'none' && !(tcp && closed) ? 250 : 2000, closed), finals = r.texts.filter(isFinal);

    name = `${pass}, ${name}`;
    say((finals.map(statusOf).join(' ') || 'none') === want && (!check || check(finals[0])), `${name}: ${want}`, r.texts);
    if (tcp) say(r.closed === Boolean(closed), `${name}: the connection ${closed ? 'is closed' : 'stays'}`);
    await logged(from, Boolean(line), name);
    const wrong = await works();
    say(!wrong, `${name}: OPTIONS and a call work`, wrong);
    return finals;
}

// --- the same again ---

async function again() {
    const text = good('OPTIONS', ''), branch = () => `;branch=z9hG4bK${id()}`;
    const [first] = await one('a request', text, '200'), [second] = await one('the same again', text, '200');
    // 17.2.2: by TCP there is no transaction to keep, and the repetition is a request of its own
    if (!tcp) say(value(first ?? '', 'To') === value(second ?? '', 'To'), `${pass}, the same again: the same answer`, [first, second]);

    const call = invite().replace('probe.invalid', 'probe.invalid:5062'); // its answers go there by UDP, while this waits
    browser.rings = true;
    const ringing = send(call, 10000), asked = browser.asked.length;
    say(await until(1000, () => browser.asked.length > asked), `${pass}, a call that rings`);
    const r = await send(call.replace(/:5062;branch=\S+/, branch()), 1000);
    say(r.texts.map(statusOf).includes('482'), `${pass}, the same INVITE by another way while it rings (RFC 3261 8.2.2.2): 482`, r.texts);
    browser.rings = false;
    const [invited] = browser.asked.slice(asked);
    browser.socket.write(frame(answer(invited, '486 Busy Here')));
    say((await ringing).texts.map(statusOf).includes('486'), `${pass}, a call that rings: 486`);
    const wrong = await works();
    say(!wrong, `${pass}, merged: OPTIONS and a call work`, wrong);
}

// --- streams ---

async function streams() {
    const octets = [...good('OPTIONS', '')], message = good('MESSAGE', 'Content-Type: text/plain\r\n', 'hello');
    const third = Math.ceil(octets.length / 3);
    await one('in three pieces', [0, 1, 2].map((i) => octets.slice(i * third, (i + 1) * third).join('')), '200');
    await one('two at once', good('OPTIONS', '') + good('FOO', ''), '200 501');
    await one('blank lines between', `\r\n\r\n${good('OPTIONS', '')}\r\n\r\n\r\n${good('FOO', '')}`, '200 501');
    await one('a body longer than said: what is left is the next message', message.replace('Length: 5', 'Length: 3'), '200', loud);
    await one('a body shorter than said: the rest is waited for', message.replace('Length: 5', 'Length: 9'), 'none', loud);
    await one('a Content-Length of a gigabyte', message.replace('Length: 5', 'Length: 1073741824'), '413', { ...loud, closed: true });
    await one('70 000 octets', withLine(`H: ${'x'.repeat(70000)}`, good('OPTIONS', '')), 'none', { closed: true });
    const r = await send('\r\n\r\n', 250);
    say(r.raw === '\r\n', 'a ping gets its pong (RFC 5626 3.5.1)', r.raw);
}

async function datagrams() {
    await one('a body longer than said: cut', good('MESSAGE', 'Content-Type: text/plain\r\n', 'hello').replace('Length: 5', 'Length: 3'), '200');
    await one('a body shorter than said', good('MESSAGE', 'Content-Type: text/plain\r\n', 'hello').replace('Length: 5', 'Length: 9'), '400', bad);
    const r = await send('\x00\x01\x00\x00\x21\x12\xa4\x42abcdefghijkl', 250);
    say(r.texts.length === 0, 'udp, STUN: no answer from the SIP port', r.texts);
}

// --- inside of a dialog ---

async function dialog() {
    browser.answers = true;
    const first = invite('Supported: timer\r\n'), [ok] = (await send(first, 3000)).texts.filter(isFinal);
    say(statusOf(ok ?? '') === '200', `${pass}, a call: 200`, ok);
    browser.answers = false;
    if (!ok) return;
    const target = /<([^>]*)>/.exec(value(ok, 'Contact'))[1];
    const inside = (method, cseq, extra = '', b = '', tag = value(ok, 'To')) => `${method} ${target} SIP/2.0\r\nVia: SIP/2.0/${token} probe.invalid;branch=z9hG4bK${id()}\r\n` +
        `Max-Forwards: 70\r\nFrom: ${value(first, 'From')}\r\nTo: ${tag}\r\nCall-ID: ${value(first, 'Call-ID')}\r\nCSeq: ${cseq} ${method}\r\n` +
        `${method === 'INVITE' ? contact : ''}${extra}Content-Length: ${b.length}\r\n\r\n${b}`;
    await send(inside('ACK', 1), 50);
    await one('a request of the dialog', inside('INFO', 5), '200');
    await one('an older CSeq (12.2.2)', inside('INFO', 3), '500', {});
    await one('the wrong To tag', inside('INFO', 6, '', '', value(ok, 'To').replace(/tag=.*/, 'tag=other')), '481');
    await one('a method nobody knows', inside('FOO', 7), '405', { check: allow });
    await one('a method that is not served', inside('REFER', 8, 'Refer-To: <sip:x@y>\r\n'), '405', { check: allow });
    await one('Require in the dialog', inside('INVITE', 9, 'Require: foo\r\nContent-Type: application/sdp\r\n', sdp), '420', { loud: true, check: has('Unsupported', /^foo$/) });
    await one('a body that is encoded in the dialog', inside('INVITE', 13, 'Content-Type: application/sdp\r\nContent-Encoding: gzip\r\n', sdp), '415', { loud: true, check: has('Accept-Encoding', /^identity$/) });
    await one('a body of another type in the dialog', inside('INVITE', 14, 'Content-Type: text/plain\r\n', 'hello'), '415', { loud: true, check: sdpOnly });
    await one('Max-Forwards 0 in the dialog', inside('INFO', 15).replace('Forwards: 70', 'Forwards: 0'), '483', loud);
    await one('PRACK of nothing in the dialog', inside('PRACK', 16, 'RAck: 1 1 INVITE\r\n'), '481');
    await one('BYE', inside('BYE', 20), '200');
    say(await until(2000, () => browser.asked.some((t) => methodOf(t) === 'BYE')), `${pass}, BYE: it reaches the browser`);
    await one('BYE again, anew', inside('BYE', 21), '481');
}

await begin();
for (const [name, text, want, more] of cases) await one(name, text, want, more);
await again();
await (tcp ? streams() : datagrams());
await dialog();
console.log('end');
process.exit(0);
