// Curves with pan and zoom: <div class="chart" data-src="/…json"></div>, or data-points='{…}' with the same content.
// {"x": [seconds since 1970], "series": [{"label": "…", "unit": "kWh", "values": [1.5, null, …], "steps": false}]}
// A null is a gap, and the time without data is shaded. Dragging zooms in, the wheel zooms, shift and drag moves, a
// double click shows all; with the keyboard and on a phone the buttons below do the same.
"use strict";
(() => {
  const zone = "Asia/Kolkata";
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const names = ["--accent", "--warn", "--good", "--bad", "--ink-soft"];

  // Days before months and the clock of 24 hours, by the step between two marks.
  const dates = [
    [31_536_000, "{YYYY}", null, null, null, null, null, null, 1],
    [2_419_200, "{MMM}", "\n{YYYY}", null, null, null, null, null, 1],
    [86_400, "{DD}-{MM}", "\n{YYYY}", null, null, null, null, null, 1],
    [3600, "{HH}:{mm}", "\n{DD}-{MM}-{YYYY}", null, "\n{DD}-{MM}", null, null, null, 1],
    [60, "{HH}:{mm}", "\n{DD}-{MM}-{YYYY}", null, "\n{DD}-{MM}", null, null, null, 1],
    [1, "{HH}:{mm}:{ss}", "\n{DD}-{MM}-{YYYY}", null, "\n{DD}-{MM}", null, null, null, 1],
  ];

  const wheel = (chart) => {
    const over = chart.over;
    over.addEventListener("wheel", (event) => {
      event.preventDefault();
      const { min, max } = chart.scales.x;
      const at = chart.posToVal(event.offsetX, "x");
      const factor = event.deltaY < 0 ? 0.8 : 1.25;
      chart.setScale("x", { min: at - (at - min) * factor, max: at + (max - at) * factor });
    }, { passive: false });
    over.addEventListener("mousedown", (event) => {
      if (!event.shiftKey) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      const { min, max } = chart.scales.x;
      const from = event.clientX;
      const width = over.clientWidth;
      const move = (moved) => {
        const by = (max - min) * (moved.clientX - from) / width;
        chart.setScale("x", { min: min - by, max: max - by });
      };
      document.addEventListener("mousemove", move);
      document.addEventListener("mouseup", () => document.removeEventListener("mousemove", move), { once: true });
    }, true);
  };

  // The time between the last value before a gap and the first one after it.
  const shade = (chart) => {
    const [x, first] = chart.data;
    const { left, top, width, height } = chart.bbox;
    chart.ctx.save();
    chart.ctx.beginPath();
    chart.ctx.rect(left, top, width, height);
    chart.ctx.clip();
    chart.ctx.fillStyle = colour("--warn-soft");
    first.forEach((value, index) => {
      if (value !== null || index === 0 || index === first.length - 1) return;
      const from = chart.valToPos(x[index - 1], "x", true);
      const to = chart.valToPos(x[index + 1], "x", true);
      chart.ctx.fillRect(from, top, to - from, height);
    });
    chart.ctx.restore();
  };

  const tools = (chart, place) => {
    const move = (share, factor) => {
      const { min, max } = chart.scales.x;
      const middle = (min + max) / 2 + (max - min) * share;
      const half = (max - min) * factor / 2;
      chart.setScale("x", { min: middle - half, max: middle + half });
    };
    const bar = document.createElement("div");
    bar.className = "row chart-tools";
    for (const [label, name, act] of [
      ["←", "Earlier", () => move(-0.5, 1)], ["→", "Later", () => move(0.5, 1)],
      ["+", "Zoom in", () => move(0, 0.5)], ["−", "Zoom out", () => move(0, 2)],
      ["All", "Show all", () => chart.setScale("x", { min: chart.data[0][0], max: chart.data[0].at(-1) })],
    ]) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "compact";
      button.textContent = label;
      button.setAttribute("aria-label", name);
      button.addEventListener("click", act);
      bar.append(button);
    }
    place.after(bar);
  };

  // A single value alone has no width: half an hour to either side.
  const widened = (points) => points.x.length !== 1 ? points : {
    x: [points.x[0] - 1800, points.x[0], points.x[0] + 1800],
    series: points.series.map((each) => ({ ...each, values: [null, each.values[0], null] })),
  };

  const draw = (place, given) => {
    const points = widened(given);
    place.textContent = "";
    const axis = { stroke: colour("--ink-soft"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line") } };
    const series = points.series.map((each, index) => ({
      label: each.unit ? `${each.label} (${each.unit})` : each.label,
      stroke: colour(names[index % names.length]),
      width: 2,
      spanGaps: false,
      points: { show: points.x.length < 60 },
      paths: each.steps ? uPlot.paths.stepped({ align: 1 }) : undefined,
    }));
    const chart = new uPlot({
      width: place.clientWidth,
      height: Math.max(place.clientHeight, 240),
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), zone),
      axes: [{ ...axis, values: dates }, { ...axis, size: 64 }],
      series: [{ label: place.dataset.time || "Time", value: "{DD}-{MM}-{YYYY} {HH}:{mm}" }, ...series],
      // A single value must not be stretched over years.
      scales: { x: { range: (_, min, max) => (max - min < 3600 ? [(min + max) / 2 - 1800, (min + max) / 2 + 1800] : [min, max]) } },
      cursor: { drag: { x: true, y: false } },
      hooks: { ready: [wheel], drawClear: [shade] },
    }, [points.x, ...points.series.map((each) => each.values)], place);
    if (place.hasAttribute("data-tools")) tools(chart, place);
    new ResizeObserver(() => {
      if (place.clientWidth) chart.setSize({ width: place.clientWidth, height: chart.height });
    }).observe(place);
  };

  const fill = async (place) => {
    if (place.dataset.drawn) return;
    place.dataset.drawn = "yes";
    try {
      const points = place.dataset.points
        ? JSON.parse(place.dataset.points)
        : await (await fetch(place.dataset.src, { headers: { Accept: "application/json" } })).json();
      if (!points.x.length) { place.textContent = place.dataset.empty || "No values."; return; }
      draw(place, points);
    } catch (error) {
      place.textContent = place.dataset.failed || "The picture could not be drawn; the table below has the values.";
    }
  };

  const all = (root) => root.querySelectorAll(".chart[data-src], .chart[data-points]").forEach(fill);
  document.addEventListener("htmx:load", (event) => all(event.target));
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", () => all(document));
  else all(document);
})();
