// The picture: frames, mask and slider on one canvas, with zoom; and where a pointer is in samples of the clip.
const MASK_COLOUR = "#ff2e63", MASK_OPACITY = 0.55, MOST_ZOOM = 32;

export class Picture {
  constructor(canvas, stage) {
    this.canvas = canvas;
    this.stage = stage;
    this.ctx = canvas.getContext("2d");
    this.layer = document.createElement("canvas");
    this.painted = document.createElement("canvas");
    this.before = this.after = null;
    this.rects = [];
    this.draft = null;
    this.brush = null;
    this.split = 0.5;
    this.showMask = this.compare = true;
    this.resize(0, 0);
    new ResizeObserver(() => this.draw()).observe(stage);
  }

  resize(width, height) {
    this.width = width;
    this.height = height;
    this.painted.width = this.layer.width = width || 1;
    this.painted.height = this.layer.height = height || 1;
    this.paint = this.painted.getContext("2d", { willReadFrequently: true });
    this.fit();
  }

  fit() {
    this.isFit = true;
    this.x = this.y = 0;
    this.draw();
  }

  fitScale() {
    return Math.min(this.canvas.width / this.width, this.canvas.height / this.height) || 1;
  }

  zoom(factor, clientX, clientY) {
    const [px, py] = clientX === undefined ? [0, 0] : this.fromCentre(clientX, clientY);
    const scale = Math.min(MOST_ZOOM, Math.max(this.fitScale() / 2, this.scale * factor)), change = scale / this.scale;
    this.x = px - (px - this.x) * change;
    this.y = py - (py - this.y) * change;
    this.scale = scale;
    this.isFit = false;
    this.draw();
  }

  move(dx, dy) {
    const ratio = window.devicePixelRatio || 1;
    this.x += dx * ratio;
    this.y += dy * ratio;
    this.isFit = false;
    this.draw();
  }

  fromCentre(clientX, clientY) {
    const area = this.canvas.getBoundingClientRect(), ratio = this.canvas.width / area.width;
    return [(clientX - area.left) * ratio - this.canvas.width / 2, (clientY - area.top) * ratio - this.canvas.height / 2];
  }

  /** Where a pointer is, in samples of the clip; may lie outside. */
  sample(event) {
    const [px, py] = this.fromCentre(event.clientX, event.clientY);
    return [(px - this.x) / this.scale + this.width / 2, (py - this.y) / this.scale + this.height / 2];
  }

  box() {
    const w = this.width * this.scale, h = this.height * this.scale;
    return [this.canvas.width / 2 + this.x - w / 2, this.canvas.height / 2 + this.y - h / 2, w, h];
  }

  stroke(from, to, size, erase) {
    const paint = this.paint;
    paint.globalCompositeOperation = erase ? "destination-out" : "source-over";
    paint.lineCap = paint.lineJoin = "round";
    paint.strokeStyle = "#fff";
    paint.lineWidth = size;
    paint.beginPath();
    paint.moveTo(...from);
    paint.lineTo(to[0] + 0.01, to[1]);
    paint.stroke();
    this.draw();
  }

  draw() {
    const { canvas, stage, ctx } = this, ratio = window.devicePixelRatio || 1;
    const wide = Math.max(1, Math.round(stage.clientWidth * ratio)), high = Math.max(1, Math.round(stage.clientHeight * ratio));
    if (canvas.width !== wide || canvas.height !== high) { canvas.width = wide; canvas.height = high; }
    if (this.isFit) this.scale = this.fitScale();
    ctx.clearRect(0, 0, wide, high);
    if (!this.before) return;
    ctx.imageSmoothingEnabled = this.scale < 2;
    ctx.imageSmoothingQuality = "high";
    const split = this.split * wide;
    ctx.drawImage(this.before, ...this.box());
    if (this.after && this.compare) {
      ctx.save();
      ctx.beginPath();
      ctx.rect(split, 0, wide, high);
      ctx.clip();
      ctx.drawImage(this.after, ...this.box());
      ctx.restore();
    }
    if (this.showMask) this.drawMask(this.after && this.compare ? split : wide);
    if (this.brush) this.drawBrush();
    this.drawn?.();
  }

  drawMask(end) {
    const { ctx, layer } = this, on = layer.getContext("2d");
    on.globalCompositeOperation = "copy";
    on.drawImage(this.painted, 0, 0);
    on.globalCompositeOperation = "source-over";
    on.fillStyle = "#fff";
    for (const r of [...this.rects, ...(this.draft ? [this.draft] : [])]) on.fillRect(r.x, r.y, r.w, r.h);
    on.globalCompositeOperation = "source-in";
    on.fillStyle = MASK_COLOUR;
    on.fillRect(0, 0, this.width, this.height);
    ctx.save();
    ctx.beginPath();
    ctx.rect(0, 0, end, this.canvas.height);
    ctx.clip();
    ctx.globalAlpha = MASK_OPACITY;
    ctx.drawImage(layer, ...this.box());
    ctx.restore();
  }

  drawBrush() {
    const { ctx, brush } = this, [x, y] = this.box();
    ctx.save();
    for (const [colour, width] of [["#000a", 3], ["#fff", 1]]) {
      ctx.beginPath();
      ctx.arc(x + brush.x * this.scale, y + brush.y * this.scale, (brush.size / 2) * this.scale, 0, 7);
      ctx.strokeStyle = colour;
      ctx.lineWidth = width;
      ctx.stroke();
    }
    ctx.restore();
  }
}
