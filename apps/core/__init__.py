"""The shared kernel: errors, the actor, permissions, tenancy, the bus, the way in and the bases of the four doors.

Every other app may use it; it imports none of them. What it needs of a higher room (who a token belongs to,
where facts go, where live topics come from) it declares as a Protocol and the higher room registers at start-up.
"""
