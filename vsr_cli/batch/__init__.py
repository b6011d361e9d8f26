"""Many clips, on one machine or a cluster: owns dask, and calls the pipeline, nothing deeper.

A file is the unit of work: a ``Job`` holds paths and settings, never a model or a picture. Whoever
computes it leaves a record beside the outputs, by which a later run knows that it is done.
"""
