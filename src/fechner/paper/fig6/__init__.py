"""Figure 6: learning under supervision."""
