"""Networks trained on manipulated images."""
