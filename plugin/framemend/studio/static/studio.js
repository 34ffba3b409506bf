// The studio's page: what a visitor does, and what the server is asked for it.
import { Picture } from "/picture.js";

const $ = (id) => document.getElementById(id);
const POLL_MS = 300, WAIT_MS = 350, MOST_UNDO = 30, THUMBS = 14, KEPT_FRAMES = 240, ZOOM_STEP = 1.25;
const words = await (await fetch("/words.json")).json();
const picture = new Picture($("canvas"), $("stage"));
const state = { session: "", clip: null, frame: 0, wanted: 0, marked: 0, tool: "move", selected: -1, strength: null, form: "command", playing: false };
const jobs = { preview: null, clip: null };
const images = new Map();
let undo = [], wordsTimer = 0, toastTimer = 0, maskSaved = Promise.resolve(), stale = false;

const say = (key, values = {}) => words[key].replace(/\{(\w+)\}/g, (_, name) => values[name]);
const rate = () => state.clip.rate[0] / state.clip.rate[1];
const hasMask = () => picture.rects.length > 0 || state.painted;
const kinds = () => [...$("kinds").querySelectorAll(":checked")].map((box) => box.value);
const generates = () => hasMask() || kinds().length > 0;

// ---- asking the server ----------------------------------------------------------------------------------------------

class Refused extends Error {}

async function ask(method, path, body) {
  let answer;
  try {
    answer = await fetch(path, {
      method,
      headers: { "X-Framemend": "1", ...(body && !(body instanceof Blob) ? { "Content-Type": "application/json" } : {}) },
      body: body && !(body instanceof Blob) ? JSON.stringify(body) : body,
    });
  } catch {
    throw new Refused(say("lost"));
  }
  const text = await answer.text();
  let data = {};
  try { data = JSON.parse(text); } catch { data = { message: text }; }
  if (!answer.ok) throw new Refused(data.message || answer.statusText);
  return data;
}

const api = (path) => `/api/${state.session}/${path}`;

function complain(error) {
  if (!(error instanceof Refused)) console.error(error);
  $("toast").textContent = error.message;
  $("toast").hidden = false;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => { $("toast").hidden = true; }, 8000);
}

const guarded = (action) => async (...args) => {
  try { await action(...args); } catch (error) { complain(error); }
};

// ---- opening a clip ---------------------------------------------------------------------------------------------------

const openNamed = guarded(async (name) => {
  $("open-text").textContent = say("loading");
  try { opened(await ask("POST", api("open"), { name })); } finally { $("open-text").textContent = say("open_other"); }
});

const upload = guarded(async (file) => {
  const request = new XMLHttpRequest();  // fetch does not tell how much of a file has gone
  const answer = new Promise((resolve, reject) => {
    request.onload = () => resolve(request);
    request.onerror = () => reject(new Refused(say("lost")));
  });
  request.upload.onprogress = (e) => { $("open-text").textContent = say("uploading", { percent: Math.floor((100 * e.loaded) / e.total) }); };
  request.open("POST", api(`upload?name=${encodeURIComponent(file.name)}`));
  request.setRequestHeader("X-Framemend", "1");
  request.send(file);
  try {
    await answer;
    let data = {};
    try { data = JSON.parse(request.responseText); } catch { data = { message: request.responseText }; }
    if (request.status !== 200) throw new Refused(data.message || request.statusText);
    opened(data);
  } finally {
    $("open-text").textContent = say(state.clip ? "open_other" : "open");
    $("upload").value = "";
  }
});

