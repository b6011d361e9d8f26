"""What a frame's samples mean: pixel formats, planes, colour, orientation."""
