import { Queue, QueueEvents } from 'bullmq';

const connection = { url: process.env.REDIS_URL ?? 'redis://127.0.0.1:6379' };
const queue = new Queue('pixelpipe', { connection });
const events = new QueueEvents('pixelpipe', { connection });

events.on('progress', ({ jobId, data }) => {
  if (data.event === 'variant.completed') {
    console.log(`${jobId}: ${data.name} is there, ${data.width}x${data.height}, ${data.sha256}`);
  }
});
await events.waitUntilReady();

const job = await queue.add(
  'image',
  {
    version: 1,
    source: { url: process.argv[2] },
    preset: 'instagram',
    variants: [{ name: 'hero', resize: { width: 1200, height: 630 }, format: 'webp' }],
  },
  {
    priority: 11,
    attempts: 3,
    backoff: { type: 'exponential', delay: 1000 },
    removeOnComplete: { age: 3600, count: 5000 },
    removeOnFail: { age: 86400, count: 5000 },
  },
);
try {
  const result = await job.waitUntilFinished(events, 60_000);
  console.log(`${result.state}: ${result.variants.map((variant) => variant.name).join(', ')}`);
} catch (error) {
  console.error(`not made: ${error.message}`);
  process.exitCode = 1;
}
await events.close();
await queue.close();
