/** At most `limit` things at once; the others wait in line. */
export class Slots {
  #free;
  #line = [];

  constructor(limit) {
    this.#free = limit;
  }

  async run(work) {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise((resolve) => this.#line.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.#line.shift();
      // A slot is handed on, not freed and taken again: nobody can step in between.
      if (next) next();
      else this.#free += 1;
    }
  }
}
