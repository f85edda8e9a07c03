// Shows the buttons marked data-print, which are hidden without script, and lets them print the page.
document.querySelectorAll("[data-print]").forEach((button) => {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
});
