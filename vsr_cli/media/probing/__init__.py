"""What is in a file, without decoding all of it."""
