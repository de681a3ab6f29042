"""What watches a cluster from outside: rules and dashboards, and what makes and tries them."""
