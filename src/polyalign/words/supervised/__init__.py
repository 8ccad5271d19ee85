"""Words aligned by what links drawn by hand teach: a question a word, answered by the upper layers of an encoder."""
