// The studio's page: connects its parts, and begins a session with the server.
import { connectFrames } from "/frames.js";
import { connectKeys } from "/keys.js";
import { connectMarks } from "/marks.js";
import { connectOpening, openNamed, showFiles } from "/open.js";
import { connectPointer } from "/pointer.js";
import { connectRepairs } from "/repairs.js";
import { ask, askLast, guarded } from "/server.js";
import { picture, shown, state } from "/state.js";
import { $, fillWords, say } from "/words.js";

function kindBox(kind) {
  const label = document.createElement("label"), box = document.createElement("input"), text = document.createElement("span");
  label.className = "check";
  box.type = "checkbox";
  box.value = kind;
  text.textContent = say(`kind_${kind}`);
  label.append(box, text);
  return label;
}

async function begin() {
  const begun = await ask("POST", "/api/sessions");
  state.session = begun.session;
  $("model").replaceChildren(...begun.models.map((name) => new Option(name.split(/[/\\]/).pop(), name, false, name === begun.model)));
  $("model-row").hidden = begun.models.length < 2;
  $("kinds").replaceChildren(...begun.kinds.map(kindBox));
  showFiles(begun.files);
  if (begun.files.length === 1) await openNamed(begun.files[0]);
  document.body.dataset.ready = "true";
}

fillWords();
for (const connect of [connectFrames, connectMarks, connectPointer, connectRepairs, connectOpening, connectKeys]) connect();
picture.drawn = () => { $("zoom").textContent = `${Math.round(100 * picture.scale)} %`; shown(); };
addEventListener("pagehide", () => { if (state.session) askLast("DELETE", `/api/${state.session}`); });
addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });  // its session ended as it was left
guarded(begin)();
