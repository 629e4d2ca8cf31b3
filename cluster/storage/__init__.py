"""Where objects live: the store contract, its engines, the log of revisions and each worker's watch cache.

A value is bytes here: JSON text of an object without apiVersion, kind and resourceVersion, beginning `{"metadata":{`.
One store process owns the database; every API server worker holds a watch cache that follows its ordered stream.
"""
