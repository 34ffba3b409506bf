// Marking: brush, eraser and rectangles, what was marked before, and the mask as the server has it.
import { ask, complain } from "/server.js";
import { changed, covers, hasMask, on, picture, shown, state } from "/state.js";
import { $, say } from "/words.js";

const MOST_UNDO = 30;
let undo = [];
let saved = Promise.resolve();

/** Once what is painted has reached the server. */
export const maskSaved = () => saved.catch(() => {});

export function setTool(tool) {
  state.tool = tool;
  for (const button of $("tools").children) button.setAttribute("aria-checked", button.dataset.tool === tool);
  $("stage").style.cursor = { move: "grab", rect: "crosshair" }[tool] || "none";
  picture.brush = null;
  picture.draw();
}

export function resizeBrush(factor) {
  $("size").value = Math.max(2, Math.round($("size").value * factor));
  if (picture.brush) picture.brush.size = +$("size").value;
  picture.draw();
}

/** A new clip: nothing is marked, and brushes fit it. */
export function resetMarks() {
  undo = [];
  picture.rects = [];
  state.painted = false;
  $("track").checked = false;
  $("size").max = Math.max(16, Math.round(state.clip.height / 2));
  $("size").value = Math.max(4, Math.round(state.clip.height / 12));
  setTool("move");
}

export function remember() {
  state.marked = state.frame;
  undo.push({ paint: picture.paint.getImageData(0, 0, picture.width, picture.height), rects: picture.rects.map((r) => ({ ...r })), painted: state.painted });
  if (undo.length > MOST_UNDO) undo.shift();
}

export function forgetLast() {
  undo.pop();
}

export function goBack() {
  const last = undo.pop();
  if (!last) return;
  picture.paint.putImageData(last.paint, 0, 0);
  picture.rects = last.rects;
  state.painted = last.painted;
  saveMask();
}

function clearMarks() {
  remember();
  picture.paint.clearRect(0, 0, picture.width, picture.height);
  picture.rects = [];
  state.painted = false;
  saveMask();
}

/** Sends what is painted; what is asked afterwards waits for it. */
export function saveMask() {
  picture.draw();
  changed();
  const { session, clip } = state;
  saved = maskSaved().then(async () => {
    if (clip !== state.clip) return;
    const blob = await new Promise((resolve) => picture.painted.toBlob(resolve, "image/png"));
    const answer = await ask("PUT", `/api/${session}/mask`, blob);
    if (clip === state.clip) state.painted = answer.painted;
    changed();
  });
  saved.catch(complain);
}

function rectItem(r, index) {
  const item = document.createElement("li"), top = document.createElement("div"), row = document.createElement("div");
  const small = document.createElement("small");
  top.className = row.className = "row";
  top.textContent = say("rect", r);
  small.textContent = r.from === null && r.to === null ? say("all_frames") : say("range", { from: r.from ?? 0, to: r.to ?? state.clip.frames - 1 });
  top.append(small);
  const button = (word, act) => {
    const made = document.createElement("button");
    made.textContent = say(word);
    made.onclick = () => { remember(); act(); picture.draw(); changed(); };
    row.append(made);
  };
  button("from_here", () => { r.from = state.frame; if (r.to !== null && r.to < r.from) r.to = null; });
  button("until_here", () => { r.to = state.frame; if (r.from !== null && r.from > r.to) r.from = null; });
  button("remove", () => picture.rects.splice(index, 1));
  item.append(top, row);
  return item;
}

function showMarks() {
  picture.rects.forEach((r, index) => $("rects").children[index]?.setAttribute("aria-current", covers(r, state.frame)));
  $("show-mask").hidden = !hasMask();
  $("show-mask").setAttribute("aria-pressed", picture.showMask);
  $("track-row").hidden = !hasMask();
  $("track-text").textContent = say("track", { frame: state.marked });
  $("size-value").textContent = $("size").value;
  $("undo").disabled = !undo.length;
  $("clear").disabled = !hasMask();
}

export function connectMarks() {
  for (const button of $("tools").children) button.onclick = () => setTool(button.dataset.tool);
  $("size").oninput = shown;
  $("undo").onclick = goBack;
  $("clear").onclick = clearMarks;
  $("show-mask").onclick = () => { picture.showMask = !picture.showMask; picture.draw(); };
  on("changed", () => $("rects").replaceChildren(...picture.rects.map(rectItem)));
  on("shown", showMarks);
}
