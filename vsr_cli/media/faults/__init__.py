"""Files that are damaged or end too early: found, counted, put up with."""
