"""The capstone "One shot": strategies that play it, and what they score. Not part of the package."""
