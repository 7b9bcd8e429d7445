// An audio and video call of Chromium as tshark sees it on both sides of agw: what is on the wire decodes, no packet of a stream is
// missing, RTCP says the same as the packets, and towards the browser nothing is in the clear.
import { execFileSync, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { BOUND, Lab, launch, phone, run, sleep, until } from './lab.mjs';
import { MIC, agwConf, assert, dial, fakeMedia, farMedia, frames, hangup, hears, host } from './media.mjs';
import { writeTone } from './tone.mjs';

const lab = new Lab();
const tone = join(lab.dir, 'mic.wav');
writeTone(tone, MIC);
const file = join(lab.dir, 'call.pcapng');
const LAST = 23999; // of the access realm's ports: the browsers' side shares its ports, handed out from the end
let browser; let page; let access = LAST; let streams;

function tshark(...args) {
  return execFileSync('tshark', ['-r', file, '-d', `udp.port==${access},rtp`, '-d', 'udp.port==2944,megaco', '-d', 'udp.port==2946,megaco',
    '-d', 'udp.port==5070,sip', '-d', 'tcp.port==5070,sip', ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], maxBuffer: 1 << 26, timeout: 60000 });
}
const rows = (filter, ...fields) => tshark('-Y', filter, '-T', 'fields', ...fields.flatMap((f) => ['-e', f])).split('\n').filter(Boolean).map((line) => line.split('\t'));
const none = (filter) => { const found = rows(filter, 'frame.number', '_ws.col.Info'); assert(found.length === 0, `${found.length} frames: ${found.slice(0, 3).join('; ')}`); };
const some = (filter, least = 1) => { const n = rows(filter, 'frame.number').length; assert(n >= least, `${n} frames of ${filter}, want ${least}`); };
// All that was sent until now is in the file: a last packet is there, too, from and to a port that tells tshark nothing.
async function captured() {
  const socket = createSocket('udp4'); const last = 'the last packet of the capture';
  await new Promise((go) => socket.bind(15999, '127.0.0.1', go));
  socket.send(last, 15999, '127.0.0.1');
  await until('the last packet in the capture', () => readFileSync(file).includes(last));
  socket.close();
}
const core = (port) => port >= 24000 && port <= 31999;

