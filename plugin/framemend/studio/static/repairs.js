// Repairs: a second that is tried, a whole clip, how far they are, and the same as a command or a script.
import { isTried, show } from "/frames.js";
import { maskSaved } from "/marks.js";
import { ask, complain, guarded } from "/server.js";
import { api, changed, hasMask, jobs, kinds, on, picture, settings, shown, state } from "/state.js";
import { $, say } from "/words.js";

const POLL_MS = 300, WAIT_MS = 350;
let wordsTimer = 0, made = {}, form = "command";

const runs = (job) => Boolean(job) && ["waiting", "running"].includes(job.state);

const start = (kind, show_mask = false) => guarded(async () => {
  await maskSaved();
  if (kind === "preview") { state.stale = false; picture.compare = true; if (show_mask) picture.showMask = false; }
  const job = await ask("POST", api(kind), { ...settings(), frame: state.frame, show_mask });
  jobs[kind] = { ...job, began: 0, show_mask };
  follow(kind, job.number);
});

async function follow(kind, number) {
  const clip = state.clip;
  try {
    while (clip === state.clip && jobs[kind]?.number === number) {
      const before = jobs[kind];
      const job = await ask("GET", api(`jobs/${number}`));
      if (clip !== state.clip || jobs[kind]?.number !== number) return;
      const began = before.began || (job.done ? performance.now() : 0);
      jobs[kind] = { ...job, began, show_mask: before.show_mask, first: before.first ?? (job.done || undefined) };
      showJob(kind);
      shown();
      if (kind === "preview" && job.done > before.done && isTried(state.frame) && !state.playing) show(state.frame);
      if (!runs(job)) return;
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  } catch (error) {
    complain(error);
  }
}

function jobText(job) {
  if (job.state === "waiting") return job.ahead ? say("waiting", { ahead: job.ahead }) : say("starting");
  if (job.state !== "running") return job.message || say(job.state, job);
  if (!job.done) return say("starting");
  const spent = (performance.now() - job.began) / 1000, done = job.done - job.first;
  const left = done > 0 ? Math.round((spent / done) * (job.total - job.done)) : 0;
  const time = left > 1 ? ` · ${say("left", { time: `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}` })}` : "";
  return say("running", job) + time;
}

function boxOf(kind) {
  const box = document.createElement("div");
  box.className = "job";
  box.id = `job-${kind}`;
  box.innerHTML = `<div class="top"><b></b><button></button></div><progress max="1"></progress><p></p><a class="button" download hidden></a>`;
  box.querySelector("b").textContent = say(`job_${kind}`);
  box.querySelector("progress").setAttribute("aria-label", box.querySelector("b").textContent);
  box.querySelector("button").textContent = say("cancel");
  box.querySelector("button").onclick = guarded(() => ask("DELETE", api(`jobs/${jobs[kind].number}`)));
  $("jobs").append(box);
  return box;
}

function showJob(kind) {
  const job = jobs[kind], box = $(`job-${kind}`) ?? boxOf(kind);
  box.dataset.state = job.state;
  box.querySelector("button").hidden = !runs(job);
  box.querySelector("progress").hidden = !runs(job);
  box.querySelector("progress").value = job.total ? job.done / job.total : 0;
  box.querySelector("p").textContent = jobText(job);
  const link = box.querySelector("a");
  link.hidden = !(kind === "clip" && job.state === "done");
  link.href = api(`jobs/${job.number}/file`);
  link.textContent = say("download", { file: job.file });
}

/** A new clip: there are no repairs of it. */
export function resetRepairs() {
  jobs.preview = jobs.clip = null;
  state.strength = null;
  state.stale = false;
  picture.before = picture.after = null;
  $("jobs").replaceChildren();
}

function showRepairs() {
  const compared = Boolean(picture.after) && picture.compare, job = jobs.preview;
  $("handle").hidden = !compared;
  $("handle").style.left = `${100 * picture.split}%`;
  $("handle").setAttribute("aria-valuenow", Math.round(100 * picture.split));
  $("tag-before").hidden = $("tag-after").hidden = !compared;
  $("tag-after").textContent = say(job?.show_mask ? "shown" : "after") + (state.stale ? ` · ${say("stale")}` : "");
  $("show-compare").hidden = !picture.after;
  $("show-compare").setAttribute("aria-pressed", picture.compare);
  $("tried").hidden = !(job && job.done);
  if (job && job.done) {
    $("tried").style.left = `${(100 * job.result.first) / state.clip.frames}%`;
    $("tried").style.width = `${(100 * job.done) / state.clip.frames}%`;
  }
  const generates = hasMask() || kinds().length > 0, strength = state.strength ?? (generates ? 0 : 1);
  $("strength").value = strength;
  $("strength-value").textContent = strength.toFixed(2);
  $("strength-hint").textContent = say(generates ? "strength_hint_mask" : "strength_hint_all");
  $("preview").textContent = say(job ? "preview_again" : "preview");
  $("whole").disabled = runs(jobs.clip);
}

// ---- the same elsewhere -----------------------------------------------------------------------------------------------

function setForm(chosen) {
  form = chosen;
  for (const tab of document.querySelectorAll("[data-form]")) tab.setAttribute("aria-selected", tab.dataset.form === form);
  $("words").textContent = made[form] ?? "";
}

const fetchWords = guarded(async () => {
  await maskSaved();
  if (!state.clip) return;
  made = await ask("POST", api("words"), settings());
  $("words").textContent = made[form];
  $("save-mask").hidden = !state.painted;
  $("save-mask").href = api("mask");
});

async function copyWords() {
  await navigator.clipboard.writeText($("words").textContent);
  $("copy").textContent = say("copied");
  setTimeout(() => { $("copy").textContent = say("copy"); }, 1500);
}

export function connectRepairs() {
  $("preview").textContent = say("preview");
  $("strength").oninput = () => { state.strength = +$("strength").value; changed(); };
  for (const id of ["model", "grain", "cuts", "track", "kinds"]) $(id).onchange = changed;
  $("preview").onclick = start("preview");
  $("found").onclick = start("preview", true);
  $("whole").onclick = start("clip");
  $("show-compare").onclick = () => { picture.compare = !picture.compare; picture.draw(); };
  for (const tab of document.querySelectorAll("[data-form]")) tab.onclick = () => setForm(tab.dataset.form);
  setForm("command");
  $("copy").onclick = guarded(copyWords);
  on("changed", () => {
    state.stale = Boolean(jobs.preview);
    clearTimeout(wordsTimer);
    wordsTimer = setTimeout(fetchWords, WAIT_MS);
  });
  on("shown", showRepairs);
}
