"""Who is asking: one module for each kind of credential, and a union of them."""
