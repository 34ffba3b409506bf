// Asking the server, and saying what it refuses.
import { $, say } from "/words.js";

const TOAST_MS = 8000, HEADERS = { "X-Framemend": "1" };
let toastTimer = 0;

export class Refused extends Error {}

function contents(text, ok, status) {
  let data = {};
  try { data = JSON.parse(text); } catch { data = { message: text }; }
  if (!ok) throw new Refused(data.message || status);
  return data;
}

export async function ask(method, path, body) {
  const isJson = body && !(body instanceof Blob);
  const headers = isJson ? { ...HEADERS, "Content-Type": "application/json" } : HEADERS;
  let answer;
  try {
    answer = await fetch(path, { method, headers, body: isJson ? JSON.stringify(body) : body });
  } catch {
    throw new Refused(say("lost"));
  }
  return contents(await answer.text(), answer.ok, answer.statusText);
}

/** Sends a file; `told` learns how much of it has gone, in percent. */
export async function send(path, file, told) {
  const request = new XMLHttpRequest();  // fetch does not tell how much of a file has gone
  await new Promise((resolve, reject) => {
    request.onload = resolve;
    request.onerror = () => reject(new Refused(say("lost")));
    request.upload.onprogress = (e) => told(Math.floor((100 * e.loaded) / e.total));
    request.open("POST", path);
    for (const [name, value] of Object.entries(HEADERS)) request.setRequestHeader(name, value);
    request.send(file);
  });
  return contents(request.responseText, request.status === 200, request.statusText);
}

/** Asks for something while the page goes away. */
export const askLast = (method, path) => fetch(path, { method, headers: HEADERS, keepalive: true });

export function complain(error) {
  if (!(error instanceof Refused)) console.error(error);
  $("toast").textContent = error.message;
  $("toast").hidden = false;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => { $("toast").hidden = true; }, TOAST_MS);
}

export const guarded = (action) => async (...args) => {
  try { await action(...args); } catch (error) { complain(error); }
};
