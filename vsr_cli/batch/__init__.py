"""Many clips, on one machine or a cluster: owns dask, and calls the pipeline, nothing deeper.

The unit of work is a file, or one segment of a long one: a ``Job`` holds paths and settings, never
a model or a picture. Whoever completes it leaves a record beside the outputs, by which a later run
knows that it is done.
"""
