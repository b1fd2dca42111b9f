"""What lineage tests read: responses, pairs, populations."""
