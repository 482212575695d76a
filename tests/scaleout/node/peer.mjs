// A program of Node's beside PixelPipe's workers.
//
//   BULLMQ=bullmq|bullmq-6 REDIS_URL=... node peer.mjs QUEUE produce < [[name, data, opts], ...]
//   BULLMQ=bullmq|bullmq-6 REDIS_URL=... node peer.mjs QUEUE look ID...
//
// Both print one JSON document.
import { text } from 'node:stream/consumers';

const { Queue, QueueEvents } = await import(process.env.BULLMQ);
const connection = { url: process.env.REDIS_URL };
const [queueName, does, ...ids] = process.argv.slice(2);
const queue = new Queue(queueName, { connection });

async function produce() {
  const events = new QueueEvents(queueName, { connection });
  const progress = {};
  events.on('progress', ({ jobId, data }) => (progress[jobId] ??= []).push(data));
  await events.waitUntilReady();
  const wanted = JSON.parse(await text(process.stdin));
  const jobs = await Promise.all(wanted.map((each) => queue.add(...each)));
  const ends = await Promise.all(
    jobs.map((job) =>
      job.waitUntilFinished(events, 20_000).then(
        (result) => ({ result }),
        (error) => ({ error: error.message }),
      ),
    ),
  );
  await events.close();
  return jobs.map((job, index) => ({ ...ends[index], progress: progress[job.id] ?? [] }));
}

async function look() {
  const jobs = await Promise.all(
    ids.map(async (id) => {
      const job = await queue.getJob(id);
      return { ...job.toJSON(), state: await job.getState() };
    }),
  );
  return { jobs, counts: await queue.getJobCounts() };
}

console.log(JSON.stringify(await { produce, look }[does]()));
await queue.close();
