// Preselects the browser's time zone in a select marked data-guess-timezone, unless somebody has chosen already.
document.querySelectorAll("select[data-guess-timezone]").forEach((select) => {
  const chosen = [...select.options].find((option) => option.defaultSelected) || select.options[0];
  const answered = select.form?.querySelector('[aria-invalid="true"]');
  if (answered || select.value !== chosen?.value) return;
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if ([...select.options].some((option) => option.value === zone)) select.value = zone;
});
