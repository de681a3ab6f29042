"""The dashboards, as data: each panel is written once, for Grafana and for the pictures of the documentation."""
