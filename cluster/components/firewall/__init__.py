"""The firewall of the hosts: who may reach which port, and the rules and the unit that see to it."""
