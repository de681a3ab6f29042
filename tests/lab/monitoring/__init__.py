"""What watches a cluster from outside."""
