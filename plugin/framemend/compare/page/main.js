// The page: its texts, the worst frames, and what the buttons do.
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
    button.onclick = () => { goTo(entry.frame); stage.scrollIntoView({ block: "nearest" }); };
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
  $("scrub").oninput = () => goTo(+$("scrub").value);
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
    setSplit((event.clientX - area.left) / area.width);
  });
  new ResizeObserver(draw).observe(stage);
}

build();
connect();
connectKeys();
draw();
loadVideo();
