// Figures over time.
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
    goTo(Math.round(((event.clientX - area.left) / area.width) * (count - 1)));
  }
  $("plots").append(holder);
}
