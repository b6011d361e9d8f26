"""Everything beside the main video: copied, converted, or named as left out."""
