/** The page's one event stream. */

const EVENT_TYPES = [
  "job.accepted",
  "job.started",
  "job.requeued",
  "job.completed",
  "job.partial",
  "job.failed",
  "job.cancelled",
  "variant.started",
  "variant.retrying",
  "variant.completed",
  "variant.failed",
];

const REOPEN_MS = 2000;

/**
 * Open the stream and keep it open for the life of the page.
 *
 * A dropped connection is EventSource's own affair: it comes back with Last-Event-ID. An answer
 * other than 200 makes it give up for good; then it is opened anew, after the last event seen. What
 * happened while none was seen yet has to be asked for, which is why `onOpen` is called at every
 * opening.
 *
 * @param {(type: string, data: object) => void} onEvent
 * @param {() => void} onOpen
 * @param {(words: "live" | "reconnecting") => void} onState
 * @param {(again: () => void) => void} [goOn] Called when it is to be opened anew, with what does it.
 * @param {string} [after] The last event's id; without one the stream begins with what comes next.
 */
export function openStream(handlers, after = "") {
  const { onEvent, onOpen, onState, goOn = (again) => again() } = handlers;
  const source = new EventSource(after ? `api/events?after=${after}` : "api/events");
  let last = after;
  for (const type of EVENT_TYPES) {
    source.addEventListener(type, (event) => {
      last = event.lastEventId;
      onEvent(type, JSON.parse(event.data));
    });
  }
  source.addEventListener("open", () => {
    onState("live");
    onOpen();
  });
  source.addEventListener("error", () => {
    onState("reconnecting");
    if (source.readyState === EventSource.CLOSED) {
      setTimeout(() => goOn(() => openStream(handlers, last)), REOPEN_MS);
    }
  });
}
