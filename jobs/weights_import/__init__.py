"""How `ctcohort weights` imports a model."""
