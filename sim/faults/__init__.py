"""Fault injection: cuts, crashes, wrong clocks, lost disks, broken wires."""
