// Reads addresses, one a line. At an empty line it queues a job for each that has come since the last one, and prints a
// line for each that has ended: `completed`, or `failed` and why.
import { randomUUID } from 'node:crypto';
import { createInterface } from 'node:readline';
import { Queue, QueueEvents } from 'bullmq';
import { queueName, queueOptions } from './settings.js';

const queue = new Queue(queueName, queueOptions());
const events = new QueueEvents(queueName, queueOptions());
events.on('completed', () => console.log('completed'));
events.on('failed', ({ failedReason }) => console.log(`failed ${failedReason}`));
await Promise.all([queue.waitUntilReady(), events.waitUntilReady()]);
console.log('ready');

let urls = [];
for await (const line of createInterface({ input: process.stdin })) {
  if (line !== '') {
    urls.push(line);
    continue;
  }
  await queue.addBulk(urls.map((url) => ({ name: 'process', data: { id: randomUUID(), url } })));
  urls = [];
}
process.exit(0);
