"use strict";
const UNRESOLVED = " (not resolved by the grid)";
// What a figure of plotly lacks: controls that can be reached by keyboard, CSV, and words. chart.py says what a figure holds.

/** Show the curve that the controls choose; a control offers only what those before it leave. */
function explore(group) {
  const { data, layout } = JSON.parse(group.querySelector("script").textContent);
  const { axes, curves, step } = layout.meta;
  const [plot, words, slider, play, save] = [".chart", ".words", "input", ".play", ".save"].map((s) => group.querySelector(s));
  const selects = [...group.querySelectorAll("select")];
  const x = data.find((trace) => trace.meta === "y").x;
  let curve, timer;

  function choose() {
    let left = curves;
    selects.forEach((select, i) => {
      const options = [...new Set(left.map((c) => c.key[i]))], before = select.value;
      select.replaceChildren(...options.map((o) => new Option(o, o)));
      select.value = options.includes(before) ? before : options[0];
      left = left.filter((c) => c.key[i] === select.value);
    });
    [curve] = left;
    // The browser moves a slider that stands beyond the last step.
    if (slider) slider.max = curve.steps.length - 1;
    show();
  }

  /** A list of the curve, at the step that the slider chooses. */
  const now = (list) => curve[list]?.[slider?.value ?? 0];

  function show() {
    for (const trace of data.filter((t) => t.meta)) {
      const y = now(trace.meta) ?? [];
      // A circle's curve goes on to its first value.
      trace.y = y.length < x.length ? [...y, y[0]] : y;
      if (trace.meta === "uncertain") trace.showlegend = y.some(Number.isFinite);
      else Object.assign(trace, { name: curve.label + (now("dash") === "dot" ? UNRESOLVED : "") });
      if (trace.meta === "y") trace.line.dash = now("dash");
    }
    layout.yaxis.range = [0, now("tops")];
    Plotly.react(plot, data, layout, { displayModeBar: false, responsive: true });
    const moment = step && `${step} ${now("steps")}`;
    if (slider) slider.previousElementSibling.textContent = moment;
    const y = now("y"), finite = y.filter(Number.isFinite);
    const where = (value) => `${value} at ${x[y.indexOf(value)]}`;
    words.textContent = `${[curve.name, moment].filter(Boolean).join(", ")}${now("dash") === "dot" ? UNRESOLVED : ""}: ` +
      (finite.length ? `most ${where(Math.max(...finite))}, least ${where(Math.min(...finite))}.` : "no sensitivity.");
    plot.ariaLabel = `${axes[1]} against ${axes[0]}. ${words.textContent}`;
  }

  function toggle() {
    play.textContent = timer ? "Play" : "Pause";
    if (timer) return (timer = clearInterval(timer));
    slider.value %= slider.max;
    show();
    timer = setInterval(() => {
      slider.stepUp();
      show();
      if (slider.value === slider.max) toggle();
    }, 150);
  }

  function download() {
    const lists = ["y", "low", "high", "uncertain"].filter(now), columns = [x, ...lists.map(now)];
    const names = [...axes, ...lists.slice(1)].map((n) => `"${n.replaceAll('"', '""')}"`);
    const rows = [names, ...now("y").map((_, i) => columns.map((c) => c[i]))];
    const href = URL.createObjectURL(new Blob([rows.join("\n")], { type: "text/csv" }));
    Object.assign(document.createElement("a"), { href, download: `${curve.name}.csv` }).click();
    URL.revokeObjectURL(href);
  }

  selects.forEach((select) => select.addEventListener("change", choose));
  slider?.addEventListener("input", show);
  play?.addEventListener("click", toggle);
  save.addEventListener("click", download);
  choose();
}

document.querySelectorAll(".explore").forEach(explore);
