"""What `make` calls: the chapters, the book, the tests, the repository's address."""
