"""Everything the API server guards, and the components that act on what it admits.

The rooms, from the bottom up: `api` (values and protocols), `schema` and `patch` and `kinds` (what an object is),
`storage` (where it lives), `registry` and `client` (the two ways to reach it), `server`, `controllers`, `scheduler`
and `kubelet` (who acts on it), `assembly` (what wires them) and `cli` (the `berth` command).
"""
