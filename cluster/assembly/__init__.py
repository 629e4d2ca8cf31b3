"""Where everything is wired from a Config: the paths of a cluster's home, its PKI, and the parts of each process."""
