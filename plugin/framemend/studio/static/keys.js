// The keyboard.
import { goTo, play } from "/frames.js";
import { goBack, resizeBrush, setTool } from "/marks.js";
import { setSplit, ZOOM_STEP } from "/pointer.js";
import { picture, state } from "/state.js";
import { $ } from "/words.js";

const SPLIT_STEP = 0.02;

function actionOf(key, jump) {
  return {
    " ": () => play(!state.playing),
    ArrowRight: () => goTo(state.wanted + jump),
    ArrowLeft: () => goTo(state.wanted - jump),
    Home: () => goTo(0),
    End: () => goTo(state.clip.frames - 1),
    v: () => setTool("move"),
    b: () => setTool("brush"),
    e: () => setTool("erase"),
    r: () => setTool("rect"),
    "[": () => resizeBrush(1 / 1.2),
    "]": () => resizeBrush(1.25),
    p: () => $("preview").click(),
    c: () => $("show-compare").click(),
    m: () => $("show-mask").click(),
    "+": () => picture.zoom(ZOOM_STEP),
    "=": () => picture.zoom(ZOOM_STEP),
    "-": () => picture.zoom(1 / ZOOM_STEP),
    0: () => picture.fit(),
  }[key];
}

function pressed(event) {
  const { target } = event, onHandle = target === $("handle");
  if (!state.clip || event.altKey || target.matches("select")) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (event.ctrlKey || event.metaKey) {
    if (key === "z") { goBack(); event.preventDefault(); }
    return;
  }
  const presses = key === " " || key === "Enter", moves = key.startsWith("Arrow") || key === "Home" || key === "End";
  if (presses && target.matches("button, a, input[type=checkbox], input[type=file]")) return;
  if (moves && target.matches("input[type=range]") && target !== $("scrub")) return;
  const slide = onHandle && { ArrowRight: picture.split + SPLIT_STEP, ArrowLeft: picture.split - SPLIT_STEP, Home: 0, End: 1 }[key];
  if (onHandle && slide !== undefined) setSplit(slide);
  else {
    const act = actionOf(key, event.shiftKey ? 10 : 1);
    if (!act) return;
    act();
  }
  event.preventDefault();
}

export function connectKeys() {
  document.addEventListener("keydown", pressed);
  document.addEventListener("click", (event) => {  // what is pressed or pulled with the mouse does not take the keys along
    if (event.detail && event.target.closest("button, input[type=range]")) document.activeElement.blur();
  });
}
