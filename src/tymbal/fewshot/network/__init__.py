"""The in-context network: the support becomes keys and values once, the query attends to it. Loaded when asked for."""
