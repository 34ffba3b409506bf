// The video: A above B above the mask in one, so that both always show the same frame.
const LONGEST_WAIT_MS = 2000;
const video = document.createElement("video");
let playing = false, wanted = 0, settled = -1, seeking = false, loaded = false;

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
  video.addEventListener("ended", () => { seek(0); video.play(); });
  video.addEventListener("error", () => {
    $("message").hidden = false;
    $("message").textContent = "This browser cannot play the video of this page (H.264). Figures and the exact worst frames are still here.";
    loaded = false;
  });
}

const timeOf = (frame) => (frame + 0.5) / rate;
const frameAt = (mediaTime) => Math.min(count - 1, Math.max(0, Math.floor(mediaTime * rate + 0.25)));

function seek(frame) {
  wanted = Math.min(count - 1, Math.max(0, frame));
  if (!loaded) { view.frame = wanted; draw(); return; }
  if (seeking || wanted === settled) return;
  const target = wanted;
  seeking = true;
  document.body.dataset.ready = false;
  arrival(target).then(() => {
    seeking = false;
    if (playing) return;
    if (wanted !== target) { seek(wanted); return; }
    settled = view.frame = target;
    draw();
  });
  video.currentTime = timeOf(target);
}

// "seeked" may come before the frame itself: until that is there, the frame before would be drawn. The wait ends in any
// case, since a browser need not announce a frame that it shows already.
function arrival(frame) {
  return new Promise((arrived) => {
    let waiting = true;
    const resolve = () => { waiting = false; arrived(); };
    const look = (now, metadata) => {
      if (frameAt(metadata.mediaTime) === frame) resolve();
      else if (waiting) video.requestVideoFrameCallback(look);
    };
    if (video.requestVideoFrameCallback) video.requestVideoFrameCallback(look);
    video.addEventListener("seeked", () => {
      if (video.requestVideoFrameCallback) setTimeout(resolve, LONGEST_WAIT_MS);
      else requestAnimationFrame(() => requestAnimationFrame(resolve));
    }, { once: true });
  });
}

function follow(now, metadata) {
  if (!playing) return;
  wanted = view.frame = frameAt(metadata ? metadata.mediaTime : video.currentTime);
  draw();
  nextFrame();
}

const nextFrame = () => video.requestVideoFrameCallback ? video.requestVideoFrameCallback(follow) : requestAnimationFrame(follow);

function play(on) {
  playing = on && loaded && count > 1;
  $("play").innerHTML = playing ? "&#10074;&#10074;" : "&#9654;";
  $("play").setAttribute("aria-label", playing ? "Pause" : "Play");
  settled = -1;
  if (playing) { video.play(); nextFrame(); } else { video.pause(); seek(view.frame); }
}

function goTo(frame) {
  if (playing) play(false);
  seek(frame);
}
