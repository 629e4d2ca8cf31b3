"""Values merged by their types: what one says is put into the other, member by member, and the rest stays.

Apply configurations are merged so (`cluster.patch.apply_configuration`).  Upstream: structured-merge-diff `typed`, `fieldpath`.
"""
