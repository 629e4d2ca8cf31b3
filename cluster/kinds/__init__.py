"""What Berth knows of each kind: names, scope, defaults, validation, strategy, table cells; one file a kind.

Names, verbs and columns of every built-in kind are data (`data/`, recorded from Kubernetes); a kind that is more than its
schema has a file under its group that exports STRATEGY, and one line in `STRATEGIES` below.
"""
