"""Static vectors: trained on a corpus, taken out of an encoder, or put together of others."""