function opened(facts) {
  Object.assign(state, { clip: facts, frame: 0, wanted: 0, selected: -1, strength: null, painted: false });
  play(false);
  images.clear();
  undo = [];
  jobs.preview = jobs.clip = null;
  stale = false;
  $("jobs").replaceChildren();
  picture.rects = [];
  $("track").checked = false;
  picture.before = picture.after = null;
  picture.resize(facts.width, facts.height);
  document.title = `${facts.name} – ${say("title")}`;
  $("clip-name").textContent = facts.name;
  $("clip-facts").textContent = say("facts", { width: facts.width, height: facts.height, rate: +rate().toFixed(3), frames: facts.frames });
  for (const id of ["tools-box", "find-box", "repair-box", "words-box", "scrub", "play"]) $(id).disabled = false;
  $("empty").hidden = true;
  $("head").hidden = false;
  $("corner").hidden = false;
  $("scrub").max = facts.frames - 1;
  $("size").max = Math.max(16, Math.round(facts.height / 2));
  $("size").value = Math.max(4, Math.round(facts.height / 12));
  const count = Math.min(THUMBS, facts.frames);
  $("thumbs").replaceChildren(...Array.from({ length: count }, (_, i) => {
    const image = new Image();
    image.alt = "";
    image.src = api(`frame/${Math.floor(((i + 0.5) * facts.frames) / count)}?width=160`);
    return image;
  }));
  setTool("move");
  show(0);
  changed();
}

// ---- frames -----------------------------------------------------------------------------------------------------------

function load(path) {
  let entry = images.get(path);
  if (!entry) {
    const image = new Image();
    entry = { image, ready: new Promise((resolve, reject) => { image.onload = () => resolve(image); image.onerror = reject; }) };
    image.src = path;
    images.set(path, entry);
    while (images.size > KEPT_FRAMES) images.delete(images.keys().next().value);
  }
  return entry.ready;
}

function isTried(frame) {
  const job = jobs.preview;
  return job && ["running", "done"].includes(job.state) && frame >= job.result.first && frame < job.result.first + job.done;
}

async function show(frame) {
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
    showState();
  } catch {
    if (wanted === state.wanted && clip === state.clip) ask("GET", api(`frame/${wanted}`)).catch(complain);
  }
}

function place() {
  const last = state.clip.frames - 1, seconds = state.wanted / rate();
  const time = `${Math.floor(seconds / 60)}:${(seconds % 60).toFixed(2).padStart(5, "0")}`;
  $("place").textContent = say("frame", { frame: state.wanted, last, time });
  $("scrub").value = state.wanted;
  $("head").style.left = `${(100 * (state.wanted + 0.5)) / state.clip.frames}%`;
}

function play(on) {
  state.playing = on && state.clip && state.clip.frames > 1;
  $("play").innerHTML = state.playing ? "&#10074;&#10074;" : "&#9654;";
  $("play").setAttribute("aria-label", say(state.playing ? "pause" : "play"));
  if (state.playing) step();
}

async function step() {
  while (state.playing) {
    const start = performance.now(), job = jobs.preview;
    const loop = job && isTried(state.frame) ? [job.result.first, job.result.first + job.done - 1] : [0, state.clip.frames - 1];
    await show(state.frame >= loop[1] ? loop[0] : state.frame + 1);
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, 1000 / rate() - (performance.now() - start))));
  }
}

// ---- marking ----------------------------------------------------------------------------------------------------------

function setTool(tool) {
  state.tool = tool;
  for (const button of $("tools").children) button.setAttribute("aria-checked", button.dataset.tool === tool);
  $("stage").style.cursor = { move: "grab", rect: "crosshair" }[tool] || "none";
  picture.brush = null;
  picture.draw();
}

function remember() {
  state.marked = state.frame;
  undo.push({ paint: picture.paint.getImageData(0, 0, picture.width, picture.height), rects: picture.rects.map((r) => ({ ...r })), painted: state.painted });
  if (undo.length > MOST_UNDO) undo.shift();
}

function goBack() {
  const last = undo.pop();
  if (!last) return;
  picture.paint.putImageData(last.paint, 0, 0);
  picture.rects = last.rects;
  state.painted = last.painted;
  showRects();
  saveMask();
}

function clearMarks() {
  remember();
  picture.paint.clearRect(0, 0, picture.width, picture.height);
  picture.rects = [];
  state.painted = false;
  showRects();
  saveMask();
}

