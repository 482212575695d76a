// Worker threads that take tasks, the one with the fewest first.
'use strict';

const path = require('node:path');
const { Worker } = require('node:worker_threads');

class ThreadPool {
  #threads;
  #waiting = new Map();
  #number = 0;

  constructor(size) {
    this.#threads = Array.from({ length: size }, () => this.#start());
  }

  // What the task gives; rejected with what it threw.
  run(task) {
    const thread = this.#threads.reduce((one, other) => (other.tasks < one.tasks ? other : one));
    thread.tasks++;
    const number = this.#number++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(number, { resolve, reject });
      thread.worker.postMessage({ number, task });
    });
  }

  #start() {
    const thread = { worker: new Worker(path.join(__dirname, 'thread.js')), tasks: 0 };
    thread.worker.on('message', ({ number, result, error }) => {
      thread.tasks--;
      const { resolve, reject } = this.#waiting.get(number);
      this.#waiting.delete(number);
      if (error === undefined) resolve(result);
      else reject(new Error(error));
    });
    thread.worker.on('error', (error) => {
      throw error;
    });
    return thread;
  }
}

module.exports = { ThreadPool };
