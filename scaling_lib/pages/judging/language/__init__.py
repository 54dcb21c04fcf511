"""The ladder from walks to language, judged by rules that were written before its runs."""
