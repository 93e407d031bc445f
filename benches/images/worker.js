// A worker of BullMQ and sharp: takes a job from Redis, fetches the photograph, makes its variants, stores them in S3.
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { Worker } from 'bullmq';
import { queueName, queueOptions, setting } from './settings.js';
import { idioms } from './variants.js';

const [jpeg, webp, effort] = ['JPEG', 'WEBP', 'EFFORT'].map((name) => Number(setting(name)));
const bucket = setting('S3_BUCKET');
const s3 = new S3Client({
  endpoint: setting('S3_ENDPOINT'),
  region: setting('S3_REGION'),
  forcePathStyle: true,
  credentials: { accessKeyId: setting('S3_ACCESS_KEY_ID'), secretAccessKey: setting('S3_SECRET_ACCESS_KEY') },
  // The checksums that this client adds by itself are work that the other worker does not do.
  requestChecksumCalculation: 'WHEN_REQUIRED',
  responseChecksumValidation: 'WHEN_REQUIRED',
});

async function store(id, { name, bytes }) {
  await s3.send(
    new PutObjectCommand({
      Bucket: bucket,
      Key: `variants/${id}/1/${name}`,
      Body: bytes,
      ContentType: `image/${name.split('.')[1]}`,
      CacheControl: 'public, max-age=31536000, immutable',
    }),
  );
  return { name, bytes: bytes.length };
}

const worker = new Worker(
  queueName,
  async ({ data: { id, url } }) => {
    const response = await fetch(url);
    if (!response.ok) throw new Error(`${url} answered ${response.status}`);
    const input = Buffer.from(await response.arrayBuffer());
    const files = await idioms['decode-once'](input, { jpeg, webp, effort });
    return Promise.all(files.map((file) => store(id, file)));
  },
  { ...queueOptions(), concurrency: Number(setting('CONCURRENCY')) },
);
worker.on('error', (error) => console.error(error));
await worker.waitUntilReady();
console.log('taking jobs');
