/* Filters of the table of claims. The table is complete without this file: it only hides rows. */
(() => {
  "use strict";
  const table = document.querySelector("table.claims");
  if (!table) return;
  const rows = [...table.querySelectorAll("tr[data-verdict]")];
  const groups = [...table.tBodies];
  const texts = rows.map((row) => row.textContent.toLowerCase());

  const form = document.createElement("form");
  form.className = "claims-filter";
  form.innerHTML =
    '<label>Words <input type="search" name="words" autocomplete="off"></label>' +
    '<label>Verdict <select name="verdict"><option value="">all</option></select></label>' +
    '<label>Kind <select name="kind"><option value="">all</option></select></label>' +
    '<output aria-live="polite"></output>';
  const { words, verdict, kind } = form.elements;
  const output = form.querySelector("output");
  for (const name of new Set(rows.map((row) => row.dataset.verdict))) verdict.add(new Option(name, name));
  for (const name of new Set(rows.map((row) => row.dataset.kind))) kind.add(new Option(name, name));

  function apply() {
    const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    rows.forEach((row, index) => {
      const fits = (!verdict.value || row.dataset.verdict === verdict.value) &&
        (!kind.value || row.dataset.kind === kind.value) &&
        wanted.every((word) => texts[index].includes(word));
      row.hidden = !fits;
      shown += fits;
    });
    for (const group of groups) group.hidden = !group.querySelector("tr[data-verdict]:not([hidden])");
    output.textContent = `${shown} of ${rows.length} claims`;
  }

  function reveal() {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target || !target.hidden) return;
    form.reset();
    apply();
    target.scrollIntoView();
  }

  form.addEventListener("input", apply);
  form.addEventListener("submit", (event) => event.preventDefault());
  window.addEventListener("hashchange", reveal);
  table.parentElement.before(form);
  apply();
})();
