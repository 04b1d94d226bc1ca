// A page that is gone to begins at its top: Streamlit leaves it as far down as the page before. Drawn anew it stays where
// it is, and so does what a link was opened with.
export default function ({ data }) {
  const { dataset } = document.body;
  const before = dataset.page;
  dataset.page = data;
  if (before === undefined || before === data || location.hash) return;
  document.querySelector('[data-testid="stMain"]')?.scrollTo(0, 0);
}
