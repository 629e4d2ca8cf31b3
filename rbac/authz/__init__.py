"""May they: authorizers that answer Allow, Deny or NoOpinion with a reason, and a union of them."""
