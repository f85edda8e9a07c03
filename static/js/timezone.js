// Preselects the browser's time zone in a select marked data-guess-timezone, and the currency of the zone beside it, unless somebody has chosen already.
document.querySelectorAll("select[data-guess-timezone]").forEach((select) => {
  const untouched = (each) => each.value === ([...each.options].find((option) => option.defaultSelected) || each.options[0])?.value;
  const choose = (each, value) => { if ([...each.options].some((option) => option.value === value)) each.value = value; };
  const currency = select.form?.querySelector("select[data-guess-currency]");
  if (select.form?.querySelector('[aria-invalid="true"]') || !untouched(select)) return;
  const unpaid = currency && untouched(currency);
  choose(select, Intl.DateTimeFormat().resolvedOptions().timeZone);
  if (unpaid) choose(currency, select.selectedOptions[0]?.dataset.currency);
});
