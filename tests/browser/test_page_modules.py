"""The page's modules that know neither screen nor network, run where they live: in a browser."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route

pytestmark = pytest.mark.browser

MODULES = Path(__file__).parents[2] / "web" / "js"
HOME = "http://page.test/"

_PLAY = """async (steps) => {
  const { Jobs } = await import("/jobs.js");
  const jobs = new Jobs();
  const seen = [];
  let take = null;
  const note = (job) => seen.push(
    [job.state, ...job.variants.map((variant) => variant.state)].join(" ")
  );
  for (const [step, ...given] of steps) {
    if (step === "adopt") jobs.adopt(given[0], note);
    else if (step === "ask") take = jobs.awaitAnswer(given[0]);
    else if (step === "answer") take(given[0]);
    else jobs[step](...given);
  }
  return { seen, unfinished: jobs.unfinished().map((job) => job.id) };
}"""


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """An empty page that can import the modules; there is no server."""
    page = browser.new_page()
    page.route(HOME + "**", lambda route: route.fulfill(body="", content_type="text/html"))
    page.route(HOME + "*.js", _serve_module)
    page.goto(HOME)
    yield page
    page.close()


def _serve_module(route: Route) -> None:
    route.fulfill(path=MODULES / route.request.url.removeprefix(HOME))


def job(state: str, *variants: str) -> dict[str, Any]:
    """A job `a` whose variants are in these states."""
    made = [{"name": f"v{number}", "state": each} for number, each in enumerate(variants)]
    return {"id": "a", "state": state, "variants": made, "failures": []}


def variant_event(seq: int, name: str, state: str) -> list[Any]:
    what = {"queued": "retrying", "running": "started"}.get(state, state)
    return ["apply", f"variant.{what}", {"job": "a", "seq": seq, "name": name, "state": state}]


def job_event(seq: int, type_: str, body: dict[str, Any]) -> list[Any]:
    return ["apply", type_, {**body, "job": "a", "seq": seq}]


def play(page: Page, *steps: list[Any]) -> dict[str, Any]:
    """What the page would have shown after each of the steps."""
    outcome: dict[str, Any] = page.evaluate(_PLAY, list(steps))
    return outcome


def test_events_before_the_answer_are_kept_for_it(page: Page) -> None:
    outcome = play(
        page,
        job_event(1, "job.accepted", job("queued", "queued", "queued")),
        job_event(2, "job.started", job("running", "queued", "queued")),
        variant_event(3, "v0", "running"),
        variant_event(4, "v0", "completed"),
        ["adopt", job("queued", "queued", "queued")],
        variant_event(5, "v1", "running"),
    )
    assert outcome["seen"] == ["running completed queued", "running completed running"]
    assert outcome["unfinished"] == ["a"]


def test_event_seen_before_changes_nothing(page: Page) -> None:
    completed = variant_event(3, "v0", "completed")
    outcome = play(
        page,
        ["adopt", job("running", "queued")],
        variant_event(2, "v0", "running"),
        completed,
        variant_event(2, "v0", "running"),
        completed,
    )
    assert outcome["seen"] == ["running queued", "running running", "running completed"]


def test_late_acceptance_does_not_take_back_a_newer_answer(page: Page) -> None:
    outcome = play(
        page,
        ["adopt", job("running", "running")],
        job_event(1, "job.accepted", job("queued", "queued")),
    )
    assert outcome["seen"] == ["running running"]


def test_requeued_job_runs_again_after_its_end(page: Page) -> None:
    outcome = play(
        page,
        ["adopt", job("running", "running")],
        job_event(4, "job.failed", job("failed", "failed")),
        job_event(5, "job.requeued", job("queued", "queued")),
        variant_event(6, "v0", "running"),
    )
    assert outcome["seen"][1:] == ["failed failed", "queued queued", "queued running"]
    assert outcome["unfinished"] == ["a"]


def test_answer_to_a_retry_revives_the_job_before_its_events_come(page: Page) -> None:
    outcome = play(
        page,
        ["adopt", job("running", "running")],
        job_event(4, "job.failed", job("failed", "failed")),
        ["ask", "a"],
        ["answer", job("queued", "queued")],
        variant_event(6, "v0", "running"),
    )
    assert outcome["seen"][1:] == ["failed failed", "queued queued", "queued running"]
    assert outcome["unfinished"] == ["a"]


def test_answer_that_comes_after_the_events_of_the_change_is_old(page: Page) -> None:
    outcome = play(
        page,
        ["adopt", job("running", "running")],
        job_event(4, "job.failed", job("failed", "failed")),
        ["ask", "a"],
        job_event(5, "job.requeued", job("queued", "queued")),
        variant_event(6, "v0", "running"),
        ["answer", job("queued", "queued")],
    )
    assert outcome["seen"][2:] == ["queued queued", "queued running"]


def test_job_adopted_twice_stays_as_the_page_knows_it(page: Page) -> None:
    outcome = play(
        page,
        ["adopt", job("queued", "queued")],
        job_event(2, "job.completed", job("completed", "completed")),
        ["adopt", job("queued", "queued")],
    )
    assert outcome["seen"][1:] == ["completed completed", "completed completed"]


def test_forgotten_job_is_not_told_of_any_more(page: Page) -> None:
    outcome = play(
        page,
        ["adopt", job("running", "running")],
        ["forget", "a"],
        job_event(2, "job.completed", job("completed", "completed")),
    )
    assert outcome == {"seen": ["running running"], "unfinished": []}


def test_refresh_brings_what_was_missed_but_takes_back_no_end(page: Page) -> None:
    outcome = play(
        page,
        ["adopt", job("running", "queued", "queued", "queued")],
        variant_event(3, "v0", "completed"),
        ["refresh", job("running", "running", "completed", "queued")],
        job_event(9, "job.completed", job("completed", "completed", "completed", "completed")),
        ["refresh", job("running", "running", "running", "running")],
    )
    assert outcome["seen"][2:] == [
        "running completed completed queued",
        "completed completed completed completed",
    ]
    assert outcome["unfinished"] == []


def test_job_unknown_to_the_server_ends_as_failed(page: Page) -> None:
    outcome = play(
        page,
        ["adopt", job("running", "completed", "running")],
        ["lose", "a", {"title": "Unknown job", "detail": "No job has this id."}],
    )
    assert outcome["seen"][1:] == ["failed completed failed"]
    assert outcome["unfinished"] == []


def test_job_that_has_ended_keeps_its_end_when_the_server_has_it_no_more(page: Page) -> None:
    outcome = play(
        page,
        ["adopt", job("completed", "completed")],
        ["lose", "a", {"title": "Job deleted", "detail": "The job was deleted."}],
    )
    assert outcome["seen"][1:] == ["completed completed"]


def test_events_of_other_clients_do_not_pile_up(page: Page) -> None:
    """The oldest are forgotten: an event of 3000 ago is gone, one of 100 ago is not."""
    others = [
        ["apply", "job.started", {"job": f"other-{number}", "seq": 1}] for number in range(3000)
    ]
    early, late = job_event(2, "job.started", job("running", "queued")), others[-100:]
    forgotten = play(page, early, *others, ["adopt", job("queued", "queued")])
    kept = play(page, early, *late, ["adopt", job("queued", "queued")])
    assert forgotten["seen"] == ["queued queued"]
    assert kept["seen"] == ["running queued"]


def test_slots_let_only_so_many_work_at_once(page: Page) -> None:
    counts = page.evaluate(
        """async () => {
          const { Slots } = await import("/slots.js");
          const slots = new Slots(3);
          const order = [];
          let now = 0, most = 0;
          const work = (number) => slots.run(async () => {
            most = Math.max(most, ++now);
            await new Promise((resolve) => setTimeout(resolve));
            order.push(number);
            now -= 1;
            if (number === 4) throw new Error("one of them fails");
          });
          const all = await Promise.allSettled([...Array(10).keys()].map(work));
          const failed = all.filter(({ status }) => status === "rejected").length;
          return { most, now, failed, order };
        }"""
    )
    assert counts == {"most": 3, "now": 0, "failed": 1, "order": list(range(10))}


def test_stream_that_gave_up_is_opened_anew_after_the_last_event_seen(page: Page) -> None:
    opened = page.evaluate(
        """async () => {
          const sources = [];
          window.EventSource = class extends EventTarget {
            static CLOSED = 2;
            constructor(address) {
              super();
              this.address = address;
              sources.push(this);
            }
          };
          window.setTimeout = (act, _, ...given) => act(...given);
          const { openStream } = await import("/stream.js");
          const nothing = () => undefined;
          openStream({ onEvent: nothing, onOpen: nothing, onState: nothing });
          const giveUp = () => {
            sources.at(-1).readyState = EventSource.CLOSED;
            sources.at(-1).dispatchEvent(new Event("error"));
          };
          giveUp();
          const event = new MessageEvent("job.started", { data: "{}", lastEventId: "7" });
          sources.at(-1).dispatchEvent(event);
          giveUp();
          giveUp();
          return sources.map(({ address }) => address);
        }"""
    )
    assert opened == ["api/events", "api/events", *["api/events?after=7"] * 2]


def told_failures(page: Page, failures: list[dict[str, Any]], variants: int) -> list[str]:
    """What is told of the failures of a job with so many variants."""
    notes: list[str] = page.evaluate(
        """async ([failures, variants]) => {
          const { failureNotes } = await import("/problem-note.js");
          return failureNotes(failures, variants).map((note) => note.textContent);
        }""",
        [failures, variants],
    )
    return notes


def test_failures_alike_are_told_once_with_all_their_variants(page: Page) -> None:
    crashed = {"title": "Processing crashed", "detail": "Two workers died over it."}
    failures: list[dict[str, Any]] = [
        {**crashed, "variant": "square"},
        {"title": "Shutting down", "detail": "The server stops.", "errors": [{"detail": "<b>"}]},
        {**crashed, "variant": "story"},
    ]
    assert told_failures(page, failures, 3) == [
        "square, story: Processing crashedTwo workers died over it.",
        "Shutting downThe server stops.<b>",
    ]


def test_failure_of_all_variants_names_none(page: Page) -> None:
    failures: list[dict[str, Any]] = [
        {"title": "Damaged", "detail": "It ends too early.", "variant": name} for name in "ab"
    ]
    assert told_failures(page, failures, 2) == ["DamagedIt ends too early."]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ("bytesInWords(0)", "0 bytes"),
        ("bytesInWords(999)", "999 bytes"),
        ("bytesInWords(1000)", "1.0 kB"),
        ("bytesInWords(9960)", "10 kB"),
        ("bytesInWords(999499)", "999 kB"),
        ("bytesInWords(999500)", "1.0 MB"),
        ("bytesInWords(5e12)", "5000 GB"),
        ("durationInWords(0.26)", "0.3 ms"),
        ("durationInWords(34.4)", "34 ms"),
        ("durationInWords(1240)", "1.2 s"),
        ("sizeInWords(1200, 630)", "1200 \N{MULTIPLICATION SIGN} 630"),
        ("sizeInWords(640, null)", "640 wide"),
        ("sizeInWords(null, null)", "as the source"),
    ],
)
def test_numbers_read_well(page: Page, call: str, words: str) -> None:
    said = page.evaluate(f"async () => (await import('/words.js')).{call}")
    assert said == words
