"""How objects lie on disk: an EncryptionConfiguration, the ciphers that it names, and an engine that seals what it is given."""