/** Sends what is painted; what is asked afterwards waits for it. */
function saveMask() {
  picture.draw();
  const session = state.session, clip = state.clip;
  maskSaved = maskSaved.catch(() => {}).then(async () => {
    if (clip !== state.clip) return;
    const blob = await new Promise((resolve) => picture.painted.toBlob(resolve, "image/png"));
    const answer = await ask("PUT", `/api/${session}/mask`, blob);
    if (clip === state.clip) state.painted = answer.painted;
    changed();
  });
  maskSaved.catch(complain);
}

function rectOf(from, to) {
  const clamp = (value, most) => Math.round(Math.min(most, Math.max(0, value)));
  const [x0, x1] = [from[0], to[0]].map((v) => clamp(v, picture.width)).sort((a, b) => a - b);
  const [y0, y1] = [from[1], to[1]].map((v) => clamp(v, picture.height)).sort((a, b) => a - b);
  return { x: x0, y: y0, w: x1 - x0, h: y1 - y0, from: null, to: null };
}

const covers = (r, frame) => (r.from === null || frame >= r.from) && (r.to === null || frame <= r.to);

function rectText(r) {
  const range = r.from === null && r.to === null ? "" : `@${r.from ?? 0}-${r.to ?? state.clip.frames - 1}`;
  return `${r.x},${r.y},${r.w},${r.h}${range}`;
}

function showRects() {
  $("rects").replaceChildren(...picture.rects.map((r, index) => {
    const item = document.createElement("li");
    const top = document.createElement("div");
    top.className = "row";
    top.textContent = say("rect", r);
    const small = document.createElement("small");
    small.textContent = r.from === null && r.to === null ? say("all_frames") : say("range", { from: r.from ?? 0, to: r.to ?? state.clip.frames - 1 });
    const row = document.createElement("div");
    row.className = "row";
    const button = (word, act) => {
      const made = document.createElement("button");
      made.textContent = say(word);
      made.onclick = () => { remember(); act(); picture.draw(); changed(); };
      row.append(made);
    };
    button("from_here", () => { r.from = state.frame; if (r.to !== null && r.to < r.from) r.to = null; });
    button("until_here", () => { r.to = state.frame; if (r.from !== null && r.from > r.to) r.from = null; });
    button("remove", () => picture.rects.splice(index, 1));
    top.append(small);
    item.append(top, row);
    item.setAttribute("aria-current", covers(r, state.frame));
    return item;
  }));
}

function connectPointer() {
  const stage = $("stage");
  stage.addEventListener("pointermove", (event) => {
    if (state.tool !== "brush" && state.tool !== "erase") return;
    const [x, y] = picture.sample(event);
    picture.brush = { x, y, size: +$("size").value };
    picture.draw();
  });
  stage.addEventListener("pointerleave", () => { picture.brush = null; picture.draw(); });
  stage.addEventListener("pointerdown", (event) => {
    if (!state.clip || event.button !== 0 || event.target.closest("button, .handle")) return;
    event.preventDefault();
    stage.focus({ preventScroll: true });
    stage.setPointerCapture(event.pointerId);
    const start = picture.sample(event);
    let last = start, at = event;
    const tool = state.tool, paints = tool === "brush" || tool === "erase";
    if (paints || tool === "rect") { remember(); picture.showMask = true; }
    if (paints) picture.stroke(start, start, +$("size").value, tool === "erase");
    const moved = (e) => {
      const here = picture.sample(e);
      if (paints) picture.stroke(last, here, +$("size").value, tool === "erase");
      else if (tool === "rect") { picture.draft = rectOf(start, here); picture.draw(); }
      else picture.move(e.clientX - at.clientX, e.clientY - at.clientY);
      last = here;
      at = e;
    };
    const done = () => {
      stage.removeEventListener("pointermove", moved);
      if (tool === "rect") {
        const rect = picture.draft;
        picture.draft = null;
        if (rect && rect.w > 1 && rect.h > 1) picture.rects.push(rect); else undo.pop();
        picture.draw();
        changed();
      } else if (paints) {
        state.painted = state.painted || tool === "brush";
        saveMask();
      }
    };
    stage.addEventListener("pointermove", moved);
    stage.addEventListener("pointerup", done, { once: true });
    stage.addEventListener("pointercancel", done, { once: true });
  });
  stage.addEventListener("wheel", (event) => {
    if (!state.clip) return;
    event.preventDefault();
    picture.zoom(ZOOM_STEP ** (-Math.sign(event.deltaY) * Math.min(1, Math.abs(event.deltaY) / 60)), event.clientX, event.clientY);
  }, { passive: false });
  $("handle").addEventListener("pointerdown", (event) => {
    event.stopPropagation();
    $("handle").setPointerCapture(event.pointerId);
    const moved = (e) => {
      const area = stage.getBoundingClientRect();
      picture.split = Math.min(1, Math.max(0, (e.clientX - area.left) / area.width));
      picture.draw();
    };
    $("handle").addEventListener("pointermove", moved);
    $("handle").addEventListener("pointerup", () => $("handle").removeEventListener("pointermove", moved), { once: true });
  });
}

