"""Figure 2: sensitivity to orientation."""
