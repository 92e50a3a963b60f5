"""Where each structure lies in a label map: geometry, no statistics."""
