"""What is put into a language model that stays as it is: adapters, and how they are merged."""
