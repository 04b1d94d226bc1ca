// The hover toolbar of every chart: save it as PNG or SVG, with its title, or as a page of its own. In full screen: the title, and no letter
// below 16 px. Where it is known when a run began: the clock on its time axes, at every zoom.
// Streamlit hands Plotly no functions, so the buttons are put into what Plotly has drawn, and a changed layout is
// handed to Streamlit as if a visitor had made it, which draws it.
const LEAST_PX = 16;
const TITLE_PX = 20;
const TITLE_ROOM_PX = 34;
const TITLE_LEFT_PX = 12;
// A picture is drawn without the fonts of the page.
const SAVED_FONT = "Arial, Helvetica, sans-serif";
// How much wider 16 px is than the size that margins were reserved for.
const WIDER = 1.35;
const SECONDS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30];
const MINUTES = [1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720];
const DAYS = [1, 2, 7, 14, 28, 91, 182, 364];
const STEPS_S = [...SECONDS, ...MINUTES.map((n) => 60 * n), ...DAYS.map((n) => 86400 * n)];
const TICK_ROOM_PX = 92;
const before = new WeakMap();
let watching = null;

const isPlain = (value) => Object.prototype.toString.call(value) === "[object Object]";

function withTitle(layout, fontPx) {
  const text = layout.meta?.title;
  if (!text) return layout;
  const legend = { ...layout.legend };
  if (legend.yref === "container") legend.y = 1 - TITLE_ROOM_PX / layout.height;
  const title = { ...layout.title, text, pad: { ...layout.title?.pad, l: TITLE_LEFT_PX }, font: { ...layout.title?.font, ...(fontPx && { size: fontPx }) } };
  const margin = { ...layout.margin, t: layout.margin.t + TITLE_ROOM_PX };
  return { ...layout, title, margin, legend };
}

function grown(value, name = "") {
  if (Array.isArray(value)) return isPlain(value[0]) ? value.map((item) => grown(item)) : value;
  if (!isPlain(value)) return value;
  const copy = Object.fromEntries(Object.entries(value).map(([key, item]) => [key, grown(item, key)]));
  if (/font$/i.test(name)) copy.size = Math.max(copy.size ?? 0, LEAST_PX);
  return copy;
}

function save(chart, format, camera) {
  const { layout, _context: context } = chart;
  const options = context.toImageButtonOptions;
  const { width, height } = chart._fullLayout;
  const font = { ...layout.font, family: SAVED_FONT };
  const isTitled = Boolean(layout.title?.text);
  chart.layout = isTitled ? { ...layout, font } : withTitle({ ...layout, font, height: height + TITLE_ROOM_PX });
  context.toImageButtonOptions = {
    ...options, format, width, height: chart.layout.height, scale: format === "png" ? 2 : 1,
  };
  // Plotly copies the layout before it returns.
  camera.click();
  chart.layout = layout;
  context.toImageButtonOptions = options;
}

function addButton(camera, text, title, onclick) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "modebar-btn chart-save";
  button.textContent = text;
  button.dataset.title = title;
  button.setAttribute("aria-label", title);
  button.onclick = onclick;
  camera.before(button);
}

// Streamlit's own button for the page of a chart, which the page's style hides.
function pageButton(chart) {
  const key = chart.closest('[class*="st-key-"]')?.className.match(/st-key-(\S+)/)?.[1];
  return key && document.querySelector(`.st-key-html-${CSS.escape(key)} button`);
}

function addButtons(chart) {
  const camera = chart.querySelector('.modebar-btn[data-title^="Download plot"]');
  if (!camera || camera.hidden) return;
  for (const format of ["png", "svg"]) {
    const name = format.toUpperCase();
    addButton(camera, name, `Save as ${name}`, () => save(chart, format, camera));
  }
  if (pageButton(chart)) {
    addButton(camera, "HTML", "Save as a page of its own, which can be zoomed", () => pageButton(chart)?.click());
  }
  camera.hidden = true;
}

