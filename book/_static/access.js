/* Small repairs of what the theme and its extensions put on a page, for people who do not use a mouse or a screen. */
(() => {
  "use strict";

  /* A name that leaves out the words that are seen cannot be spoken to: then the words themselves are the better name. */
  function nameByWords() {
    for (const control of document.querySelectorAll("button[aria-label], summary[aria-label], a[aria-label]")) {
      const words = control.innerText.toLowerCase().replace(/\s+/g, " ").trim();
      if (words && !control.getAttribute("aria-label").toLowerCase().includes(words)) control.removeAttribute("aria-label");
    }
  }

  /* The switch of colours has a name; those of its three icons, one of which is seen, would be a second one. */
  function nameSwitchOnce() {
    for (const icon of document.querySelectorAll(".theme-switch-button .theme-switch")) {
      icon.removeAttribute("title");
      icon.removeAttribute("aria-labelledby");
      icon.setAttribute("aria-hidden", "true");
      for (const title of icon.querySelectorAll("title")) title.remove();
    }
  }

  /* In the list of pages, a button that shows an arrow alone unfolds the pages below another: it is named by that one. */
  function nameFolds() {
    for (const button of document.querySelectorAll("nav li.has-children > details > summary:not([aria-label])")) {
      const above = button.closest("li").querySelector("a");
      if (above && !button.innerText.trim()) button.setAttribute("aria-label", "Pages below: " + above.innerText.trim());
    }
  }

  /* What scrolls sideways can be scrolled by keyboard. Wide formulas and tables begin to scroll when a window narrows. */
  const SCROLLING = ".table-scroll, .pst-scrollable-table-container, .cell_output .output, .cell_output details table, " +
    ".highlight pre, div.math, mjx-container, details.figure-data table, article figure";
  function scrollByKeyboard() {
    for (const region of document.querySelectorAll(SCROLLING)) {
      const scrolls = region.scrollWidth > region.clientWidth && getComputedStyle(region).overflowX !== "visible";
      if (scrolls && !region.hasAttribute("tabindex")) {
        region.tabIndex = 0;
        region.dataset.scrolls = "";
      } else if (!scrolls && "scrolls" in region.dataset) {
        region.removeAttribute("tabindex");
        delete region.dataset.scrolls;
      }
      if (scrolls && !region.dataset.watched) {
        region.dataset.watched = "";
        region.addEventListener("scroll", () => fadeWhatGoesOn(region), { passive: true });
      }
      fadeWhatGoesOn(region);
    }
  }

  /* Phones hide their scrollbars: what goes on to the right fades out there (custom.css), until one has come to its end. */
  function fadeWhatGoesOn(region) {
    const left = region.scrollWidth - region.clientWidth - region.scrollLeft;
    region.classList.toggle("goes-on", "scrolls" in region.dataset && left > 2);
  }

  function mend() {
    nameByWords();
    nameSwitchOnce();
    nameFolds();
    scrollByKeyboard();
  }

  let waiting = 0;
  function soon() {
    clearTimeout(waiting);
    waiting = setTimeout(mend, 100);
  }

  /* Font Awesome draws the icons, with titles, before or after the page is loaded: a name is mended as soon as it is there. */
  function watchSwitches() {
    for (const button of document.querySelectorAll(".theme-switch-button")) {
      new MutationObserver(nameSwitchOnce).observe(button, { childList: true, subtree: true });
    }
  }
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", watchSwitches);
  else watchSwitches();

  window.addEventListener("load", () => {
    mend();
    const typeset = window.MathJax && window.MathJax.startup && window.MathJax.startup.promise;
    if (typeset) typeset.then(mend);
  });
  window.addEventListener("resize", soon);
  document.addEventListener("toggle", soon, true);
  document.addEventListener("load", soon, true); // of a picture that comes late
  document.addEventListener("click", soon);
})();
