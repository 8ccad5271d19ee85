"""What a language model is trained to do."""