await run([
  ['the capture, the pair, the far end and the browser start', async () => {
    const shark = spawn('tshark', ['-q', '-i', 'lo', '-B', '16', '-w', file, '-f', 'udp or tcp port 5060 or tcp port 5070', '-a', 'duration:280'], { stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    shark.stderr.on('data', (data) => { said += data; });
    shark.on('error', () => { said = 'tshark is not installed (scripts/deps test)'; shark.failed = true; });
    shark.done = new Promise((go) => shark.on('exit', () => { shark.failed = true; go(); }));
    lab.shark = shark;
    await until('the capture', () => { assert(!shark.failed, said); return /Capture started|Capturing on/.test(said); });
    await lab.up({ agw: ['-c', agwConf(lab.dir, { access: host })] });
    browser = await launch(fakeMedia(tone));
    page = await phone(browser);
  }],
  ['an audio and video call is captured', async () => {
    await dial(page, { chat: false, audio: true, video: true });
    await hears(page, MIC);
    await frames(page);
    await until('reports', async () => (await farMedia('audio')).rtcp >= 2 && (await farMedia('video')).rtcp >= 4);
    await hangup(page);
    await captured();
    lab.shark.kill('SIGINT');
    await Promise.race([lab.shark.done, sleep(BOUND)]);
    access = Number(rows('stun.type == 0x0101', 'udp.srcport')[0][0]);
    streams = tshark('-q', '-z', 'rtp,streams').split('\n').map((line) => /^\s*[\d.]+\s+[\d.]+\s+(\S+)\s+(\d+)\s+(\S+)\s+(\d+)\s+(0x\w+)\s+(\S+)\s+(\d+)\s+(-?\d+) /.exec(line))
      .filter(Boolean).map(([, src, sport, dst, dport, ssrc, pt, packets, lost]) => ({ src, sport: +sport, dst, dport: +dport, ssrc: parseInt(ssrc, 16), pt, packets: +packets, lost: +lost }));
  }],
  ['nothing is malformed, no expert error', () => none('_ws.malformed || _ws.expert.severity == "Error"')],
  ['core side: four streams, no packet missing', () => {
    const ours = streams.filter((s) => core(s.sport) !== core(s.dport));
    assert(ours.length === 4, `${ours.length} streams`);
    for (const s of ours) assert(s.lost === 0 && s.packets > 50, JSON.stringify(s));
  }],
  ['access side: each goes on under its SSRC and numbers, no packet missing', () => {
    const end = Number(rows('sip.Method == "BYE"', 'frame.time_relative')[0][0]) - 1; // what came later may have been under way when the call ended
    const sides = { access: new Map(), core: new Map() }; // what a stream's packets are numbered, and when the first came, whichever pair of addresses ICE has chosen
    for (const [at, port, other, ssrc, seq] of rows('rtp.ssrc && !rtcp', 'frame.time_relative', 'udp.srcport', 'udp.dstport', 'rtp.ssrc', 'rtp.seq')) {
      const side = +port === access || +other === access ? sides.access : sides.core;
      if (!side.has(ssrc)) side.set(ssrc, new Map());
      if (!side.get(ssrc).has(+seq)) side.get(ssrc).set(+seq, +at);
    }
    assert(sides.access.size === 4 && sides.core.size === 4, `${sides.access.size} streams, ${sides.core.size} in the core`);
    for (const [ssrc, here] of sides.access) {
      const there = sides.core.get(ssrc) ?? new Map();
      const gaps = [...here.keys()].filter((n) => !here.has((n + 1) & 0xffff)).length - 1; // behind the last one none follows
      assert(gaps === 0, `${ssrc}: ${gaps} gaps`);
      for (const [from, to] of [[here, there], [there, here]]) {
        const missing = [...from].filter(([n, at]) => at < end && !to.has(n)).length;
        assert(missing === 0, `${ssrc}: ${missing} packets of ${from.size} are on one side alone`);
      }
    }
  }],
  ['core side: RTCP on the next port, SDES with each report, counts as the packets', () => {
    const reports = rows('rtcp && !srtcp', 'frame.time_relative', 'udp.srcport', 'udp.dstport', 'rtcp.pt', 'rtcp.senderssrc', 'rtcp.sender.packetcount', 'rtcp.ssrc.fraction', 'rtcp.ssrc.cum_nr');
    assert(reports.length >= 8 && reports.every((r) => core(+r[1]) || core(+r[2])), `${reports.length} reports`);
    const rtp = rows('rtp.ssrc && !rtcp', 'frame.time_relative', 'udp.srcport', 'udp.dstport', 'rtp.ssrc');
    let counted = 0;
    for (const [at, sport, dport, types, ssrc, count, fraction, lost] of reports) {
      assert((core(+sport) ? +sport : +dport) % 2 === 1, `RTCP on port ${sport} to ${dport}`);
      assert(!/^20[01]/.test(types) || /202/.test(types), `a report without SDES: ${types}`);
      assert(!/[1-9]/.test(fraction) && !/[1-9]/.test(lost), `losses reported: ${fraction} ${lost}`);
      if (!types.startsWith('200')) continue;
      const passed = (until) => rtp.filter((p) => +p[0] <= until && +p[1] === +sport - 1 && +p[2] === +dport - 1 && parseInt(p[3], 16) === parseInt(ssrc, 16)).length;
      const [least, most] = [passed(+at - 0.3), passed(+at) + 1]; // the browser counts, and its report waits for a while
      assert(count >= least && count <= most, `SR says ${count} packets, ${least} to ${most} passed`);
      counted++;
    }
    assert(counted >= 4, `${counted} sender reports`);
  }],
  ['core side: reports are about streams that are there', () => {
    const there = new Set(streams.map((s) => s.ssrc));
    const blocks = rows('rtcp.pt == 201 && !srtcp', 'rtcp.rc', 'rtcp.ssrc.identifier').flatMap(([n, all]) => all.split(',').slice(0, n.split(',')[0])); // then SDES
    assert(blocks.length > 0 && blocks.every((ssrc) => there.has(parseInt(ssrc, 16))), `reports about ${blocks}`);
  }],
  ['core side: no STUN, no DTLS, no SRTCP', () => none('(stun || dtls || srtcp) && udp.port in {24000..31999}')],
  ['access side: STUN, DTLS with use_srtp, SRTCP', () => {
    some(`udp.port == ${access} && stun.type == 0x0001`, 4);
    some(`udp.port == ${access} && stun.type == 0x0101`, 4);
    some('dtls.handshake.type == 1 && dtls.use_srtp.protection_profile', 1);
    some('dtls.handshake.type == 2 && dtls.use_srtp.protection_profile', 1);
    some(`udp.port == ${access} && srtcp`, 8);
  }],
  ['access side: nothing in the clear', () => {
    none(`udp.port == ${access} && rtcp.sdes.text && !srtcp`);
    const [[ssrc, seq, plain]] = rows('udp.srcport in {24000..31999} && opus', 'rtp.ssrc', 'rtp.seq', 'udp.payload');
    const [[sealed]] = rows(`udp.port == ${access} && rtp.ssrc == ${ssrc} && rtp.seq == ${seq}`, 'udp.payload');
    assert(sealed.length >= plain.length + 20 && !sealed.includes(plain.slice(24, 40)), 'the payload is not encrypted'); // 12 octets of header
  }],
  ['alg, agw and the far end stop with status 0', async () => {
    await browser.close();
    const bad = await lab.down();
    assert(bad.length === 0, bad.join('; '));
  }],
]);
