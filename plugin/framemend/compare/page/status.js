// What surrounds the picture: tags, buttons that are pressed, place and time.
function showState() {
  const alone = view.mode === "flicker" ? view.shown : view.mode;
  $("tag-a").hidden = alone === "b" || alone === "difference";
  $("tag-b").hidden = alone === "a" || alone === "difference";
  $("handle").hidden = view.mode !== "slider";
  $("handle").style.left = 100 * view.split + "%";
  $("handle").setAttribute("aria-valuenow", Math.round(100 * view.split));
  $("gain-field").hidden = view.mode !== "difference";
  $("speed-field").hidden = view.mode !== "flicker";
  $("gain-value").textContent = "\u00d7" + +(2 ** $("gain").value).toFixed(1);
  $("speed-value").textContent = $("speed").value;
  $("exact").hidden = !exactImages();
  $("mask").hidden = !data.mask;
  $("mask").setAttribute("aria-pressed", view.mask);
  $("zoom-value").textContent = Math.round(100 * view.scale) + " %";
  for (const button of $("modes").children) {
    button.setAttribute("role", "radio");
    button.setAttribute("aria-checked", button.dataset.mode === view.mode);
  }
  $("scrub").value = view.frame;
  const seconds = (view.frame + data.start) / rate;
  const clock = `${Math.floor(seconds / 60)}:${(seconds % 60).toFixed(2).padStart(5, "0")}`;
  $("place").textContent = `frame ${view.frame + data.start} of ${data.start}\u2013${data.start + count - 1} \u00b7 ${clock}`;
  for (const update of plotUpdates) update();
  for (const item of $("worst").querySelectorAll("button"))
    item.setAttribute("aria-current", +item.dataset.frame === view.frame);
  document.body.dataset.frame = view.frame;
  document.body.dataset.ready = loaded && !seeking && (!exact.has(view.frame) || exactImages() !== null);
}
