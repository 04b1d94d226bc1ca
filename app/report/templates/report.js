// On paper the figures take the width of the sheet, and what is folded is opened.
const plots = () => document.querySelectorAll(".js-plotly-plot");
let folded = [];
addEventListener("beforeprint", () => {
  folded = [...document.querySelectorAll("details:not([open])")];
  folded.forEach((part) => { part.open = true; });
  plots().forEach((plot) => Plotly.relayout(plot, { width: 680, autosize: false }));
});
addEventListener("afterprint", () => {
  folded.forEach((part) => { part.open = false; });
  plots().forEach((plot) => Plotly.relayout(plot, { width: null, autosize: true }));
});
