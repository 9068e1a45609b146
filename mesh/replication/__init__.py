"""The spread of envelopes: eager push, and exchange of what each side lacks."""
