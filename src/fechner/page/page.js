"use strict";
const charts = JSON.parse(document.getElementById("charts").textContent);
const dark = matchMedia("(prefers-color-scheme: dark)");
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

/** Text as Plotly shows it as it is, without taking parts of it for tags, links or entities. */
const literal = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

/** A circle's curve goes on to its first value. */
function around(x, y, period) {
  return period ? [[...x, x[0] + period], [...y, y[0]]] : [x, y];
}

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

/** The curve that the controls choose; a control offers only what those before it leave. */
class Explorer {
  constructor(section, chart) {
    this.chart = chart;
    this.plot = section.querySelector(".chart");
    this.said = section.querySelector(".said");
    this.step = null;
    const controls = section.querySelector(".controls");
    this.selects = chart.controls.map((name) => {
      const select = element("select", { name });
      select.addEventListener("change", () => this.choose());
      controls.append(element("label", {}, name, select));
      return select;
    });
    this.slider = element("input", { type: "range", min: 0, value: 0 });
    this.slider.addEventListener("input", () => { this.step = Number(this.slider.value); this.draw(); });
    this.sliderLabel = element("label", { className: "wide", hidden: true }, element("span"), this.slider);
    this.play = element("button", { type: "button", textContent: "Play", hidden: true });
    this.play.addEventListener("click", () => this.toggle());
    const download = element("button", { type: "button", textContent: "Save this curve as CSV" });
    download.addEventListener("click", () => this.download());
    controls.append(this.sliderLabel, this.play, download);
    this.choose(true);
  }

  choose(first = false) {
    const selects = this.selects.length;
    let left = this.chart.curves;
    this.selects.forEach((select, i) => {
      const options = [...new Set(left.map((c) => c.key[i]))];
      const before = select.value;
      select.replaceChildren(...options.map((o) => element("option", { value: o, textContent: o })));
      const last = this.chart.controls[i] === "layer" && first ? options.at(-1) : options[0];
      select.value = options.includes(before) ? before : last;
      select.parentElement.hidden = selects > 1 && new Set(this.chart.curves.map((c) => c.key[i])).size < 2;
      left = left.filter((c) => c.key[i] === select.value);
    });
    this.curve = left[0];
    const steps = this.curve.steps;
    this.sliderLabel.hidden = this.play.hidden = !steps;
    if (steps) {
      this.slider.max = steps.length - 1;
      this.step = this.step === null ? steps.length - 1 : Math.min(this.step, steps.length - 1);
      this.slider.value = this.step;
    }
    this.draw();
  }

  at(name) {
    const values = this.curve[name];
    return values && this.curve.steps ? values[this.step] : values;
  }

  draw() {
    const { x, period, references } = this.chart;
    const traces = [];
    const [low, high, y] = [this.at("low"), this.at("high"), this.at("y")];
    references.forEach((r, i) => {
      const [rx, ry] = around(r.x, r.y, period);
      const formula = r.name.endsWith("(formula)");
      traces.push({ x: rx, y: ry, name: literal(r.name), mode: "lines", hoverinfo: "name+y",
        line: { color: colour(formula ? "formula" : "prior"), width: 1.5, dash: formula ? "dash" : "solid" },
        fill: i || formula ? "none" : "tozeroy", fillcolor: `${colour("prior")}33` });
    });
    if (low) {
      const [bx, bl] = around(x, low, period), [, bh] = around(x, high, period);
      const band = { x: bx, mode: "lines", line: { width: 0 }, hoverinfo: "skip", showlegend: false };
      traces.push({ ...band, y: bl }, { ...band, y: bh, fill: "tonexty", fillcolor: `${colour("curve")}40` });
    }
    const [cx, cy] = around(x, y, period);
    traces.push({ x: cx, y: cy, name: literal(this.curve.key.join(", ")), mode: "lines", line: { color: colour("curve"), width: 2.5 } });
    const every = [...this.chart.curves.filter((c) => c === this.curve).flatMap((c) => c.y.flat()), ...references.flatMap((r) => r.y), ...(high || [])];
    const axis = { gridcolor: colour("line"), zerolinecolor: colour("line"), linecolor: colour("soft"), automargin: true };
    const scale = this.chart.logarithmic ? { type: "log" } : period ? { range: [0, period], tickvals: [0, 1, 2, 3, 4].map((i) => (i * period) / 4) } : {};
    Plotly.react(this.plot, traces, {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { color: colour("ink"), family: "system-ui, sans-serif", size: 13 },
      margin: { l: 55, r: 24, t: 10, b: 45 },
      xaxis: { ...axis, ...scale, title: { text: literal(this.chart.xLabel) } },
      yaxis: { ...axis, range: [0, 1.05 * Math.max(...every.filter(Number.isFinite))], title: { text: literal(this.chart.yLabel) } },
      legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0 }, showlegend: true,
      hovermode: "x",
    }, { displayModeBar: false, responsive: true, scrollZoom: false });
    this.tell(y);
  }

  tell(y) {
    const step = this.curve.steps ? `, ${this.chart.stepName} ${this.curve.steps[this.step]}` : "";
    if (this.curve.steps) this.sliderLabel.firstChild.textContent = `${this.chart.stepName} ${this.curve.steps[this.step]}`;
    const finite = y.filter(Number.isFinite);
    const most = y.indexOf(Math.max(...finite)), least = y.indexOf(Math.min(...finite));
    const where = (i) => `${y[i]} at ${this.chart.x[i]}`;
    const text = finite.length ? `most ${where(most)}, least ${where(least)}` : "no sensitivity";
    this.said.textContent = `${this.curve.key.join(", ")}${step}: ${text}.`;
    this.plot.setAttribute("aria-label", `${this.chart.yLabel} against ${this.chart.xLabel}. ${this.said.textContent}`);
  }

  toggle() {
    if (this.timer) {
      clearInterval(this.timer);
      this.timer = null;
    } else {
      const last = this.curve.steps.length - 1;
      if (this.step >= last) this.step = -1;
      this.timer = setInterval(() => {
        this.step += 1;
        this.slider.value = this.step;
        this.draw();
        if (this.step >= this.curve.steps.length - 1) this.toggle();
      }, 150);
    }
    this.play.textContent = this.timer ? "Pause" : "Play";
  }

  download() {
    const columns = [this.chart.x, this.at("y"), this.at("low"), this.at("high")].filter(Boolean);
    const names = [this.chart.xLabel, this.chart.yLabel, "low", "high"].slice(0, columns.length);
    const rows = [names, ...columns[0].map((_, i) => columns.map((c) => c[i] ?? ""))];
    const text = rows.map((r) => r.map((v) => (typeof v === "string" ? `"${v.replaceAll('"', '""')}"` : v)).join(",")).join("\n");
    const link = element("a", { href: URL.createObjectURL(new Blob([text], { type: "text/csv" })), download: `${this.curve.key.join("-")}.csv` });
    link.click();
    URL.revokeObjectURL(link.href);
  }
}

const explorers = [...document.querySelectorAll("[data-chart]")].map((s) => new Explorer(s, charts[Number(s.dataset.chart)]));
dark.addEventListener("change", () => explorers.forEach((e) => e.draw()));
