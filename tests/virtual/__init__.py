"""A world without waiting: the reference gateway, the simulated providers and a client in one process, on a clock of their own.

Time passes only when nobody has anything left to do, so ten seconds of a run take one, and the same seed gives the same run
to the nanosecond. The gateway's and the providers' code is the real one; the network between them, the clock and the
client's sockets are not.
"""
