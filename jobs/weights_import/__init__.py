"""How `ctcohort weights` brings a model in."""
