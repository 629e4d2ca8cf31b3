"""Why a request is allowed or denied, who can do something, what someone can do, and a matrix of it all.

A verdict is always the authorizer's own; what is said beside it is found by reading the same index of roles and bindings.  Nothing here
decides anything.  Each function answers the `status` of one of Berth's reviews, as plain JSON.  With `only`, a namespace, nothing is
told of any other namespace, and of cluster-wide bindings no more than an access review's reason tells.
"""
