"""Who may do what: keys, signatures and rates. No HTTP."""
