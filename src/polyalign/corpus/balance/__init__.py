"""Balance: how often each language's, source's or cluster's text is to be repeated, and the rows drawn so."""
