// The hover toolbar of every chart: save it as PNG or SVG, with its title. In full screen: the title, and no letter
// below 16 px. Streamlit hands Plotly no functions, so the buttons are put into what Plotly has drawn, and a changed
// layout is handed to Streamlit as if a visitor had made it, which draws it.
const LEAST_PX = 16;
const TITLE_PX = 20;
const TITLE_ROOM_PX = 34;
// A picture is drawn without the fonts of the page.
const SAVED_FONT = "Arial, Helvetica, sans-serif";
// How much wider 16 px is than the size that margins were reserved for.
const WIDER = 1.35;
const before = new WeakMap();
let watching = null;

const isPlain = (value) => Object.prototype.toString.call(value) === "[object Object]";

function withTitle(layout, fontPx) {
  const text = layout.meta?.title;
  if (!text) return layout;
  const legend = { ...layout.legend };
  if (legend.yref === "container") legend.y = 1 - TITLE_ROOM_PX / layout.height;
  const title = { ...layout.title, text, font: { ...layout.title?.font, ...(fontPx && { size: fontPx }) } };
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

function addButtons(chart) {
  const camera = chart.querySelector('.modebar-btn[data-title^="Download plot"]');
  if (!camera || camera.hidden) return;
  for (const format of ["png", "svg"]) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "modebar-btn chart-save";
    button.textContent = format.toUpperCase();
    button.dataset.title = `Save as ${button.textContent}`;
    button.setAttribute("aria-label", button.dataset.title);
    button.onclick = () => save(chart, format, camera);
    camera.before(button);
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

function look() {
  for (const chart of document.querySelectorAll(".js-plotly-plot")) {
    if (!chart.emit || !chart.querySelector(".modebar-btn")) continue;
    addButtons(chart);
    fitText(chart);
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
