"""How the report looks: its styles, its one small script, and the policy that keeps it to itself."""

from __future__ import annotations

from app.look.theme import FONT_FAMILY, LIGHT

# Nothing may be loaded or sent; images that Plotly makes itself are data and blobs.
CSP = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:; "
    "base-uri 'none'; form-action 'none'"
)

CSS = f"""
  :root {{ color-scheme: light; }}
  body {{ margin: 0; background: {LIGHT.background}; color: {LIGHT.text}; font: 15px/1.5 {FONT_FAMILY};
         font-variant-numeric: tabular-nums; }}
  main {{ max-width: 1040px; margin: 0 auto; padding: 40px 32px 64px; }}
  h1 {{ font-size: 17px; font-weight: 600; margin: 0; overflow-wrap: anywhere; }}
  h2 {{ font-size: 20px; font-weight: 600; margin: 48px 0 8px; overflow-wrap: anywhere; }}
  h3 {{ font-size: 17px; font-weight: 600; margin: 40px 0 4px; overflow-wrap: anywhere; }}
  .quiet {{ font-size: 13px; color: {LIGHT.muted}; margin: 0; }}
  .verdict {{ font-size: 25px; line-height: 1.35; font-weight: 600; margin: 24px 0 4px; max-width: 62ch;
              overflow-wrap: anywhere; }}
  .verdict-more {{ font-size: 17px; line-height: 1.45; color: {LIGHT.muted}; margin: 0 0 16px; max-width: 80ch;
                   overflow-wrap: anywhere; }}
  .tiles {{ display: grid; grid-template-columns: repeat(auto-fit, minmax(165px, 1fr)); gap: 8px 32px;
            border-top: 1px solid {LIGHT.grid}; border-bottom: 1px solid {LIGHT.grid}; padding: 16px 0;
            margin: 0 0 24px; }}
  .tile-label {{ font-size: 13px; color: {LIGHT.muted}; line-height: 1.3; }}
  .tile-value {{ font-size: 28px; font-weight: 600; line-height: 1.3; white-space: nowrap; }}
  .tile-value small {{ font-size: 15px; font-weight: 400; color: {LIGHT.muted}; }}
  .tile-more {{ font-size: 13px; line-height: 1.4; overflow-wrap: anywhere; }}
  .dot {{ display: inline-block; width: 0.62em; height: 0.62em; border-radius: 50%; margin-right: 0.4em; }}
  .wide {{ overflow-x: auto; margin: 8px 0; }}
  table {{ border-collapse: collapse; width: 100%; font-size: 13px; }}
  th, td {{ padding: 5px 0 5px 14px; text-align: right; vertical-align: top; border-bottom: 1px solid {LIGHT.grid};
            white-space: nowrap; }}
  th {{ color: {LIGHT.muted}; font-weight: 400; white-space: normal; vertical-align: bottom; }}
  th:first-child, td:first-child, .text {{ text-align: left; white-space: normal; overflow-wrap: anywhere; }}
  th:first-child, td:first-child {{ padding-left: 0; min-width: 140px; }}
  @media (max-width: 1000px) {{ th, td {{ padding-left: 9px; }} table {{ font-size: 12px; }}
                               th:first-child, td:first-child {{ min-width: 100px; }} }}
  figure {{ margin: 24px 0; }}
  summary {{ cursor: pointer; margin: 12px 0 4px; }}
  pre {{ background: #F2F4F7; padding: 16px; font-size: 12px; line-height: 1.45; white-space: pre-wrap;
         overflow-wrap: anywhere; }}
  dl {{ display: flex; flex-wrap: wrap; gap: 4px 28px; margin: 8px 0; }}
  dl div {{ display: flex; gap: 6px; }}
  dt {{ color: {LIGHT.muted}; }}
  dd {{ margin: 0; overflow-wrap: anywhere; }}
  @page {{ margin: 14mm; }}
  @media print {{
    main {{ max-width: none; padding: 0; }}
    figure, tr, .tiles, h3 + p {{ break-inside: avoid; }}
    h2, h3, summary {{ break-after: avoid; }}
    .modebar-container {{ display: none; }}
  }}
"""

# On paper the figures take the width of the sheet, and what is folded is opened.
SCRIPT = """
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
"""
