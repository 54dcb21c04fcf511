/* The filter of the list of claims. The page is complete without this file: it only hides rows, and opens what is
   folded. The address holds the state: ?show=differs&kind=exact&experiment=counting&chapter=01&words=... */
(() => {
  "use strict";
  const tables = [...document.querySelectorAll("table.claims")];
  if (!tables.length) return;
  const rows = tables.flatMap((table) => [...table.querySelectorAll("tr[data-verdict]")]);
  const groups = tables.flatMap((table) => [...table.tBodies]);
  const folds = [...document.querySelectorAll("details.claims-fold")];
  const texts = rows.map((row) => row.textContent.toLowerCase());
  const MEASURED = "measured here", EVERYTHING = "everything";

  const form = document.createElement("form");
  form.className = "claims-filter";
  form.innerHTML =
    '<label>Words <input type="search" name="words" autocomplete="off"></label>' +
    '<label>Show <select name="show"></select></label>' +
    '<label>Kind <select name="kind"><option value="">all</option></select></label>' +
    '<label>Experiment <select name="experiment"><option value="">all</option></select></label>' +
    '<label>Chapter <select name="chapter"><option value="">all</option></select></label>' +
    '<button type="button">Reset</button><output aria-live="polite"></output>';
  const { words, show, kind, experiment, chapter } = form.elements;
  const facets = { kind, experiment, chapter };
  const output = form.querySelector("output");

  const values = (name) => [...new Set(rows.map((row) => row.dataset[name]))].filter(Boolean);
  for (const name of [MEASURED, EVERYTHING, ...values("verdict")]) show.add(new Option(name, name));
  for (const name of values("kind")) kind.add(new Option(name, name));
  const titles = new Map(rows.map((row) => [row.dataset.experiment, row.dataset.title]));
  for (const [name, title] of [...titles].sort((a, b) => a[1].localeCompare(b[1]))) experiment.add(new Option(title, name));
  for (const name of values("chapter").sort()) chapter.add(new Option(Number(name), name));

  function choose(state) {
    words.value = state.get("words") || "";
    const asked = state.get("show");
    show.value = [...show.options].some((option) => option.value === asked) ? asked : MEASURED;
    for (const [name, field] of Object.entries(facets)) {
      field.value = state.get(name) || "";
      if (field.selectedIndex < 0) field.value = "";
    }
  }

  function address() {
    const state = new URLSearchParams();
    if (words.value) state.set("words", words.value);
    if (show.value !== MEASURED) state.set("show", show.value);
    for (const [name, field] of Object.entries(facets)) if (field.value) state.set(name, field.value);
    const query = state.toString();
    return location.pathname + (query ? `?${query}` : "") + location.hash;
  }

  function shownBy(verdict) {
    if (show.value === MEASURED) return verdict !== "not run";
    return show.value === EVERYTHING || show.value === verdict;
  }

  function apply() {
    const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
    const narrowed = wanted.length > 0 || Object.values(facets).some((field) => field.value) ||
      ![MEASURED, EVERYTHING, "not run"].includes(show.value);
    let shown = 0;
    rows.forEach((row, index) => {
      const fits = shownBy(row.dataset.verdict) &&
        Object.entries(facets).every(([name, field]) => !field.value || field.value === row.dataset[name]) &&
        wanted.every((word) => texts[index].includes(word));
      row.hidden = !fits;
      shown += fits;
    });
    for (const group of groups) group.hidden = !group.querySelector("tr[data-verdict]:not([hidden])");
    for (const table of tables) table.parentElement.hidden = [...table.tBodies].every((group) => group.hidden);
    for (const fold of folds) {
      fold.hidden = !fold.querySelector("tr[data-verdict]:not([hidden])");
      fold.open = narrowed && !fold.hidden;
    }
    for (const block of document.querySelectorAll(".claims-block"))
      block.hidden = !block.querySelector("details.claims-fold:not([hidden])");
    output.textContent = `${shown} of ${rows.length} claims`;
  }

  function changed() {
    apply();
    history.replaceState(null, "", address());
  }

  /* A link to a row that is hidden or folded shows it. */
  function reveal() {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    if (target.matches("tr[data-verdict]") && target.hidden) {
      choose(new URLSearchParams({ show: EVERYTHING }));
      changed();
    }
    // Inside the row are its rule and its runs, which is what the reader of a verdict came for.
    const inside = target.matches("tr[data-verdict]") && target.querySelector("details");
    if (inside) inside.open = true;
    let opened = false;
    for (let fold = target.closest("details:not([open])"); fold; fold = fold.parentElement.closest("details:not([open])")) {
      fold.open = true;
      opened = true;
    }
    if (opened || target.matches("tr[data-verdict]")) target.scrollIntoView();
  }

  form.addEventListener("input", changed);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.querySelector("button").addEventListener("click", () => {
    choose(new URLSearchParams());
    changed();
  });
  window.addEventListener("hashchange", reveal);
  tables[0].parentElement.before(form);
  choose(new URLSearchParams(location.search));
  apply();
  reveal();
})();
