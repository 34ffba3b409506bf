"use strict";
// The comparison page: one stacked video (A above B above the mask) is drawn part by part onto one canvas, so that
// both versions always show the same frame at the same zoom.
const data = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);
const stage = $("stage"), canvas = $("canvas"), ctx = canvas.getContext("2d");
const [width, height] = data.shown;
const count = data.figures.psnr_b.length;
const rate = data.rate[0] / data.rate[1];
const even = height + (height % 2);
const ROW = { a: 0, b: 1, mask: 2 };
const MASK_COLOUR = "#ff2e63", MASK_WEIGHT = 0.55;
const ZOOM_STEP = 1.25, MOST_ZOOM = 32;

const view = { mode: "slider", mask: data.mask, split: 0.5, scale: 1, x: 0, y: 0, fit: true, shown: "b", frame: 0 };
const video = document.createElement("video");
const layer = document.createElement("canvas"), layerCtx = layer.getContext("2d");
const exact = new Map(data.worst.map((entry) => [entry.frame, entry]));
let playing = false, wanted = 0, seeking = false, flickerTimer = 0, loaded = false;

// ---- video ------------------------------------------------------------------------------------------------------

function bytesOf(base64) {
  const text = atob(base64.trim()), bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

function loadVideo() {
  const holder = $("video");
  video.muted = true;
  video.playsInline = true;
  video.preload = "auto";
  video.src = URL.createObjectURL(new Blob([bytesOf(holder.textContent.replace(/^data:[^,]*,/, ""))], { type: "video/mp4" }));
  holder.remove();
  video.addEventListener("loadeddata", () => { loaded = true; seek(wanted); });
  video.addEventListener("seeked", () => {
    seeking = false;
    if (Math.abs(video.currentTime - timeOf(wanted)) > 0.25 / rate) seek(wanted);
    else { view.frame = wanted; draw(); }
  });
  video.addEventListener("ended", () => { seek(0); video.play(); });
  video.addEventListener("error", () => {
    $("message").hidden = false;
    $("message").textContent = "This browser cannot play the video of this page (H.264). Figures and the exact worst frames are still here.";
    loaded = false;
  });
}

const timeOf = (frame) => (frame + 0.5) / rate;

function seek(frame) {
  wanted = Math.min(count - 1, Math.max(0, frame));
  if (!loaded) { view.frame = wanted; draw(); return; }
  if (seeking) return;
  seeking = true;
  video.currentTime = timeOf(wanted);
}

function follow(now, metadata) {
  if (!playing) return;
  const time = metadata ? metadata.mediaTime + 0.25 / rate : video.currentTime;
  wanted = view.frame = Math.min(count - 1, Math.max(0, Math.floor(time * rate)));
  draw();
  nextFrame();
}

const nextFrame = () => video.requestVideoFrameCallback ? video.requestVideoFrameCallback(follow) : requestAnimationFrame(follow);

function play(on) {
  playing = on && loaded && count > 1;
  $("play").innerHTML = playing ? "&#10074;&#10074;" : "&#9654;";
  $("play").setAttribute("aria-label", playing ? "Pause" : "Play");
  if (playing) { video.play(); nextFrame(); } else { video.pause(); seek(view.frame); }
}

const pause = () => playing && play(false);

// ---- exact frames -----------------------------------------------------------------------------------------------

function exactImages() {
  const entry = playing ? undefined : exact.get(view.frame);
  if (!entry) return null;
  if (!entry.images) {
    entry.images = {};
    for (const side of ["a", "b"]) {
      const image = new Image();
      image.onload = draw;
      image.src = entry[side];
      entry.images[side] = image;
    }
  }
  return entry.images.a.complete && entry.images.b.complete ? entry.images : null;
}

// ---- drawing ----------------------------------------------------------------------------------------------------

function paint(target, part, x, y, w, h) {
  const images = exactImages();
  if (images && part !== "mask") target.drawImage(images[part], x, y, w, h);
  else if (loaded) target.drawImage(video, 0, ROW[part] * even, width, height, x, y, w, h);
}

const panes = () => (view.mode === "side" ? 2 : 1);

function fitScale() {
  return Math.min(canvas.width / panes() / data.size[0], canvas.height / data.size[1]);
}

function box(pane) {
  const w = data.size[0] * view.scale, h = data.size[1] * view.scale;
  const paneWidth = canvas.width / panes();
  return [pane * paneWidth + paneWidth / 2 + view.x - w / 2, canvas.height / 2 + view.y - h / 2, w, h];
}

function clipped(left, right, action) {
  ctx.save();
  ctx.beginPath();
  ctx.rect(left, 0, Math.max(0, right - left), canvas.height);
  ctx.clip();
  action();
  ctx.restore();
}

// The mask's samples are never read back, so its weight is applied by blending: picture * (1 - m) + colour * m.
function drawMask(pane) {
  if (!view.mask || !data.mask) return;
  ctx.save();
  tintedMask(`rgb(${MASK_WEIGHT * 255} ${MASK_WEIGHT * 255} ${MASK_WEIGHT * 255})`);
  layerCtx.globalCompositeOperation = "difference";
  layerCtx.fillStyle = "#fff";
  layerCtx.fillRect(0, 0, width, height);
  ctx.globalCompositeOperation = "multiply";
  ctx.drawImage(layer, ...box(pane));
  tintedMask(MASK_COLOUR);
  ctx.globalAlpha = MASK_WEIGHT;
  ctx.globalCompositeOperation = "lighter";
  ctx.drawImage(layer, ...box(pane));
  ctx.restore();
}

function tintedMask(colour) {
  layer.width = width;
  layer.height = height;
  paint(layerCtx, "mask", 0, 0, width, height);
  layerCtx.globalCompositeOperation = "multiply";
  layerCtx.fillStyle = colour;
  layerCtx.fillRect(0, 0, width, height);
}

function drawDifference() {
  const [x, y, w, h] = box(0);
  layer.width = data.size[0];
  layer.height = data.size[1];
  paint(layerCtx, "a", 0, 0, layer.width, layer.height);
  layerCtx.globalCompositeOperation = "difference";
  paint(layerCtx, "b", 0, 0, layer.width, layer.height);
  ctx.save();
  ctx.filter = `brightness(${2 ** $("gain").value})`;
  ctx.drawImage(layer, x, y, w, h);
  ctx.restore();
}

function draw() {
  const ratio = window.devicePixelRatio || 1;
  const wide = Math.round(stage.clientWidth * ratio), high = Math.round(stage.clientHeight * ratio);
  if (canvas.width !== wide || canvas.height !== high) { canvas.width = wide; canvas.height = high; }
  if (view.fit) { view.scale = fitScale(); view.x = view.y = 0; }
  ctx.clearRect(0, 0, canvas.width, canvas.height);
  ctx.imageSmoothingEnabled = view.scale < 2;
  ctx.imageSmoothingQuality = "high";
  const split = view.split * canvas.width;
  if (view.mode === "slider") {
    clipped(0, split, () => { paint(ctx, "a", ...box(0)); drawMask(0); });
    clipped(split, canvas.width, () => { paint(ctx, "b", ...box(0)); drawMask(0); });
  } else if (view.mode === "side") {
    const middle = canvas.width / 2;
    clipped(0, middle - 1, () => { paint(ctx, "a", ...box(0)); drawMask(0); });
    clipped(middle + 1, canvas.width, () => { paint(ctx, "b", ...box(1)); drawMask(1); });
  } else if (view.mode === "difference") {
    drawDifference();
    drawMask(0);
  } else {
    paint(ctx, view.mode === "flicker" ? view.shown : view.mode, ...box(0));
    drawMask(0);
  }
  showState();
}

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
  document.body.dataset.ready = loaded && !seeking;
}

