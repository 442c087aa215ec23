"""Self-supervised objectives and supervised post-training of encoders."""
