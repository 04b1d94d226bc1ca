// Asks the server to draw anew when the page has become light or dark: the browser does that without asking it.
let asked;

export default function ({ data, setTriggerValue }) {
  const watch = setInterval(() => {
    const now = getComputedStyle(document.querySelector('[data-testid="stApp"]')).colorScheme;
    if (now === data) asked = undefined;
    else if (now !== asked) setTriggerValue("turned", (asked = now));
  }, 400);
  return () => clearInterval(watch);
}
