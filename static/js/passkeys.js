// Asks the browser for a passkey where a form marked data-passkey is sent ("create" or "get"), and sends what it answered.
// Without script, or in a browser without passkeys, these forms stay hidden.
(() => {
  if (!window.PublicKeyCredential?.parseRequestOptionsFromJSON) return;

  const ask = async (form) => {
    const headers = { "X-CSRFToken": form.elements.csrf_token.value };
    const answer = await fetch(form.dataset.options, { method: "POST", headers, redirect: "manual" });
    // Sent without an answer, the form gets the page that says why.
    if (!answer.ok) return "-";
    const options = await answer.json();
    const made = form.dataset.passkey === "create"
      ? await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) })
      : await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) });
    return JSON.stringify(made);
  };

  document.querySelectorAll("form[data-passkey]").forEach((form) => {
    form.hidden = false;
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const button = form.querySelector("button");
      button.disabled = true;
      try {
        form.elements.credential.value = await ask(form);
        form.submit();
      } catch {
        document.dispatchEvent(new CustomEvent("toast", { detail: { text: form.dataset.failed, kind: "error" } }));
        button.disabled = false;
      }
    });
  });
  document.querySelectorAll("[data-without-passkeys]").forEach((text) => { text.hidden = true; });
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) document.querySelectorAll("form[data-passkey] button").forEach((button) => { button.disabled = false; });
  });
})();
