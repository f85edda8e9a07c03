// Preselects the browser's time zone, and the currency of the zone, unless somebody has chosen already.
document.querySelectorAll("select[data-guess-timezone]").forEach((zone) => {
  const form = zone.form, currency = form.querySelector("select[data-guess-currency]");
  if (form.querySelector('[aria-invalid="true"]')) return;
  const choose = (select, value) => {
    const option = [...select.options].find((each) => each.value === value);
    if (option && (select.selectedOptions[0].defaultSelected || !select.selectedIndex)) option.selected = true;
    return option;
  };
  const option = choose(zone, Intl.DateTimeFormat().resolvedOptions().timeZone);
  if (option?.selected && currency) choose(currency, option.dataset.currency);
});
