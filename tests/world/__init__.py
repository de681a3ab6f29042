"""
Simulated hosts, on which pyinfra itself runs the operations: no network, no containers, the real order.

A world says what its hosts answer and what they make of what they are told, see ``world.World``:

- a question is known by its fact: a method marked ``@answer(PatroniCluster)`` gets the fact's arguments and returns the
  lines that a host would print, which go through the fact's own reading
- an act is known by the function that built it: ``acts`` gives it a name, ``obeyed`` does it

The parts have each thing once: ``patroni`` ``postgres`` ``etcd`` ``component`` ``repository`` ``cause``. The worlds are
made of them, one a kind of run. No world knows the words of a program that runs on a host; ``test_known.py`` holds it.
"""
