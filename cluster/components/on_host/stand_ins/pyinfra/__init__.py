"""
What takes pyinfra's place on hosts, which do not have it: a fact builds the command that asks, and reads the answer.
Running it is another's there.
"""
