// aiortc (Python, its own ICE, DTLS and SRTP) as a third WebRTC stack: DTLS server when it calls, DTLS client when it is called.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { Lab, post, run, until } from './lab.mjs';
import { MIC, agwConf, assert, farMedia, host, idle } from './media.mjs';

const PYTHON = '/usr/bin/python3'; // the one that Debian's python3-aiortc belongs to
const lab = new Lab();

function aiortc(what) { // its lines, and how it ended
    const child = spawn(PYTHON, ['tests/e2e/aiortc_call.py', 'ws://127.0.0.1:8080/', what, String(MIC)], { stdio: ['ignore', 'pipe', 'pipe'] });
    const peer = { lines: [], errors: '', end: null };
    createInterface({ input: child.stdout }).on('line', (line) => peer.lines.push(line));
    child.stderr.on('data', (data) => { peer.errors += data; });
    child.on('close', (code, signal) => { peer.end = code ?? signal; });
    peer.says = (line) => until(`aiortc says ${line}`, () => {
      if (!peer.lines.includes(line) && peer.end !== null) throw new Error(`aiortc ended with ${peer.end}: ${peer.errors.trim().split('\n').pop()}`);
      return peer.lines.includes(line);
    });
    peer.ends = () => until('aiortc ends', () => peer.end !== null).then(() => assert(peer.end === 0, `status ${peer.end}: ${peer.errors}`));
    return peer;
}

await run([
  ['the pair and the far end start', async () => {
    assert(existsSync('/usr/lib/python3/dist-packages/aiortc'), 'python3-aiortc is not installed (scripts/deps test)');
    await lab.up({ agw: ['-c', agwConf(lab.dir, { access: host })] });
  }],
  ['aiortc calls: the tone comes back from the far end', async () => {
    const peer = aiortc('call');
    await peer.says('registered');
    await peer.says('established');
    await peer.says('heard');
    await peer.says('ended');
    await peer.ends();
    await idle();
  }],
  ['the core calls aiortc: the tone comes back', async () => {
    const peer = aiortc('answer');
    await peer.says('registered');
    await post('/api/call?to=aiortc&media=audio');
    await peer.says('heard');
    assert((await farMedia('audio')).strangers === 0, 'media from an address that was not signalled');
    await post('/api/hangup');
    await peer.ends();
    await idle();
  }],
  ['alg, agw and the far end stop with status 0', async () => {
    const bad = await lab.down();
    assert(bad.length === 0, bad.join('; '));
  }],
]);
