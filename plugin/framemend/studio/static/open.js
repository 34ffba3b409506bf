// Opening a clip: one of the studio's files, or one that the visitor brings.
import { forgetFrames, play, show, showThumbs } from "/frames.js";
import { resetMarks } from "/marks.js";
import { resetRepairs } from "/repairs.js";
import { ask, guarded, send } from "/server.js";
import { api, changed, on, picture, rate, state } from "/state.js";
import { $, say } from "/words.js";

const NEEDS_A_CLIP = ["tools-box", "find-box", "repair-box", "words-box", "dock", "scrub", "play"];
let isOpening = false;

/** One clip is opened at a time; nothing else can be chosen until it is there or refused. */
const opening = (action) => guarded(async (...args) => {
  if (isOpening) return;
  const setOpening = (is) => { isOpening = $("files").disabled = $("upload").disabled = $("shelf").inert = is; };
  setOpening(true);
  try {
    opened(await action(...args));
  } finally {
    setOpening(false);
    $("open-text").textContent = say(state.clip ? "open_other" : "open");
    $("upload").value = "";
    showChoice();
  }
});

export const openNamed = opening((name) => {
  $("open-text").textContent = say("loading");
  return ask("POST", api("open"), { name });
});

const upload = opening((file) =>
  send(api(`upload?name=${encodeURIComponent(file.name)}`), file, (percent) => {
    $("open-text").textContent = say("uploading", { percent });
  }));

function opened(facts) {
  play(false);
  Object.assign(state, { clip: facts, frame: 0, wanted: 0 });
  forgetFrames();
  resetRepairs();
  resetMarks();
  picture.resize(facts.width, facts.height);
  document.title = `${facts.name} – ${say("title")}`;
  $("clip-name").textContent = facts.name;
  $("clip-facts").textContent = say("facts", { width: facts.width, height: facts.height, rate: +rate().toFixed(3), frames: facts.frames });
  for (const id of NEEDS_A_CLIP) $(id).disabled = false;
  $("empty").hidden = true;
  $("head").hidden = $("corner").hidden = false;
  $("scrub").max = facts.frames - 1;
  showThumbs();
  show(0);
  changed();
}

/** The list of files says which one is open, or that it is none of them. */
function showChoice() {
  const names = [...$("files").options].map((option) => option.value);
  $("files").value = names.includes(state.clip?.name) ? state.clip.name : "";
}

export function showFiles(names) {
  if (!names.length) return;
  $("files").replaceChildren(new Option(say("files"), ""), ...names.map((name) => new Option(name, name)));
  $("files").hidden = names.length < 2;
  $("shelf").replaceChildren(...names.map((name) => {
    const item = document.createElement("li"), button = document.createElement("button");
    button.textContent = name;
    button.onclick = () => openNamed(name);
    item.append(button);
    return item;
  }));
}

export function connectOpening() {
  const stage = $("stage");
  $("open-text").textContent = say("open");
  $("upload").onchange = () => $("upload").files[0] && upload($("upload").files[0]);
  $("files").onchange = () => $("files").value && openNamed($("files").value);
  document.addEventListener("dragover", (event) => { event.preventDefault(); stage.classList.add("dropping"); });
  document.addEventListener("dragleave", () => stage.classList.remove("dropping"));
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    stage.classList.remove("dropping");
    if (event.dataTransfer.files[0]) upload(event.dataTransfer.files[0]);
  });
  on("shown", () => {
    document.body.dataset.frame = state.frame;
    document.body.dataset.clip = state.clip.name;
  });
}
