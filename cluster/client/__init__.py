"""The way to the API server for everything that isn't the API server: a thin HTTP client over plain dictionaries, informers, work queues,
leader election and an event recorder; plain threads, light to import, and no knowledge of any kind.
"""
