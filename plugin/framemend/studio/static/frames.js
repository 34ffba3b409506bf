// Frames: fetched, shown, played; the strip of thumbnails below them.
import { ask, complain } from "/server.js";
import { api, jobs, picture, rate, shown, state } from "/state.js";
import { $, say } from "/words.js";

const THUMBS = 14, KEPT_FRAMES = 240;
const images = new Map();

export const forgetFrames = () => images.clear();

function load(path) {
  let entry = images.get(path);
  if (!entry) {
    const image = new Image();
    entry = new Promise((resolve, reject) => { image.onload = () => resolve(image); image.onerror = reject; });
    image.src = path;
    images.set(path, entry);
    entry.catch(() => images.delete(path));  // asked for again next time
    while (images.size > KEPT_FRAMES) images.delete(images.keys().next().value);
  }
  return entry;
}

export function isTried(frame) {
  const job = jobs.preview;
  return job && ["running", "done"].includes(job.state) && frame >= job.result.first && frame < job.result.first + job.done;
}

export async function show(frame) {
  state.wanted = Math.min(state.clip.frames - 1, Math.max(0, frame));
  const wanted = state.wanted, clip = state.clip;
  place();
  try {
    const tried = isTried(wanted) ? load(api(`jobs/${jobs.preview.number}/frame/${wanted}`)) : null;
    const [before, after] = await Promise.all([load(api(`frame/${wanted}`)), tried]);
    if (wanted !== state.wanted || clip !== state.clip) return;
    state.frame = wanted;
    picture.before = before;
    picture.after = after;
    picture.draw();
    shown();
  } catch {
    if (wanted === state.wanted && clip === state.clip) ask("GET", api(`frame/${wanted}`)).catch(complain);
  }
}

function place() {
  const last = state.clip.frames - 1, seconds = state.wanted / rate();
  const time = `${Math.floor(seconds / 60)}:${(seconds % 60).toFixed(2).padStart(5, "0")}`;
  $("place").textContent = say("frame", { frame: state.wanted, last, time });
  $("scrub").value = state.wanted;
  $("scrub").setAttribute("aria-valuetext", $("place").textContent);
  $("head").style.left = `${(100 * (state.wanted + 0.5)) / state.clip.frames}%`;
}

export function showThumbs() {
  const { frames } = state.clip, count = Math.min(THUMBS, frames);
  $("thumbs").replaceChildren(...Array.from({ length: count }, (_, i) => {
    const image = new Image();
    image.alt = "";
    image.src = api(`frame/${Math.floor(((i + 0.5) * frames) / count)}?width=160`);
    return image;
  }));
}

export function play(on) {
  const played = state.playing;
  state.playing = Boolean(on && state.clip && state.clip.frames > 1);
  $("play").innerHTML = state.playing ? "&#10074;&#10074;" : "&#9654;";
  $("play").setAttribute("aria-label", say(state.playing ? "pause" : "play"));
  if (state.playing && !played) step();
}

async function step() {
  while (state.playing) {
    const start = performance.now(), job = jobs.preview;
    const loop = job && isTried(state.frame) ? [job.result.first, job.result.first + job.done - 1] : [0, state.clip.frames - 1];
    await show(state.frame >= loop[1] ? loop[0] : state.frame + 1);
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, 1000 / rate() - (performance.now() - start))));
  }
}

export function goTo(frame) {
  play(false);
  show(frame);
}

export function connectFrames() {
  $("scrub").oninput = () => goTo(+$("scrub").value);
  $("play").onclick = () => play(!state.playing);
}
