// Makes the page's text area an editor: line numbers, a mark at the wrong line, and reading as one types.
const PAUSE_MS = 600;
const LINE_PX = 20;
const GUTTER_PX = 44;

function drawLines(area) {
  const wrong = Number(area.dataset.wrongLine || 0);
  const count = area.value.split("\n").length;
  const style = getComputedStyle(document.body);
  const top = parseFloat(getComputedStyle(area).paddingTop);
  let rows = "";
  for (let line = 1; line <= count; line += 1) {
    const y = top + (line - 1) * LINE_PX;
    if (line === wrong) {
      rows += `<rect x="0" y="${y}" width="100%" height="${LINE_PX}" fill="#F79009" fill-opacity="0.22"/>`;
    }
    rows += `<text x="${GUTTER_PX - 12}" y="${y + 14}" text-anchor="end" font-family="monospace" font-size="12" ` +
      `fill="${style.color}" fill-opacity="0.55">${line}</text>`;
  }
  const height = top + count * LINE_PX;
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="4000" height="${height}">${rows}</svg>`;
  area.style.backgroundImage = `url("data:image/svg+xml,${encodeURIComponent(svg)}")`;
}

function prepare(area) {
  Object.assign(area.style, {
    fontFamily: "monospace", fontSize: "13px", lineHeight: `${LINE_PX}px`, paddingLeft: `${GUTTER_PX}px`,
    whiteSpace: "pre", overflowX: "auto", tabSize: "2",
    backgroundAttachment: "local", backgroundRepeat: "no-repeat",
  });
  area.spellcheck = false;
  if (area.dataset.watched) return;
  area.dataset.watched = "yes";
  let pause;
  area.addEventListener("input", () => {
    area.dataset.wrongLine = 0;
    drawLines(area);
    clearTimeout(pause);
    // Ctrl+Enter is how a text area hands its text over without being left.
    pause = setTimeout(() => area.dispatchEvent(
      new KeyboardEvent("keydown", { key: "Enter", ctrlKey: true, bubbles: true }),
    ), PAUSE_MS);
  });
}

export default function ({ data }) {
  let tries = 0;
  const attach = () => {
    const area = document.querySelector(`.st-key-${data.key} textarea`);
    if (!area) {
      tries += 1;
      if (tries < 100) setTimeout(attach, 50);
      return;
    }
    prepare(area);
    area.dataset.wrongLine = data.line;
    drawLines(area);
  };
  attach();
}
