// An image service as people build it with Node: a cluster of HTTP processes, in each of which sharp
// makes the variants of an upload in worker threads.
//
//   NODE_PATH=<node_modules with sharp> MODE=each|once PROCS=1 THREADS=2 PORT=0 node server.js
//
// POST /jobs with the image as the body and the variants in the header `Variants`, JSON as PixelPipe
// takes it; the answer comes when all are made: their names and sizes. With ?files it is the files
// themselves, one after the other, their names and sizes in the header `Variants`.
//
// MODE=each: every variant decodes the upload, which is what sharp offers by itself.
// MODE=once: the upload is decoded to raw pixels once, and every variant starts from those.
'use strict';

const cluster = require('node:cluster');
const http = require('node:http');
const os = require('node:os');

const PROCS = Number(process.env.PROCS || 1);
const THREADS = Number(process.env.THREADS || os.availableParallelism());
const PORT = Number(process.env.PORT || 0);
const MODE = process.env.MODE || 'each';

if (!['each', 'once'].includes(MODE)) throw new Error(`MODE is each or once, not ${MODE}`);

// sharp computes in libuv's pool, whose four threads would contend for fewer cores. libuv reads the
// variable when the pool is first used, which is later than here.
process.env.UV_THREADPOOL_SIZE ||= String(THREADS);

if (cluster.isPrimary && PROCS > 1) {
  lead();
} else {
  serve();
}

function lead() {
  let listening = 0;
  cluster.on('listening', (_, { port }) => {
    if (++listening === PROCS) announce(port);
  });
  cluster.on('exit', () => process.exit(1)); // no restarts: a benchmark must not measure half a service
  for (let number = 0; number < PROCS; number++) cluster.fork();
}

function announce(port) {
  console.log(`listening on http://127.0.0.1:${port}`);
}

function serve() {
  const { ThreadPool } = require('./thread_pool.js');
  const threads = new ThreadPool(THREADS);
  const make = MODE === 'each' ? makeEach : makeOnce;
  const server = http.createServer((request, response) => {
    answer(request, response, (upload, specs) => make(threads, upload, specs));
  });
  server.keepAliveTimeout = 60_000;
  server.listen(PORT, '127.0.0.1', () => cluster.isPrimary && announce(server.address().port));
}

async function answer(request, response, make) {
  if (request.method !== 'POST') return reply(response, 200, {}, Buffer.from('ok'));
  try {
    const specs = JSON.parse(request.headers.variants);
    const files = await make(await received(request), specs);
    const made = JSON.stringify(specs.map(({ name }, at) => ({ name, bytes: files[at].length })));
    if (request.url.endsWith('?files')) {
      reply(response, 200, { Variants: made }, Buffer.concat(files));
    } else {
      reply(response, 200, { 'Content-Type': 'application/json' }, Buffer.from(made));
    }
  } catch (error) {
    reply(response, 422, {}, Buffer.from(String(error)));
  }
}

function reply(response, status, headers, body) {
  response.writeHead(status, { ...headers, 'Content-Length': body.length });
  response.end(body);
}

// Straight into memory that the threads share: joining the chunks first would copy the upload twice.
async function received(request) {
  const length = Number(request.headers['content-length']);
  const upload = new Uint8Array(new SharedArrayBuffer(length));
  let filled = 0;
  for await (const chunk of request) {
    upload.set(chunk, filled);
    filled += chunk.length;
  }
  if (filled !== length) throw new Error('the upload is not whole');
  return upload;
}

function makeEach(threads, upload, specs) {
  return Promise.all(specs.map((spec) => threads.run({ task: 'variant', source: upload, spec })));
}

// Pages of memory that were used before are warm: filling a fresh buffer costs about as much as the
// copy itself.
const spares = [];

async function makeOnce(threads, upload, specs) {
  const picture = await threads.run({ task: 'decode', source: upload, spare: spares.pop() });
  try {
    const { source, raw } = picture;
    return await Promise.all(
      specs.map((spec) => threads.run({ task: 'variant', source, raw, spec })),
    );
  } finally {
    if (spares.length < THREADS) spares.push(picture.source.buffer);
  }
}
