"use strict";
// What the page knows: its data, and what is shown of them. All parts of the script share one scope.
const data = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);
const stage = $("stage");
const [width, height] = data.shown;
const count = data.figures.psnr_b.length;
const rate = data.rate[0] / data.rate[1];
const view = { mode: "slider", mask: data.mask, split: 0.5, scale: 1, x: 0, y: 0, fit: true, shown: "b", frame: 0 };
