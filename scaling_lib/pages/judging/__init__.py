"""The paper's value, ours, the rule, the verdict."""
