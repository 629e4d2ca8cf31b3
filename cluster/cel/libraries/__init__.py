"""What expressions can call, one file a library, as Kubernetes has them: name, types, values, costs."""
