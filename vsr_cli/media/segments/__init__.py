"""A video in the making: parts of it encoded apart, kept on disk, and joined without loss."""
