"""What may be written: an ordered chain of plugins that mutate, then plugins that validate.

The order is one table, `order.ORDERED`; each plugin is one file under `plugins/`; nothing registers itself.
"""
