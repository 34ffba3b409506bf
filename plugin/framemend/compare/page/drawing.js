// The picture: parts of the video, or of an exact frame, on one canvas at one zoom.
const ROW = { a: 0, b: 1, mask: 2 };
const MASK_COLOUR = "#ff2e63", MASK_WEIGHT = 0.55;
const even = height + (height % 2);
const canvas = $("canvas"), ctx = canvas.getContext("2d");
const layer = document.createElement("canvas"), layerCtx = layer.getContext("2d");
const exact = new Map(data.worst.map((entry) => [entry.frame, entry]));

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