function enlarge(chart) {
  before.set(chart, { layout: chart.layout, data: chart.data });
  const layout = withTitle(grown(chart.layout), TITLE_PX);
  const { l, r } = layout.margin;
  chart.layout = { ...layout, margin: { ...layout.margin, l: l * WIDER, r: r * WIDER },
                   meta: { ...layout.meta, isLarge: true } };
  chart.data = grown(chart.data);
}

function shrink(chart) {
  const { layout, data } = before.get(chart);
  const axes = Object.keys(layout).filter((key) => /^[xy]axis/.test(key));
  // What was zoomed and chosen meanwhile stays.
  const zoomed = axes.map((key) => {
    const { range, autorange } = chart.layout[key];
    return [key, { ...layout[key], range, autorange }];
  });
  chart.layout = { ...layout, ...Object.fromEntries(zoomed) };
  chart.data = data.map((trace, i) => ({ ...trace, selectedpoints: chart.data[i].selectedpoints }));
}

function fitText(chart) {
  const isFull = Boolean(chart.querySelector('.modebar-btn[data-title="Close fullscreen"]'));
  const isLarge = Boolean(chart.layout.meta?.isLarge);
  if (isFull === isLarge) return;
  if (isFull) enlarge(chart);
  else shrink(chart);
  chart.emit("plotly_relayout", {});
}

// Round times of the clock within a stretch of the axis, and the seconds of the run beneath.
function clockTicks(startMs, [low, high], widthPx) {
  const most = Math.max(Math.floor(widthPx / TICK_ROOM_PX), 2);
  const step = STEPS_S.find((s) => (high - low) / s <= most) ?? STEPS_S.at(-1);
  const stepMs = 1000 * step;
  const tickvals = [], ticktext = [];
  let day = "";
  for (let ms = Math.ceil((startMs + 1000 * low) / stepMs) * stepMs; ms <= startMs + 1000 * high; ms += stepMs) {
    const at = (ms - startMs) / 1000;
    const iso = new Date(ms).toISOString();
    const date = new Date(ms).toLocaleDateString("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });
    const clock = step >= 60 ? iso.slice(11, 16) : step >= 1 ? iso.slice(11, 19) : iso.slice(11, 23);
    const isNewDay = day && date !== day;
    day = date;
    const seconds = at.toFixed(step >= 60 ? 0 : step >= 1 ? 1 : 3).replace(/\B(?=(\d{3})+(?!\d)(?<!\.\d*))/g, "\u202f");
    tickvals.push(at);
    ticktext.push(`${step >= 86400 ? date : isNewDay ? `${date} ${clock}` : clock}<br>${seconds} s`);
  }
  return { tickmode: "array", tickvals, ticktext };
}

function showClock(chart) {
  const start = chart.layout.meta?.clock;
  if (!start) return;
  const startMs = Date.parse(start);
  const form = { day: "numeric", month: "long", year: "numeric", timeZone: "UTC" };
  const prefix = `UTC on ${new Date(startMs).toLocaleDateString("en-GB", form)}, and `;
  const changed = {};
  for (const [name, axis] of Object.entries(chart.layout)) {
    const text = axis?.title?.text ?? "";
    if (!/^[xy]axis/.test(name) || !text.includes("time (s)")) continue;
    const ticks = clockTicks(startMs, chart._fullLayout[name].range, chart._fullLayout._size.w);
    if (String(ticks.ticktext) === String(axis.ticktext)) continue;
    const title = { ...axis.title, text: text.startsWith(prefix) ? text : prefix + text };
    changed[name] = { ...axis, ...ticks, title };
  }
  if (!Object.keys(changed).length) return;
  chart.layout = { ...chart.layout, ...changed };
  chart.emit("plotly_relayout", {});
}

function look() {
  for (const chart of document.querySelectorAll(".js-plotly-plot")) {
    if (!chart.emit || !chart.querySelector(".modebar-btn")) continue;
    addButtons(chart);
    fitText(chart);
    showClock(chart);
  }
}

export default function () {
  if (watching) return undefined;
  let isAsked = false;
  watching = new MutationObserver(() => {
    if (isAsked) return;
    isAsked = true;
    requestAnimationFrame(() => { isAsked = false; look(); });
  });
  watching.observe(document.body, { childList: true, subtree: true });
  look();
  return () => { watching.disconnect(); watching = null; };
}
