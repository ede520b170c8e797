"""Figure 3: sensitivity to hue."""
