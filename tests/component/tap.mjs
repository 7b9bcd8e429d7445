// What the programs of these tests share: "ok name" / "not ok name" lines for take_tap (lib.sh), waiting, numbers of the environment.
import crypto from 'node:crypto';

export const num = (name) => Number(process.env[name]);
export const id = () => crypto.randomBytes(6).toString('hex');
export const sleep = (ms) => new Promise((r) => setTimeout(r, ms));

// On a connection of its own: one that is kept may be closed by its server while it is asked again.
export const request = async (url, how = {}) => (await fetch(url, { ...how, headers: { connection: 'close' } })).text();

export function say(good, name, why) {
    console.log(`${good ? 'ok' : 'not ok'} ${name}`);
    if (!good && why !== undefined) console.log(`  ${(JSON.stringify(why) ?? '').slice(0, 900)}`);
}

export async function until(ms, check) {
    for (const end = Date.now() + ms; Date.now() < end; await sleep(10)) if (await check()) return true;
    return Boolean(await check());
}
