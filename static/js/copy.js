// Puts a button that copies beside every text marked data-copy. Without script the text can still be selected.
(() => {
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
