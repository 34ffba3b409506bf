// Elements of the page, and its words: all of them are in words.json.
export const $ = (id) => document.getElementById(id);

const words = await (await fetch("/words.json")).json();

export const say = (key, values = {}) => words[key].replace(/\{(\w+)\}/g, (_, name) => values[name]);

/** Fills in what the page's HTML names by data-word, data-label and data-title. */
export function fillWords() {
  for (const element of document.querySelectorAll("[data-word]")) element.textContent = say(element.dataset.word);
  for (const element of document.querySelectorAll("[data-label]")) element.setAttribute("aria-label", say(element.dataset.label));
  for (const element of document.querySelectorAll("[data-title]")) element.title = say(element.dataset.title);
}
