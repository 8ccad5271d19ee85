"""Words aligned by how alike their vectors are, which an encoder gives: nothing is learned from the bitext."""
