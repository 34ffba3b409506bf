// The keyboard.
const SPLIT_STEP = 0.02;

function actionOf(key, step) {
  return {
    " ": () => play(!playing),
    ArrowRight: () => goTo(wanted + step),
    ArrowLeft: () => goTo(wanted - step),
    Home: () => goTo(0),
    End: () => goTo(count - 1),
    1: () => setMode("slider"),
    2: () => setMode("side"),
    a: () => setMode("a"),
    b: () => setMode("b"),
    f: () => setMode(view.mode === "flicker" ? "slider" : "flicker"),
    d: () => setMode("difference"),
    x: () => setMode(view.mode === "a" ? "b" : "a"),
    m: () => data.mask && $("mask").click(),
    "+": () => zoom(ZOOM_STEP),
    "=": () => zoom(ZOOM_STEP),
    "-": () => zoom(1 / ZOOM_STEP),
    0: () => $("zoom-fit").click(),
    w: () => {
      const at = data.worst.findIndex((entry) => entry.frame === view.frame);
      goTo(data.worst[(at + 1) % data.worst.length].frame);
    },
  }[key];
}

function pressed(event) {
  const { target } = event, onHandle = target === $("handle");
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const moves = key.startsWith("Arrow") || key === "Home" || key === "End";
  if (target.tagName === "BUTTON" && (key === " " || key === "Enter")) return;
  if (target.tagName === "INPUT" && target !== $("scrub") && moves) return;
  const slide = onHandle ? { ArrowRight: view.split + SPLIT_STEP, ArrowLeft: view.split - SPLIT_STEP, Home: 0, End: 1 }[key] : undefined;
  if (slide !== undefined) setSplit(slide);
  else {
    const act = actionOf(key, event.shiftKey ? 10 : 1);
    if (!act) return;
    act();
  }
  event.preventDefault();
}

function connectKeys() {
  document.addEventListener("keydown", pressed);
  document.addEventListener("click", (event) => {  // what is pressed or pulled with the mouse does not take the keys along
    if (event.detail && event.target.closest("button, input[type=range]")) document.activeElement.blur();
  });
}
