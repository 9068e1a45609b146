"""How envelopes spread: eager push, and exchange of what each side lacks."""
