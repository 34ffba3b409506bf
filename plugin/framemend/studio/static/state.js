// What the page knows: the clip, the frame that is shown, what is marked, the settings; and who is told when that changes.
import { Picture } from "/picture.js";
import { $ } from "/words.js";

export const picture = new Picture($("canvas"), $("stage"));
export const state = { session: "", clip: null, frame: 0, wanted: 0, marked: 0, painted: false, tool: "move", strength: null, playing: false, stale: false };
export const jobs = { preview: null, clip: null };

export const api = (path) => `/api/${state.session}/${path}`;
export const rate = () => state.clip.rate[0] / state.clip.rate[1];
export const hasMask = () => picture.rects.length > 0 || state.painted;
export const kinds = () => [...$("kinds").querySelectorAll(":checked")].map((box) => box.value);
export const covers = (r, frame) => (r.from === null || frame >= r.from) && (r.to === null || frame <= r.to);

const listeners = { changed: [], shown: [] };

export const on = (what, listener) => listeners[what].push(listener);

/** Something that a repair depends on is different now. */
export function changed() {
  for (const listener of listeners.changed) listener();
  shown();
}

/** Something that the page shows is different now. */
export function shown() {
  if (state.clip) for (const listener of listeners.shown) listener();
}

function rectText(r) {
  const range = r.from === null && r.to === null ? "" : `@${r.from ?? 0}-${r.to ?? state.clip.frames - 1}`;
  return `${r.x},${r.y},${r.w},${r.h}${range}`;
}

/** What the server is asked for with a repair. */
export function settings() {
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