// ---- repairing --------------------------------------------------------------------------------------------------------

function settings() {
  return {
    model: $("model").value,
    strength: state.strength,
    rects: picture.rects.map(rectText),
    use_mask: Boolean(state.painted),
    track: $("track").checked && hasMask() ? state.marked : null,
    detect: kinds(),
    grain: $("grain").checked,
    scene_changes: $("cuts").checked ? "auto" : "none",
  };
}

/** Something that a repair depends on is different now. */
function changed() {
  stale = Boolean(jobs.preview);
  showRects();
  showState();
  clearTimeout(wordsTimer);
  wordsTimer = setTimeout(guarded(showWords), WAIT_MS);
}

async function showWords() {
  await maskSaved.catch(() => {});
  if (!state.clip) return;
  const made = await ask("POST", api("words"), settings());
  $("words").textContent = made[state.form];
  state.words = made;
  $("save-mask").hidden = !state.painted;
  $("save-mask").href = api("mask");
}

const start = (kind, show_mask = false) => guarded(async () => {
  await maskSaved.catch(() => {});
  if (kind === "preview") { stale = false; picture.compare = true; if (show_mask) picture.showMask = false; }
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
      showState();
      if (kind === "preview" && job.done > before.done && isTried(state.frame) && !state.playing) show(state.frame);
      if (!["waiting", "running"].includes(job.state)) return;
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  } catch (error) {
    complain(error);
  }
}

function jobText(job) {
  if (job.state === "waiting") return job.ahead ? say("waiting", { ahead: job.ahead }) : say("starting");
  if (job.state !== "running") return job.message || say(job.state);
  if (!job.done) return say("starting");
  const spent = (performance.now() - job.began) / 1000, made = job.done - job.first;
  const left = made > 0 ? Math.round((spent / made) * (job.total - job.done)) : 0;
  const time = left > 1 ? ` · ${say("left", { time: `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}` })}` : "";
  return say("running", job) + time;
}

function showJob(kind) {
  const job = jobs[kind];
  let box = $(`job-${kind}`);
  if (!box) {
    box = document.createElement("div");
    box.className = "job";
    box.id = `job-${kind}`;
    box.innerHTML = `<div class="top"><b></b><button></button></div><progress max="1"></progress><p></p><a class="button" download hidden></a>`;
    box.querySelector("b").textContent = say(kind === "preview" ? "preview" : "whole");
    box.querySelector("button").textContent = say("cancel");
    box.querySelector("button").onclick = guarded(async () => {
      await ask("DELETE", api(`jobs/${jobs[kind].number}`));
    });
    $("jobs").append(box);
  }
  const runs = ["waiting", "running"].includes(job.state);
  box.dataset.state = job.state;
  box.querySelector("button").hidden = !runs;
  box.querySelector("progress").hidden = !runs;
  box.querySelector("progress").value = job.total ? job.done / job.total : 0;
  box.querySelector("p").textContent = jobText(job);
  const link = box.querySelector("a");
  link.hidden = !(kind === "clip" && job.state === "done");
  link.href = api(`jobs/${job.number}/file`);
  link.textContent = say("download", { file: job.file });
}

