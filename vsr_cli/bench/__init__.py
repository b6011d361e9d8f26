"""How fast each part of the pipeline is, how near to the machine's limits, and beside its peers.

What is timed is the code that ``vsr upscale`` runs: the stages of ``pipeline``, one by one and all
together. Read ``run`` first.
"""
