"""A video file's frames: read with exact times, and encoded into another."""