// ---- showing and connecting -------------------------------------------------------------------------------------------

function showState() {
  if (!state.clip) return;
  const compared = Boolean(picture.after) && picture.compare, job = jobs.preview;
  $("handle").hidden = !compared;
  $("handle").style.left = `${100 * picture.split}%`;
  $("handle").setAttribute("aria-valuenow", Math.round(100 * picture.split));
  $("tag-before").hidden = $("tag-after").hidden = !compared;
  $("tag-after").textContent = say(job?.show_mask ? "shown" : "after") + (stale ? ` · ${say("stale")}` : "");
  $("show-compare").hidden = !picture.after;
  $("show-compare").setAttribute("aria-pressed", picture.compare);
  $("show-mask").hidden = !hasMask();
  $("show-mask").setAttribute("aria-pressed", picture.showMask);
  $("tried").hidden = !(job && job.done);
  if (job && job.done) {
    $("tried").style.left = `${(100 * job.result.first) / state.clip.frames}%`;
    $("tried").style.width = `${(100 * job.done) / state.clip.frames}%`;
  }
  const strength = state.strength ?? (generates() ? 0 : 1);
  $("track-row").hidden = !hasMask();
  $("track-text").textContent = say("track", { frame: state.marked });
  $("strength").value = strength;
  $("strength-value").textContent = strength.toFixed(2);
  $("strength-hint").textContent = say(generates() ? "strength_hint_mask" : "strength_hint_all");
  $("preview").textContent = say(job ? "preview_again" : "preview");
  $("size-value").textContent = $("size").value;
  $("undo").disabled = !undo.length;
  $("clear").disabled = !hasMask();
  $("whole").disabled = Boolean(jobs.clip) && ["waiting", "running"].includes(jobs.clip.state);
  if ($("rects").children.length === picture.rects.length)  // else the list is about to be made anew
    for (const [index, item] of [...$("rects").children].entries()) item.setAttribute("aria-current", covers(picture.rects[index], state.frame));
  document.body.dataset.frame = state.frame;
  document.body.dataset.clip = state.clip.name;
}

function setForm(form) {
  state.form = form;
  for (const tab of document.querySelectorAll("[data-form]")) tab.setAttribute("aria-selected", tab.dataset.form === form);
  $("words").textContent = state.words?.[form] ?? "";
}

function connect() {
  for (const element of document.querySelectorAll("[data-word]")) element.textContent = say(element.dataset.word);
  for (const element of document.querySelectorAll("[data-label]")) element.setAttribute("aria-label", say(element.dataset.label));
  for (const element of document.querySelectorAll("[data-title]")) element.title = say(element.dataset.title);
  $("open-text").textContent = say("open");
  $("preview").textContent = say("preview");
  $("upload").onchange = () => $("upload").files[0] && upload($("upload").files[0]);
  $("files").onchange = () => $("files").value && openNamed($("files").value);
  $("scrub").oninput = () => { play(false); show(+$("scrub").value); };
  $("play").onclick = () => play(!state.playing);
  for (const button of $("tools").children) button.onclick = () => setTool(button.dataset.tool);
  $("size").oninput = showState;
  $("undo").onclick = goBack;
  $("clear").onclick = clearMarks;
  $("strength").oninput = () => { state.strength = +$("strength").value; changed(); };
  for (const id of ["model", "grain", "cuts", "track", "kinds"]) $(id).onchange = changed;
  $("preview").onclick = start("preview");
  $("found").onclick = start("preview", true);
  $("whole").onclick = start("clip");
  $("show-mask").onclick = () => { picture.showMask = !picture.showMask; picture.draw(); };
  $("show-compare").onclick = () => { picture.compare = !picture.compare; picture.draw(); };
  $("zoom-in").onclick = () => picture.zoom(ZOOM_STEP);
  $("zoom-out").onclick = () => picture.zoom(1 / ZOOM_STEP);
  $("zoom-fit").onclick = () => picture.fit();
  for (const tab of document.querySelectorAll("[data-form]"))
    tab.onclick = () => setForm(tab.dataset.form);
  setForm("command");
  $("copy").onclick = async () => {
    await navigator.clipboard.writeText($("words").textContent);
    $("copy").textContent = say("copied");
    setTimeout(() => { $("copy").textContent = say("copy"); }, 1500);
  };
  picture.drawn = () => { $("zoom").textContent = `${Math.round(100 * picture.scale)} %`; showState(); };
  connectPointer();
  const stage = $("stage");
  document.addEventListener("dragover", (event) => { event.preventDefault(); stage.classList.add("dropping"); });
  document.addEventListener("dragleave", () => stage.classList.remove("dropping"));
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    stage.classList.remove("dropping");
    if (event.dataTransfer.files[0]) upload(event.dataTransfer.files[0]);
  });
  document.addEventListener("click", (event) => {  // a button pressed with the mouse does not take the space bar along
    if (event.detail && event.target.closest("button")) document.activeElement.blur();
  });
  document.addEventListener("keydown", pressed);
  addEventListener("pagehide", () => {
    if (state.session) fetch(`/api/${state.session}`, { method: "DELETE", headers: { "X-Framemend": "1" }, keepalive: true });
  });
}

