"""From a run that breaks an invariant to the smallest world that still breaks it."""
