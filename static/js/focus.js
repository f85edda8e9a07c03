// Keeps the focus in its place when HTMX replaces the part that held it, and brings what is said there into view. Never takes the focus from elsewhere.
(() => {
  const held = new WeakSet();

  document.addEventListener("htmx:beforeRequest", (event) => {
    const { elt, target, xhr } = event.detail;
    const active = document.activeElement;
    if (active !== document.body && (elt.contains(active) || target.contains(active))) held.add(xhr);
  });

  document.addEventListener("htmx:afterSettle", (event) => {
    const { requestConfig, target, xhr } = event.detail;
    // What could not be done is said at the top of the part, which may be far above the button. Nothing moves under a reader who did not ask.
    if (requestConfig.triggeringEvent) document.getElementById(target.id)?.querySelector("[data-focus]")?.scrollIntoView({ block: "nearest" });
    const lost = !document.activeElement || document.activeElement === document.body;
    if (!lost || !held.has(xhr)) return;
    const root = (target.id && document.getElementById(target.id)) || event.target;
    const place = root.querySelector("[data-focus], [autofocus], h1, h2, h3, th") || root;
    if (!place.hasAttribute("tabindex")) place.tabIndex = -1;
    place.focus({ preventScroll: true });
  });
})();
