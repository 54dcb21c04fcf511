"""What an instructor calls: students' notebooks, assignments, marks and their reports."""
