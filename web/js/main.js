import { Album } from "./album.js";
import { Announcer } from "./announcer.js";
import { call } from "./call.js";
import { catchUp } from "./catch-up.js";
import { setText } from "./element.js";
import { takeIn } from "./intake.js";
import { Jobs } from "./jobs.js";
import { Photograph } from "./photograph.js";
import { PresetChoice } from "./presets.js";
import { Problem } from "./problem.js";
import { offerCopies, showRecipe } from "./recipe.js";
import { Slots } from "./slots.js";
import { Session } from "./session.js";
import { openStream } from "./stream.js";

/** A browser has six connections to a host: the stream takes one, pictures and downloads two. */
const UPLOADS_AT_ONCE = 3;
const RECENT_JOBS = 12;

const desk = {
  album: new Album(),
  announcer: new Announcer(),
  jobs: new Jobs(),
  slots: new Slots(UPLOADS_AT_ONCE),
};
const choice = new PresetChoice(choiceChanged);
const session = new Session(start);
let recalling = null;

function choiceChanged() {
  showRecipe(choice.names, session.required);
  if (choice.names.length > 0) document.getElementById("order-problem").hidden = true;
}

function addPhotographs(files) {
  if (session.out) return;
  if (choice.names.length === 0) {
    askForPreset();
    return;
  }
  document.body.classList.add("working");
  const { names, variants } = choice;
  const added = files.map((file) => Photograph.ofFile(desk, file, variants));
  desk.album.prepend(added);
  for (const [index, photograph] of added.entries()) photograph.send(files[index], names);
}

function askForPreset() {
  const problem = document.getElementById("order-problem");
  problem.hidden = false;
  setText(problem, "Tick at least one preset first, then drop the photographs again.");
}

/**
 * Show what the server had before this page came.
 *
 * Only once the stream is open: what happens between the server's answer and the first event would
 * be missed otherwise.
 */
async function recall() {
  const problem = document.getElementById("recall-problem");
  try {
    const { jobs } = await call("GET", `api/jobs?limit=${RECENT_JOBS}`);
    const unknown = jobs.filter(({ id }) => !desk.album.find(id));
    desk.album.append(unknown.map((job) => Photograph.ofJob(desk, job)));
    if (jobs.length > 0) document.body.classList.add("working");
    problem.hidden = true;
  } catch (reason) {
    if (!(reason instanceof Problem)) throw reason;
    recalling = null;
    problem.hidden = false;
    setText(problem, `Earlier photographs could not be loaded. ${reason.title}: ${reason.detail}`);
  }
}

function streamOpened() {
  catchUp(desk.jobs);
  recalling ??= recall();
}

function showStream(state) {
  const node = document.getElementById("stream");
  node.dataset.stream = state;
  setText(document.getElementById("stream-words"), state === "live" ? "Live" : "Reconnecting");
}

function start() {
  showRecipe(choice.names, session.required);
  choice.load();
  openStream({
    onEvent: (type, data) => desk.jobs.apply(type, data),
    onOpen: streamOpened,
    onState: showStream,
    goOn: async (again) => {
      if (await session.check()) again();
    },
  });
}

takeIn(addPhotographs);
offerCopies();
showRecipe(choice.names);
session.begin();
