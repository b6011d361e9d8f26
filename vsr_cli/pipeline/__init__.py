"""The order of things: from a file through the stages to a file. Read ``video`` first."""
