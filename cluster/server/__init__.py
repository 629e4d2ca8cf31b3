"""HTTP: filters that every request passes, handlers behind them, and the forms in which objects are served.

Content negotiation, discovery, OpenAPI, Tables, watches as streams of bytes, and streams to kubelets.  What a verb does to an
object is the registry's.
"""
