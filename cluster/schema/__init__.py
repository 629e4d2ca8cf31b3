"""What the API's objects look like: the schemas of each Kubernetes version, and what is made from them.

Here a body becomes an object (parse, decode, prune, fill in defaults), a kind's merge keys are looked up, and OpenAPI documents
are built.  Nothing here knows which kinds are served or what their strategies do.
"""
