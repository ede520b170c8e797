"""Figure 5: linear networks."""
