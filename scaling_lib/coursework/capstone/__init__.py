"""The capstone "One shot": screen small models, forecast a large one with an interval, then train it once."""
