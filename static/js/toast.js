// Says what happened in the page's live region: the server's "toast" event ({text, kind}), or that a request failed.
(() => {
  const region = document.getElementById("toasts");
  const stay = 8000;

  const show = (text, kind) => {
    // What the page shows by itself is only said.
    const toast = document.createElement("div");
    toast.textContent = text;
    region.append(toast);
    if (kind === "quiet") {
      toast.className = "visually-hidden";
      setTimeout(() => toast.remove(), stay);
      return;
    }
    toast.className = kind === "error" ? "toast toast-error" : "toast";
    const close = document.createElement("button");
    close.type = "button";
    close.textContent = "\u00d7";
    close.setAttribute("aria-label", region.dataset.close);
    close.addEventListener("click", () => toast.remove());
    toast.append(close);
    const leave = () => setTimeout(() => (toast.matches(":hover, :focus-within") ? leave() : toast.remove()), stay);
    if (kind !== "error") leave();
  };

  document.addEventListener("toast", (event) => show(event.detail.text, event.detail.kind));
  // A polling request may fail silently.
  const asked = (event) => event.detail.requestConfig.triggeringEvent;

  document.addEventListener("htmx:sendError", (event) => asked(event) && show(region.dataset.offline, "error"));
  document.addEventListener("htmx:responseError", (event) => {
    const xhr = event.detail.xhr;
    if (!asked(event) || xhr.getResponseHeader("HX-Trigger")?.includes("toast")) return;
    const answer = new DOMParser().parseFromString(xhr.responseText, "text/html");
    show(answer.querySelector("[data-notice-text]")?.textContent || region.dataset.failed, "error");
  });
})();
