"""The pages of the book that name results instead of typing them: what fills their fields."""