function pressed(event) {
  if (!state.clip || event.altKey || event.target.matches("select")) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (event.ctrlKey || event.metaKey) {
    if (key === "z") { goBack(); event.preventDefault(); }
    return;
  }
  if (event.target.matches("button, a") && (key === " " || key === "Enter")) return;
  if (event.target.matches("input[type=range]") && event.target !== $("scrub") && key.startsWith("Arrow")) return;
  if (event.target === $("handle") && key.startsWith("Arrow")) {
    picture.split = Math.min(1, Math.max(0, picture.split + (key === "ArrowRight" ? 0.02 : -0.02)));
    picture.draw();
    return event.preventDefault();
  }
  const jump = event.shiftKey ? 10 : 1;
  const go = (frame) => { play(false); show(frame); };
  const resize = (factor) => { $("size").value = Math.max(2, Math.round($("size").value * factor)); if (picture.brush) picture.brush.size = +$("size").value; picture.draw(); };
  const actions = {
    " ": () => play(!state.playing), ArrowRight: () => go(state.wanted + jump), ArrowLeft: () => go(state.wanted - jump),
    Home: () => go(0), End: () => go(state.clip.frames - 1), v: () => setTool("move"), b: () => setTool("brush"), e: () => setTool("erase"),
    r: () => setTool("rect"), "[": () => resize(1 / 1.2), "]": () => resize(1.25), p: () => $("preview").click(), c: () => $("show-compare").click(),
    m: () => $("show-mask").click(), "+": () => picture.zoom(ZOOM_STEP), "=": () => picture.zoom(ZOOM_STEP), "-": () => picture.zoom(1 / ZOOM_STEP), 0: () => picture.fit(),
  };
  if (!actions[key]) return;
  actions[key]();
  event.preventDefault();
}

connect();
guarded(async () => {
  const begun = await ask("POST", "/api/sessions");
  state.session = begun.session;
  $("model").replaceChildren(...begun.models.map((name) => new Option(name.split(/[/\\]/).pop(), name, false, name === begun.model)));
  $("kinds").replaceChildren(...begun.kinds.map((kind) => {
    const label = document.createElement("label"), box = document.createElement("input"), text = document.createElement("span");
    label.className = "check";
    box.type = "checkbox";
    box.value = kind;
    text.textContent = say(`kind_${kind}`);
    label.append(box, text);
    return label;
  }));
  $("model-row").hidden = begun.models.length < 2;
  if (begun.files.length) {
    $("files").replaceChildren(new Option(say("files"), ""), ...begun.files.map((name) => new Option(name, name)));
    $("files").hidden = begun.files.length < 2;
    if (begun.files.length === 1) await openNamed(begun.files[0]);
  }
  document.body.dataset.ready = "true";
})();
