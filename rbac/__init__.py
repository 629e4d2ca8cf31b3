"""Who is asking, and may they: authentication, authorization, credentials, and the default roles.

It knows no database and no HTTP: it is handed a Reader, and answers Decisions with their reasons.
"""
