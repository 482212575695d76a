import { call } from "./call.js";
import { setText } from "./element.js";
import { Problem } from "./problem.js";

const ASK_AGAIN_MS = 2000;

/** What a header can carry; anything else is no key, and fetch would not send it. */
const SENDABLE = /^[\x21-\x7e]+$/;

/**
 * Who the page is to the server, and the form that asks for a key where one is needed.
 *
 * The key itself is forgotten once it was exchanged for a cookie, which no script can read.
 */
export class Session {
  #form = document.getElementById("sign-in");
  #key = document.getElementById("key");
  #problem = document.getElementById("sign-in-problem");
  #who = document.getElementById("who");
  #onIn;
  #wasIn = false;

  /** Whether the server needs a key. */
  required = false;

  /** Whether it is known that the server would refuse. */
  out = false;

  /** @param {() => void} onIn Called once, when the page may begin. */
  constructor(onIn) {
    this.#onIn = onIn;
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#signIn(this.#key.value.trim());
    });
    document.getElementById("sign-out").addEventListener("click", () => this.#signOut());
    document.addEventListener("unauthorized", () => this.#leave());
  }

  /** Ask the server, again and again while it is away, and begin or show the form. */
  async begin() {
    try {
      this.#take(await call("GET", "api/session"));
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      setTimeout(() => this.begin(), ASK_AGAIN_MS);
    }
  }

  /** Whether the server would let the page in now; if it is away, nobody knows, so it may. */
  async check() {
    try {
      const { required, name } = await call("GET", "api/session");
      if (required && name === null) this.#leave();
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
    }
    return !this.out;
  }

  #take({ required, name }) {
    this.required = required;
    if (required && name === null) {
      this.#leave();
      return;
    }
    // What another key had made may still stand on the page.
    if (this.#wasIn) {
      location.reload();
      return;
    }
    this.#wasIn = true;
    this.#show(false);
    this.#who.hidden = !required;
    setText(document.getElementById("who-name"), name ?? "");
    this.#onIn();
  }

  #leave() {
    if (this.out) return;
    if (this.#wasIn) this.#object("The session has ended; sign in again to go on.");
    this.#show(true);
    this.#key.focus();
  }

  async #signIn(key) {
    if (!SENDABLE.test(key)) {
      this.#object("Enter a key; it begins with pp_.");
      return;
    }
    this.#object("");
    try {
      this.#take(await call("POST", "api/session", { Authorization: `Bearer ${key}` }));
      this.#key.value = "";
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      this.#object(problem.unauthorized ? "This key is not known here." : problem.detail);
      this.#key.select();
    }
  }

  async #signOut() {
    try {
      await call("DELETE", "api/session");
      // Whoever comes next finds nothing on the page.
      location.reload();
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      setText(document.getElementById("who-name"), problem.title);
    }
  }

  #show(out) {
    this.out = out;
    this.#form.hidden = !out;
    document.body.classList.toggle("signed-out", out);
    if (out) this.#who.hidden = true;
  }

  #object(sentence) {
    this.#problem.hidden = sentence === "";
    setText(this.#problem, sentence);
    this.#key.setAttribute("aria-invalid", sentence !== "");
  }
}