// ---- modes and zoom -----------------------------------------------------------------------------------------------

function setMode(mode) {
  const refit = (mode === "side") !== (view.mode === "side");
  view.mode = mode;
  if (refit && !view.fit) view.x = 0;
  clearInterval(flickerTimer);
  if (mode === "flicker")
    flickerTimer = setInterval(() => { view.shown = view.shown === "a" ? "b" : "a"; draw(); }, 1000 / $("speed").value);
  draw();
}

function swap() {
  setMode(view.mode === "a" ? "b" : "a");
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

// ---- plots --------------------------------------------------------------------------------------------------------

const plotUpdates = [];
const shownNumber = (value, digits) => (value === null || value === undefined ? "\u2013" : value.toFixed(digits));

function plot(heading, explanation, a, b, digits) {
  const known = [...a, ...b].filter((value) => value !== null);
  if (!known.length) return;
  let low = Math.min(...known), high = Math.max(...known);
  const margin = (high - low) * 0.08 || Math.max(0.01, Math.abs(high) * 0.01);
  low -= margin; high += margin;
  const x = (i) => (count > 1 ? (1000 * i) / (count - 1) : 500), y = (v) => 100 - (100 * (v - low)) / (high - low);
  const line = (values, side) => {
    let path = "", pen = "M";
    values.forEach((value, i) => {
      if (value === null) { pen = "M"; return; }
      path += `${pen}${x(i).toFixed(1)} ${y(value).toFixed(2)}`;
      pen = "L";
    });
    return path && `<path class="${side}" d="${path}"/>`;
  };
  const mean = (values) => {
    const there = values.filter((value) => value !== null);
    return there.length ? there.reduce((sum, value) => sum + value, 0) / there.length : null;
  };
  const holder = document.createElement("div");
  holder.className = "plot";
  const grid = [25, 50, 75].map((g) => `<path class="grid" d="M0 ${g}H1000"/>`).join("");
  holder.innerHTML = `<h2>${heading}<span></span></h2><svg viewBox="0 0 1000 100" preserveAspectRatio="none" role="img"
    aria-label="${heading} over time">${grid}${line(a, "a")}${line(b, "b")}<path class="now"/></svg>
    <div class="scale"><span>${shownNumber(low + margin, digits)}</span><span>to ${shownNumber(high - margin, digits)}</span></div><p></p>`;
  const means = [["A", mean(a)], ["B", mean(b)]].filter(([, value]) => value !== null);
  holder.querySelector("p").textContent = `mean ${means.map(([name, value]) => (means.length > 1 ? name + " " : "") + shownNumber(value, digits)).join(", ")} \u00b7 ${explanation}`;
  const svg = holder.querySelector("svg"), now = holder.querySelector(".now"), reading = holder.querySelector("h2 span");
  const both = means.length > 1;
  plotUpdates.push(() => {
    now.setAttribute("d", `M${x(view.frame)} 0V100`);
    const left = both ? `<b class="a">A ${shownNumber(a[view.frame], digits)}</b> ` : "";
    reading.innerHTML = `${left}<b class="b">${both ? "B " : ""}${shownNumber(b[view.frame], digits)}</b>`;
  });
  drag(svg, (event) => seekAt(event));
  svg.addEventListener("pointerdown", (event) => seekAt(event));
  function seekAt(event) {
    const area = svg.getBoundingClientRect();
    pause();
    seek(Math.round(((event.clientX - area.left) / area.width) * (count - 1)));
  }
  $("plots").append(holder);
}

// ---- the page -----------------------------------------------------------------------------------------------------

function build() {
  document.title = data.title;
  $("title").textContent = data.title;
  $("facts").textContent = `${data.size[0]}\u00d7${data.size[1]} \u00b7 ${+rate.toFixed(3)} fps \u00b7 ${count} frame${count > 1 ? "s" : ""}`;
  $("tag-a").textContent = "A \u00b7 " + data.names[0];
  $("tag-b").textContent = "B \u00b7 " + data.names[1];
  $("scrub").max = count - 1;
  $("play").disabled = count < 2;
  const f = data.figures, against = data.reference ? `against ${data.reference}` : "B against A";
  plot("PSNR, dB", against, f.psnr_a, f.psnr_b, 2);
  plot("SSIM", against, f.ssim_a, f.ssim_b, 4);
  plot("Flicker, codes", "change from frame to frame beyond motion; less is steadier", f.flicker_a, f.flicker_b, 2);
  $("worst-title").textContent = data.reference
    ? `Worst frames of B (lowest PSNR ${against})` : "Frames that differ most (lowest PSNR)";
  for (const entry of data.worst) {
    const item = document.createElement("li"), button = document.createElement("button");
    button.dataset.frame = entry.frame;
    for (const side of ["a", "b"]) {
      const image = new Image();
      image.src = entry[side];
      image.alt = side.toUpperCase();
      button.append(image);
    }
    const text = document.createElement("span");
    text.innerHTML = `frame ${entry.frame + data.start} <em>${shownNumber(f.psnr_b[entry.frame], 2)} dB</em>`;
    button.append(text);
    button.onclick = () => { pause(); seek(entry.frame); stage.scrollIntoView({ block: "nearest" }); };
    item.append(button);
    $("worst").append(item);
  }
  const told = ["PSNR (all three channels, 8 bit), SSIM and flicker are measured on the decoded frames.",
    "What plays here is encoded once more (H.264, 4:2:0); the worst frames are exact.", ...data.notes.map((n) => n + ".")];
  $("notes").textContent = told.join(" ");
}

function connect() {
  for (const button of $("modes").children) button.onclick = () => setMode(button.dataset.mode);
  $("mask").onclick = () => { view.mask = !view.mask; draw(); };
  $("gain").oninput = draw;
  $("speed").oninput = () => setMode("flicker");
  $("zoom-in").onclick = () => zoom(ZOOM_STEP);
  $("zoom-out").onclick = () => zoom(1 / ZOOM_STEP);
  $("zoom-fit").onclick = () => { view.fit = true; draw(); };
  $("play").onclick = () => play(!playing);
  $("scrub").oninput = () => { pause(); seek(+$("scrub").value); };
  stage.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoom(ZOOM_STEP ** (-Math.sign(event.deltaY) * Math.min(1, Math.abs(event.deltaY) / 60)), event.clientX, event.clientY);
  }, { passive: false });
  drag(stage, (event, dx, dy) => {
    const ratio = window.devicePixelRatio || 1;
    view.x += dx * ratio; view.y += dy * ratio; view.fit = false; draw();
  });
  drag($("handle"), (event) => {
    const area = stage.getBoundingClientRect();
    view.split = Math.min(1, Math.max(0, (event.clientX - area.left) / area.width));
    draw();
  });
  new ResizeObserver(draw).observe(stage);
  document.addEventListener("click", (event) => {  // a button pressed with the mouse does not take the space bar along
    if (event.detail && event.target.closest("button")) document.activeElement.blur();
  });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const step = event.shiftKey ? 10 : 1, onHandle = event.target === $("handle");
    const press = event.target.tagName === "BUTTON" && (event.key === " " || event.key === "Enter");
    if (press || (event.target.tagName === "INPUT" && event.target !== $("scrub") && event.key.startsWith("Arrow"))) return;
    const actions = {
      " ": () => play(!playing),
      ArrowRight: () => { pause(); seek(wanted + step); },
      ArrowLeft: () => { pause(); seek(wanted - step); },
      Home: () => { pause(); seek(0); },
      End: () => { pause(); seek(count - 1); },
      1: () => setMode("slider"), 2: () => setMode("side"), a: () => setMode("a"), b: () => setMode("b"),
      f: () => setMode(view.mode === "flicker" ? "slider" : "flicker"), d: () => setMode("difference"), x: swap,
      m: () => data.mask && $("mask").click(), "+": () => zoom(ZOOM_STEP), "=": () => zoom(ZOOM_STEP), "-": () => zoom(1 / ZOOM_STEP),
      0: () => $("zoom-fit").click(),
      w: () => {
        const at = data.worst.findIndex((entry) => entry.frame === view.frame);
        pause();
        seek(data.worst[(at + 1) % data.worst.length].frame);
      },
    };
    if (onHandle && event.key.startsWith("Arrow")) {
      view.split = Math.min(1, Math.max(0, view.split + (event.key === "ArrowRight" ? 0.02 : -0.02)));
      draw();
    } else {
      const action = actions[event.key] || actions[event.key.toLowerCase()];
      if (!action) return;
      action();
    }
    event.preventDefault();
  });
}

build();
connect();
draw();
loadVideo();
