// Lets a form marked data-once be sent once: its buttons wait until the answer is there. The server's keys are what holds; this is courtesy.
(() => {
  const pressed = new WeakMap();
  const buttons = (form) => form.querySelectorAll('button[type="submit"], input[type="submit"]');

  const release = (form) => {
    form.removeAttribute("aria-busy");
    buttons(form).forEach((button) => { button.disabled = false; });
    const button = pressed.get(form);
    pressed.delete(form);
    if (button?.isConnected && document.activeElement === document.body) button.focus({ preventScroll: true });
  };

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.matches("[data-once]")) return;
    if (form.getAttribute("aria-busy") === "true") {
      event.preventDefault();
      event.stopImmediatePropagation();
      return;
    }
    form.setAttribute("aria-busy", "true");
    if (event.submitter && document.activeElement === event.submitter) pressed.set(form, event.submitter);
    // A disabled button is left out of what is sent, so it is disabled only after the browser has gathered the fields.
    setTimeout(() => { if (form.hasAttribute("aria-busy")) buttons(form).forEach((button) => { button.disabled = true; }); });
  }, true);

  // Once a form is sent, its preview neither begins nor is drawn. Aborting one would be logged as an error.
  const endIfSent = (event) => {
    const typed = event.detail.requestConfig.triggeringEvent;
    if (typed?.type === "input" && typed.target.form?.getAttribute("aria-busy")) event.preventDefault();
  };
  ["htmx:beforeRequest", "htmx:beforeSwap"].forEach((moment) => document.addEventListener(moment, endIfSent));

  // The answer may be drawn between the two clicks of a double click, with another button under the pointer.
  document.addEventListener("click", (event) => {
    if (event.detail > 1 && event.target.closest?.('form[data-once] [type="submit"]')) event.preventDefault();
  }, true);

  document.addEventListener("htmx:afterRequest", (event) => {
    const form = event.detail.elt.closest?.("form[data-once]");
    if (form) release(form);
  });

  window.addEventListener("pageshow", (event) => {
    if (event.persisted) document.querySelectorAll("form[data-once]").forEach(release);
  });
})();
