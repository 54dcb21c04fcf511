/* How Sphinx's search ranks what it finds. Its defaults, but for one thing: the reference of the library stands below
   every other page, since a reader who types a word of the field wants the chapter that explains it. */
var Scorer = {
  score: ([page, title, anchor, description, score]) => page.startsWith("book/api") ? score - 1000 : score,
  objNameMatch: 11,
  objPartialMatch: 6,
  objPrio: {0: 15, 1: 5, 2: -5},
  objPrioDefault: 0,
  title: 15,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,
};
