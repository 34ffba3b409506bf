// Modes, zoom, and what is dragged.
const ZOOM_STEP = 1.25, MOST_ZOOM = 32;
let flickerTimer = 0;

function setMode(mode) {
  const refit = (mode === "side") !== (view.mode === "side");
  view.mode = mode;
  if (refit && !view.fit) view.x = 0;
  clearInterval(flickerTimer);
  if (mode === "flicker")
    flickerTimer = setInterval(() => { view.shown = view.shown === "a" ? "b" : "a"; draw(); }, 1000 / $("speed").value);
  draw();
}

/** Moves the slider to a share of the stage's width. */
function setSplit(split) {
  view.split = Math.min(1, Math.max(0, split));
  draw();
}

function zoom(factor, clientX, clientY) {
  const area = canvas.getBoundingClientRect(), ratio = canvas.width / area.width;
  const paneWidth = canvas.width / panes();
  const px = clientX === undefined ? 0 : ((clientX - area.left) * ratio) % paneWidth - paneWidth / 2;
  const py = clientY === undefined ? 0 : (clientY - area.top) * ratio - canvas.height / 2;
  const scale = Math.min(MOST_ZOOM, Math.max(fitScale() / 2, view.scale * factor)), change = scale / view.scale;
  view.x = px - (px - view.x) * change;
  view.y = py - (py - view.y) * change;
  view.scale = scale;
  view.fit = false;
  draw();
}

function drag(element, move) {
  element.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    event.stopPropagation();
    element.setPointerCapture(event.pointerId);
    element.classList.add("moving");
    let last = event;
    const moved = (e) => { move(e, e.clientX - last.clientX, e.clientY - last.clientY); last = e; };
    const done = () => { element.classList.remove("moving"); element.removeEventListener("pointermove", moved); };
    element.addEventListener("pointermove", moved);
    element.addEventListener("pointerup", done, { once: true });
    element.addEventListener("pointercancel", done, { once: true });
  });
}
