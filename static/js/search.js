// Lets "/" reach the page's search field, unless somebody is typing, and Escape leave it; shows the key beside its label.
(() => {
  const field = document.querySelector('input[type="search"]');
  if (!field) return;

  const key = document.createElement("kbd");
  key.textContent = "/";
  key.ariaHidden = "true";
  field.labels[0]?.append(" ", key);
  field.setAttribute("aria-keyshortcuts", "/");

  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest?.("input, select, textarea, [contenteditable]")) return;
    event.preventDefault();
    field.focus();
    field.select();
  });

  field.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || event.isComposing) return;
    // A browser would empty the field, which is more than leaving it.
    event.preventDefault();
    field.blur();
  });
})();
