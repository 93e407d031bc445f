// render.js IDIOM SOURCE FOLDER JPEG WEBP EFFORT: renders a photograph once for each line on standard input, and answers
// with a line: CPU and wall-clock seconds, and the most memory held so far, in KiB. The first time it writes the files.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setImmediate } from 'node:timers/promises';
import { idioms } from './variants.js';

const [idiom, source, folder, ...numbers] = process.argv.slice(2);
const [jpeg, webp, effort] = numbers.map(Number);
const input = readFileSync(source);
let isFirst = true;

// What getrusage tells includes the process that started this one; this does not.
const peakKib = () => Number(/VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1]);

async function turn() {
  const cpuBefore = process.cpuUsage();
  const began = performance.now();
  const files = await idioms[idiom](input, { jpeg, webp, effort });
  const wall = (performance.now() - began) / 1e3;
  const { user, system } = process.cpuUsage(cpuBefore);
  if (isFirst) {
    for (const { name, bytes } of files) writeFileSync(join(folder, name), bytes);
    isFirst = false;
  }
  return { cpu: (user + system) / 1e6, wall, peak: peakKib() };
}

for await (const _ of createInterface({ input: process.stdin })) {
  const told = await turn();
  // Needs --expose-gc. So the memory is what a picture takes, and not how long the collector waits; nor is it timed.
  // What lies outside the collector's memory is given back only by the loop's next turns.
  for (let pass = 0; pass < 3; pass += 1) {
    globalThis.gc();
    await setImmediate();
  }
  console.log(JSON.stringify(told));
}
