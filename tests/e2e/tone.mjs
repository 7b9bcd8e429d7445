// Tones: made, and recognised by Goertzel on samples. Share of a signal's power that lies at one frequency: 0..1.
import { readFileSync, writeFileSync } from 'node:fs';

export function share(samples, rate, hz) { // also runs inside a page: no names from outside
  const w = 2 * Math.PI * hz / rate; const c = 2 * Math.cos(w);
  let s1 = 0; let s2 = 0; let power = 0;
  for (const x of samples) { const s = x + c * s1 - s2; s2 = s1; s1 = s; power += x * x; }
  if (power === 0) return 0;
  return (s1 * s1 + s2 * s2 - c * s1 * s2) / (power * samples.length / 2);
}

export function writeTone(file, hz, seconds = 10, rate = 48000) {
  const n = seconds * rate;
  const b = Buffer.alloc(44 + 2 * n);
  b.write('RIFF', 0); b.writeUInt32LE(36 + 2 * n, 4); b.write('WAVEfmt ', 8); b.writeUInt32LE(16, 16); b.writeUInt16LE(1, 20);
  b.writeUInt16LE(1, 22); b.writeUInt32LE(rate, 24); b.writeUInt32LE(2 * rate, 28); b.writeUInt16LE(2, 32); b.writeUInt16LE(16, 34);
  b.write('data', 36); b.writeUInt32LE(2 * n, 40);
  for (let i = 0; i < n; i++) b.writeInt16LE(Math.round(12000 * Math.sin(2 * Math.PI * hz * i / rate)), 44 + 2 * i);
  writeFileSync(file, b);
}

// The last second of a mono or stereo WAV file of 16 bits that may still be growing, or have no head yet.
export function lastSecond(file) {
  const b = readFileSync(file);
  if (b.length < 44) return { samples: [], rate: 0 };
  const channels = b.readUInt16LE(22); const rate = b.readUInt32LE(24);
  const frames = Math.floor((b.length - 44) / 2 / channels);
  const from = Math.max(0, frames - rate);
  const samples = [];
  for (let i = from; i < frames; i++) samples.push(b.readInt16LE(44 + 2 * channels * i));
  return { samples, rate };
}
