// A WIC that is called: registers, rings, answers as it is asked, offers when it was not offered anything, and wants a
// second channel when the INVITE's Subject says "change". SIGUSR1: calls bob without an offer, answers what it is offered after
// a while, and hangs up. Its events a line each. WS: the port.
import { id } from './tap.mjs';
import { wsOpen } from './ws.mjs';

const contact = '<sip:rings@abc.invalid;transport=ws>';
let call = null, dialled = null;

const transport = (setup) => 'm=application 54111 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 127.0.0.1\r\n' +
    'a=candidate:2 1 udp 1686052607 127.0.0.1 54111 typ host\r\na=ice-ufrag:4ZcD\r\na=ice-pwd:2/1muCWoOi3uLifh0NuRHlZw\r\n' +
    `a=fingerprint:sha-256 ${Array(32).fill('4F').join(':')}\r\na=setup:${setup}\r\na=mid:0\r\na=sctp-port:5000\r\n`;
const channel = (n, setup) => `a=dcmap:${n} subprotocol="MSRP"\r\na=dcsa:${n} setup:${setup === 'active' ? 'passive' : setup}\r\n` +
    `a=dcsa:${n} accept-types:text/plain\r\na=dcsa:${n} path:msrps://b7xk.invalid:9/x${n};dc\r\n`;
const body = (version, setup, channels) => `v=0\r\no=- 1 ${version} IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n${transport(setup)}` +
    Array.from({ length: channels }, (_, n) => channel(2 * n, setup)).join('');

function message(first, headers, sdp = '') {
    const type = sdp ? 'Content-Type: application/sdp\r\n' : '';
    ws.send(`${first}\r\n${headers.join('\r\n')}\r\n${type}Content-Length: ${sdp.length}\r\n\r\n${sdp}`);
}

const value = (text, name) => text.match(new RegExp(`^${name}: (.*)$`, 'mi'))?.[1].trim() ?? '';

function answer(req, status, sdp) {
    const to = value(req, 'To'), tag = to.includes('tag=') || status.startsWith('100') ? '' : ';tag=wic';
    message(`SIP/2.0 ${status}`, [`Via: ${value(req, 'Via')}`, `To: ${to}${tag}`, `From: ${value(req, 'From')}`,
        `Call-ID: ${value(req, 'Call-ID')}`, `CSeq: ${value(req, 'CSeq')}`, `Contact: ${contact}`], sdp);
}

function ask(method, uri, from, to, callId, cseq, sdp) {
    message(`${method} ${uri} SIP/2.0`, [`Via: SIP/2.0/WS abc.invalid;branch=z9hG4bK${id()}`, 'Max-Forwards: 70', `From: ${from}`,
        `To: ${to}`, `Call-ID: ${callId}`, `CSeq: ${cseq} ${method}`, `Contact: ${contact}`], sdp);
}

const uriOf = (text) => value(text, 'Contact').replace(/[<>]/g, '');

function request(method, cseq, sdp) {
    ask(method, uriOf(call), `${value(call, 'To')};tag=wic`, value(call, 'From'), value(call, 'Call-ID'), cseq, sdp);
}

function dial() {
    dialled = id();
    ask('INVITE', 'sip:bob@home.example.net', '<sip:alice@home.example.net>;tag=wic', '<sip:bob@home.example.net>', dialled, 1);
}

// The caller's 200 is repeated meanwhile: 500 ms after the first.
function answerLate(ok, sdp) {
    const tell = (method, cseq, text) => ask(method, uriOf(ok), value(ok, 'From'), value(ok, 'To'), dialled, cseq, text);
    console.log(`got ${/a=setup:actpass/.test(sdp) ? 'an offer' : 'no offer'}`);
    setTimeout(() => tell('ACK', 1, body(2, 'active', 1)), 800);
    setTimeout(() => tell('BYE', 2), 1800);
}

function onRequest(method, text, sdp) {
    console.log(`got ${method}${sdp ? ' with SDP' : ''}`);
    if (method === 'INVITE') {
        call = text;
        answer(text, '180 Ringing');
        setTimeout(() => answer(text, '200 OK', sdp ? body(2, 'active', 1) : body(2, 'actpass', 1)), 300);
    } else if (method === 'ACK') {
        // not at once: the caller's ACK may still be under way, and then it is 491
        if (value(call, 'Subject') === 'change') setTimeout(() => request('INVITE', 2, body(3, 'actpass', 2)), 500);
    } else if (method === 'CANCEL') {
        answer(text, '200 OK');
        answer(call, '487 Request Terminated');
    } else {
        answer(text, '200 OK');
    }
}

function onMessage(text) {
    const [head, sdp] = text.split('\r\n\r\n'), first = head.split(' ');
    if (first[0] !== 'SIP/2.0') return onRequest(first[0], head, sdp);
    const [cseq, method] = value(head, 'CSeq').split(' ');
    if (Number(first[1]) < 200) return;
    console.log(`got ${first[1]} for ${method}`);
    if (method === 'INVITE' && value(head, 'Call-ID') === dialled) first[1] === '200' && answerLate(head, sdp);
    else if (method === 'INVITE' && first[1] === '200') request('ACK', cseq);
}

const ws = await wsOpen({ port: Number(process.env.WS) }, onMessage, { onClose: () => process.exit(0) });
message('REGISTER sip:home.example.net SIP/2.0', [`Via: SIP/2.0/WS abc.invalid;branch=z9hG4bK${id()}`, 'Max-Forwards: 70',
    `From: <sip:alice@home.example.net>;tag=${id()}`, 'To: <sip:alice@home.example.net>', `Call-ID: ${id()}`, 'CSeq: 1 REGISTER',
    `Contact: ${contact};+sip.instance="<urn:uuid:2222>";reg-id=1;expires=600`, 'Supported: path,gruu,outbound', 'Expires: 600']);
process.on('SIGUSR1', dial);
setTimeout(() => process.exit(1), 120000); // nobody told it to end
