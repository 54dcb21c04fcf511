"""The studies of twins, judged by rules that were written before their runs."""
