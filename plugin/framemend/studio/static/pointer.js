// The mouse, pen or finger on the picture: draws, moves, zooms, and pulls the slider.
import { forgetLast, remember, saveMask } from "/marks.js";
import { changed, picture, state } from "/state.js";
import { $ } from "/words.js";

export const ZOOM_STEP = 1.25;

/** Moves the slider to a share of the stage's width. */
export function setSplit(split) {
  picture.split = Math.min(1, Math.max(0, split));
  picture.draw();
}

function rectOf(from, to) {
  const clamp = (value, most) => Math.round(Math.min(most, Math.max(0, value)));
  const [x0, x1] = [from[0], to[0]].map((v) => clamp(v, picture.width)).sort((a, b) => a - b);
  const [y0, y1] = [from[1], to[1]].map((v) => clamp(v, picture.height)).sort((a, b) => a - b);
  return { x: x0, y: y0, w: x1 - x0, h: y1 - y0, from: null, to: null };
}

/** Follows the pointer until it is let go, whatever lies below it. */
function dragged(element, event, moved, done = () => {}) {
  element.setPointerCapture(event.pointerId);
  const end = () => { element.removeEventListener("pointermove", moved); done(); };
  element.addEventListener("pointermove", moved);
  element.addEventListener("lostpointercapture", end, { once: true });
}

function paint(event, start, erase) {
  const size = +$("size").value;
  let last = start;
  const line = (here) => { picture.stroke(last, here, size, erase); last = here; };
  line(start);
  dragged($("stage"), event, (e) => line(picture.sample(e)), () => {
    state.painted = state.painted || !erase;
    saveMask();
  });
}

function drawRect(event, start) {
  dragged($("stage"), event, (e) => { picture.draft = rectOf(start, picture.sample(e)); picture.draw(); }, () => {
    const rect = picture.draft;
    picture.draft = null;
    if (rect && rect.w > 1 && rect.h > 1) picture.rects.push(rect); else forgetLast();
    picture.draw();
    changed();
  });
}

function pressed(event) {
  if (!state.clip || event.button !== 0 || event.target.closest("button, .handle")) return;
  event.preventDefault();
  $("stage").focus({ preventScroll: true });
  const start = picture.sample(event);
  if (state.tool !== "move") { remember(); picture.showMask = true; }
  if (state.tool === "rect") drawRect(event, start);
  else if (state.tool !== "move") paint(event, start, state.tool === "erase");
  else {
    let at = event;
    dragged($("stage"), event, (e) => { picture.move(e.clientX - at.clientX, e.clientY - at.clientY); at = e; });
  }
}

export function connectPointer() {
  const stage = $("stage"), handle = $("handle");
  stage.addEventListener("pointermove", (event) => {
    if (state.tool !== "brush" && state.tool !== "erase") return;
    const [x, y] = picture.sample(event);
    picture.brush = { x, y, size: +$("size").value };
    picture.draw();
  });
  stage.addEventListener("pointerleave", () => { picture.brush = null; picture.draw(); });
  stage.addEventListener("pointerdown", pressed);
  stage.addEventListener("wheel", (event) => {
    if (!state.clip) return;
    event.preventDefault();
    picture.zoom(ZOOM_STEP ** (-Math.sign(event.deltaY) * Math.min(1, Math.abs(event.deltaY) / 60)), event.clientX, event.clientY);
  }, { passive: false });
  handle.addEventListener("pointerdown", (event) => {
    event.stopPropagation();
    dragged(handle, event, (e) => {
      const area = stage.getBoundingClientRect();
      setSplit((e.clientX - area.left) / area.width);
    });
  });
  $("zoom-in").onclick = () => picture.zoom(ZOOM_STEP);
  $("zoom-out").onclick = () => picture.zoom(1 / ZOOM_STEP);
  $("zoom-fit").onclick = () => picture.fit();
}
