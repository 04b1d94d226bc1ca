// A button that puts a text on the clipboard, also where the page is not served over HTTPS.
async function copy(text) {
  if (navigator.clipboard && window.isSecureContext) return navigator.clipboard.writeText(text);
  const field = document.createElement("textarea");
  field.value = text;
  document.body.appendChild(field);
  field.select();
  document.execCommand("copy");
  field.remove();
  return undefined;
}

export default function ({ data: { text, label }, parentElement }) {
  const button = parentElement.querySelector("button");
  button.textContent = label;
  button.onclick = async () => {
    await copy(text);
    button.textContent = "Copied";
  };
}
