"""
The lab: hosts for the cluster as containers with systemd and sshd, on this machine.

``python -m tests.lab up`` makes everything that is missing, the container engine and
the images included. State lives in the engine alone (labels of the network and the
containers) and in ``.lab/`` (keys, known hosts, the engine's log).
"""
