"""What befalls a world: cuts, crashes, wrong clocks, lost disks, broken lines."""
