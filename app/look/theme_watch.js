// Asks the server to draw anew when the page has become light or dark: the browser does that without asking it.
let asked;
let watch;

export default function ({ data, setTriggerValue }) {
  // Streamlit calls this again at every change of data or colours, and clears up only once the component is gone: a watch
  // left over would ask for the earlier colours without end.
  clearInterval(watch);
  const own = setInterval(() => {
    const now = getComputedStyle(document.querySelector('[data-testid="stApp"]')).colorScheme;
    if (now === data) asked = undefined;
    else if (now !== asked) setTriggerValue("turned", (asked = now));
  }, 400);
  watch = own;
  return () => clearInterval(own);
}
