// Buttons that need script: one that copies beside every text marked data-copy, and those marked data-print, hidden without script.
(() => {
  document.querySelectorAll("[data-print]").forEach((button) => {
    button.hidden = false;
    button.addEventListener("click", () => window.print());
  });

  if (!navigator.clipboard) return;

  const offer = (root) => root.querySelectorAll("[data-copy]:not([data-copy=ready])").forEach((place) => {
    place.dataset.copy = "ready";
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = place.dataset.copyLabel;
    button.setAttribute("aria-label", `${place.dataset.copyLabel}: ${place.textContent}`);
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(place.textContent);
      document.dispatchEvent(new CustomEvent("toast", { detail: { text: place.dataset.copied } }));
    });
    place.after(button);
  });

  offer(document);
  document.addEventListener("htmx:load", (event) => offer(event.detail.elt));
})();
