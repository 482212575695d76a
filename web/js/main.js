import { Announcer } from "./announcer.js";
import { Card } from "./card.js";
import { catchUp } from "./catch-up.js";
import { setText } from "./element.js";
import { takeIn } from "./intake.js";
import { Jobs, hasEnded } from "./jobs.js";
import { PresetChoice } from "./presets.js";
import { Problem } from "./problem.js";
import { offerCopies, showRecipe } from "./recipe.js";
import { Slots } from "./slots.js";
import { openStream } from "./stream.js";
import { Summary } from "./summary.js";
import { upload } from "./upload.js";
import { jobInWords } from "./words.js";

/** A browser has six connections to a host: the stream takes one, pictures and downloads two. */
const UPLOADS_AT_ONCE = 3;

const jobs = new Jobs();
const cards = [];
const slots = new Slots(UPLOADS_AT_ONCE);
const announcer = new Announcer();
const summary = new Summary(() => cards.map((card) => card.tally));
const choice = new PresetChoice(choiceChanged);

function choiceChanged() {
  showRecipe(choice.names);
  if (choice.names.length > 0) document.getElementById("order-problem").hidden = true;
}

function addPhotographs(files) {
  if (choice.names.length === 0) {
    askForPreset();
    return;
  }
  document.body.classList.add("working");
  const added = files.map((file) => ({ file, card: new Card(file, choice.variants) }));
  cards.unshift(...added.map(({ card }) => card));
  document.getElementById("cards").prepend(...added.map(({ card }) => card.node));
  document.getElementById("strip").prepend(...added.map(({ card }) => card.mark));
  for (const { file, card } of added) send(file, card, choice.names);
}

async function send(file, card, presets) {
  card.inLine();
  summary.refresh();
  const steps = {
    onProgress: (sent) => card.uploading(sent),
    onWait: (wait_s) => card.pausing(wait_s),
  };
  try {
    const job = await slots.run(() => upload(file, presets, steps));
    jobs.adopt(job, (now) => follow(card, file.name, now));
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    card.refuse(problem, () => send(file, card, presets));
    announcer.tell(`${file.name} was ${problem.outcome.toLowerCase()}: ${problem.title}.`);
  }
  summary.refresh();
}

function follow(card, name, job) {
  card.show(job);
  summary.refresh();
  if (hasEnded(job)) announcer.tell(`${name}: ${jobInWords(job)} variants.`);
}

function askForPreset() {
  const problem = document.getElementById("order-problem");
  problem.hidden = false;
  setText(problem, "Tick at least one preset first, then drop the photographs again.");
}

function showStream(state) {
  const node = document.getElementById("stream");
  node.dataset.stream = state;
  setText(document.getElementById("stream-words"), state === "live" ? "Live" : "Reconnecting");
}

takeIn(addPhotographs);
offerCopies();
showRecipe(choice.names);
choice.load();
openStream({
  onEvent: (type, data) => jobs.apply(type, data),
  onOpen: () => catchUp(jobs),
  onState: showStream,
});
