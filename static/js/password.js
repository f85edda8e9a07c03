// Puts a button beside each password that shows it until it is sent.
document.querySelectorAll("input[type=password]").forEach((input) => {
  const button = document.createElement("button");
  const show = (shown) => {
    input.type = shown ? "text" : "password";
    button.textContent = shown ? input.dataset.hide : input.dataset.show;
  };
  button.type = "button";
  button.addEventListener("click", () => show(input.type === "password"));
  input.form.addEventListener("submit", () => show());
  show();
  input.after(button);
});
