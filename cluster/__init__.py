"""cluster: where work runs and bytes live."""
