"""Pictures: single ones, numbered sequences, folders, pages, GIFs."""
